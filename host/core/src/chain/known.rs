//! Inputs for which a policy is known to fail. Equal input gives an equal answer, so another evaluation would only
//! repeat the cost.

use std::collections::{BTreeMap, VecDeque};

use super::PolicyFailure;
use crate::model::Uid;

/// So many inputs of one Service: today's, the one that was accepted last, and those of policies in shadow mode.
const MOST_INPUTS: usize = 8;
/// So many Services. Beyond, all are forgotten, which costs one more question for each.
const MOST_SERVICES: usize = 16_384;

/// The failures of one policy under its settings, by input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailures(BTreeMap<Uid, VecDeque<(u64, PolicyFailure)>>);

impl KnownFailures {
    /// What comes of an input of this Service. `input` is its fingerprint, asked for only where one is known.
    pub fn get(&self, service: &Uid, input: impl FnOnce() -> u64) -> Option<&PolicyFailure> {
        let known = self.0.get(service)?;
        let input = input();
        known.iter().find(|(other, _)| *other == input).map(|(_, failure)| failure)
    }

    /// Remembers a failure that comes again with the same input.
    pub fn remember(&mut self, service: &Uid, input: u64, failure: PolicyFailure) {
        if self.0.len() >= MOST_SERVICES && !self.0.contains_key(service) {
            self.0.clear();
        }
        let known = self.0.entry(service.clone()).or_default();
        if known.len() >= MOST_INPUTS {
            known.pop_front();
        }
        known.push_back((input, failure));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use super::*;
    use crate::chain::FailureKind;

    fn failure(reason: &str) -> PolicyFailure {
        PolicyFailure { policy: "p".to_owned(), reason: reason.to_owned(), kind: FailureKind::Prompt }
    }

    #[test]
    fn a_failure_is_known_for_its_service_and_input_alone() {
        let [a, b] = ["a", "b"].map(|uid| Uid::new(uid).expect("a uid"));
        let mut known = KnownFailures::default();
        known.remember(&a, 1, failure("it trapped"));
        assert_eq!(known.get(&a, || 1), Some(&failure("it trapped")));
        assert_eq!(known.get(&a, || 2), None);
        assert_eq!(known.get(&b, || panic!("no fingerprint is needed")), None);
    }

    #[test]
    fn the_oldest_input_of_a_service_is_forgotten_first() {
        let service = Uid::new("a").expect("a uid");
        let mut known = KnownFailures::default();
        for input in 0..=8 {
            known.remember(&service, input, failure("it trapped"));
        }
        assert_eq!(known.get(&service, || 0), None);
        assert!((1..=8).all(|input| known.get(&service, || input).is_some()));
    }
}
