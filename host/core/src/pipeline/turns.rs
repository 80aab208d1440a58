//! Whose turn it is: questions go round the namespaces, so that one tenant's thousand wait for another's one no longer
//! than it for one of theirs; and in a namespace what failed last comes last.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{FailureKind, Verdict};
use crate::model::ServiceKey;

/// Counts failures, the only answers that cost time.
#[derive(Debug, Default)]
pub(super) struct Turns {
    failures: u64,
    /// By namespace, the number of its last failure.
    last: BTreeMap<Arc<str>, u64>,
}

impl Turns {
    /// Takes in an answer; returns the failure's number, if a policy was asked and failed.
    pub(super) fn taken(&mut self, key: &ServiceKey, verdict: &Verdict) -> Option<u64> {
        let failed = verdict.failed(FailureKind::Prompt) || verdict.failed(FailureKind::Slow);
        failed.then(|| {
            self.failures += 1;
            self.last.insert(Arc::clone(&key.namespace), self.failures);
            self.failures
        })
    }

    /// The order in which to ask: first one of each namespace, then a second one of each. `of` says which Service each
    /// is about, and the number of its last failure.
    pub(super) fn order<T>(&self, all: Vec<T>, of: impl Fn(&T) -> (&ServiceKey, u64)) -> Vec<T> {
        let mut namespaces: BTreeMap<Arc<str>, Vec<T>> = BTreeMap::new();
        for one in all {
            let namespace = Arc::clone(&of(&one).0.namespace);
            namespaces.entry(namespace).or_default().push(one);
        }
        let mut ranked = Vec::new();
        for (namespace, mut of_one) in namespaces {
            of_one.sort_by_key(|one| of(one).1);
            let last = self.last.get(&namespace).copied().unwrap_or_default();
            ranked.extend((0_usize..).zip(of_one).map(|(place, one)| ((place, last), one)));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, one)| one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{PolicyFailure, Ruling};

    fn ordered(turns: &Turns, of: &[(&str, u64)]) -> Vec<String> {
        let named = |(name, turn): &(&str, u64)| {
            let (namespace, name) = name.split_once('/').unwrap_or_default();
            (ServiceKey::new(namespace, name), *turn)
        };
        let ordered = turns.order(of.iter().map(named).collect(), |(key, turn)| (key, *turn));
        ordered.into_iter().map(|(key, _)| key.to_string()).collect()
    }

    #[test]
    fn every_namespace_has_its_turn_before_one_has_a_second() {
        let all = [("a/1", 0), ("a/2", 0), ("a/3", 0), ("b/1", 0), ("c/1", 0), ("c/2", 0)];
        assert_eq!(ordered(&Turns::default(), &all), ["a/1", "b/1", "c/1", "a/2", "c/2", "a/3"]);
    }

    #[test]
    fn what_failed_last_comes_last_and_so_does_its_namespace() {
        let failure = PolicyFailure { policy: "p".to_owned(), reason: String::new(), kind: FailureKind::Prompt };
        let verdict = Verdict { failures: vec![failure.clone()], ..Verdict::new(Ruling::Failed(failure)) };
        let mut turns = Turns::default();
        assert_eq!(turns.taken(&ServiceKey::new("a", "1"), &verdict), Some(1));
        assert_eq!(ordered(&turns, &[("a/1", 1), ("a/2", 0), ("b/1", 0)]), ["b/1", "a/2", "a/1"]);
    }
}
