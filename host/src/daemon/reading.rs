//! What is read of Services, and what there is to read.
//!
//! Sources cut annotations to what the policies and the host read, and follow the Leases of Services that ask by names which
//! are read. So policies that read more wait until that is there, and those in force go on meanwhile: no Service is judged
//! by policies that would have read more of it.

use egressd_core::model::{AnnotationPrefix, Interest};

use crate::policies::Loaded;
use crate::source::handover::{Coverage, SnapshotReceiver, Update};

/// What is read, and what of it is there.
#[derive(Debug)]
pub(super) struct Reading {
    host: Interest,
    /// By the policies in force.
    in_force: Interest,
    /// In the newest state; everything before the first one.
    coverage: Coverage,
    /// Policies that read more than is there.
    waiting: Option<Loaded>,
    policies: FirstPolicies,
}

/// Whether policies are in force in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstPolicies {
    Awaited,
    Given,
}

impl Reading {
    /// Before the first policies.
    pub(super) fn new(prefix: &AnnotationPrefix) -> Self {
        let (host, in_force) = (Interest::of_host(prefix), Interest::default());
        Self { host, in_force, coverage: Coverage::default(), waiting: None, policies: FirstPolicies::Awaited }
    }

    /// Before the first policies are loaded, what the host itself reads is enough for the guard.
    /// What the source hands over may be cut to that.
    pub(super) fn begin(&mut self, source: &SnapshotReceiver) {
        self.coverage = Coverage { kept: Some(self.host.clone()), followed: None };
        source.ask(self.host.clone());
    }

    /// Whether policies came back.
    pub(super) fn has_policies(&self) -> bool {
        self.policies == FirstPolicies::Given
    }

    /// Takes in other policies: they come back, now or later, when all that they read is there.
    pub(super) fn load(&mut self, mut newer: Loaded, source: &SnapshotReceiver) -> Option<Loaded> {
        let earlier = self.waiting.take().and_then(|waiting| waiting.chain);
        newer.chain = newer.chain.or(earlier);
        let Some(chain) = &newer.chain else {
            self.policies = FirstPolicies::Given;
            return Some(newer);
        };
        let read = chain.interest();
        // Whose Leases are followed becomes less as soon as less is asked for, and it is more only in a later state.
        let narrowed = Coverage { kept: None, followed: source.asked() };
        if !narrowed.has(&read) {
            self.coverage.followed = self.coverage.followed.take().and(narrowed.followed);
        }
        source.ask(read.and(&self.in_force).and(&self.host));
        self.waiting = Some(newer);
        self.ready(source)
    }

    /// Takes in a newer state; the policies that waited for it.
    pub(super) fn take(&mut self, update: &Update, source: &SnapshotReceiver) -> Option<Loaded> {
        self.coverage.clone_from(&update.coverage);
        self.ready(source)
    }

    fn ready(&mut self, source: &SnapshotReceiver) -> Option<Loaded> {
        let read = self.waiting.as_ref()?.chain.as_ref()?.interest();
        if !self.coverage.has(&read) {
            return None;
        }
        source.ask(read.clone().and(&self.host));
        self.policies = FirstPolicies::Given;
        self.in_force = read;
        self.waiting.take()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use egressd_core::chain::{Chain, Member, MemberRole, Policy, PolicyFailure};
    use egressd_core::decision::{Decision, Draft, Outcome};
    use egressd_core::model::{Context, SubjectView};

    use super::*;
    use crate::source::handover::handover;

    struct Silent;

    impl Policy for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        fn evaluate(&self, _: &Context, _: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
            Ok(Outcome { decision: Decision::Pass, diagnostics: vec![] })
        }
    }

    /// Policies that read what begins so.
    fn reading(prefix: &str) -> Loaded {
        let member = Member::new(MemberRole::Policy(Arc::new(Silent)));
        let chain = Chain::new([member.reading(Interest::new([&prefix.to_owned()], []))]);
        Loaded { chain: Some(chain), reports: vec![], valid: Default::default(), findings: vec![] }
    }

    fn covering(coverage: Coverage) -> Update {
        Update { coverage, ..Update::default() }
    }

    fn read(loaded: Option<Loaded>) -> Option<Interest> {
        loaded.map(|loaded| loaded.chain.unwrap().interest())
    }

    #[test]
    fn policies_that_read_more_wait_for_it_and_those_in_force_lose_nothing() {
        let ((sender, receiver), mut known) = (handover(), Reading::new(&AnnotationPrefix::default()));
        let interest_of = |prefix: &str| reading(prefix).chain.unwrap().interest();
        let asked = || sender.asked().borrow().clone().unwrap();
        assert_eq!(read(known.load(reading("a/"), &receiver)), Some(interest_of("a/")), "nothing was cut yet");
        let update = |kept: Interest| covering(Coverage { kept: Some(kept), followed: None });
        assert_eq!(read(known.take(&update(asked()), &receiver)), None);
        assert!(asked().covers(&interest_of("kube-vip.io/vipHost")) && !asked().covers(&interest_of("b/")));
        let before = asked();
        assert_eq!(read(known.load(reading("b/"), &receiver)), None);
        assert!(asked().covers(&interest_of("a/")) && asked().covers(&interest_of("b/")), "a/ is in force");
        assert_eq!(read(known.take(&update(before), &receiver)), None, "that was cut before");
        assert_eq!(read(known.take(&update(asked()), &receiver)), Some(interest_of("b/")));
        assert!(!asked().covers(&interest_of("a/")));
    }

    #[test]
    fn policies_that_read_more_wait_until_leases_are_followed_by_it() {
        let ((sender, receiver), mut known) = (handover(), Reading::new(&AnnotationPrefix::default()));
        let followed = || covering(Coverage { kept: None, followed: sender.asked().borrow().clone() });
        known.load(reading("a/"), &receiver).unwrap();
        assert!(known.take(&followed(), &receiver).is_none(), "nothing waits");
        assert!(known.load(reading("b/"), &receiver).is_none());
        assert!(known.take(&followed(), &receiver).is_some());
        assert!(known.load(reading("a/"), &receiver).is_none(), "less was asked for since that state");
        assert!(known.take(&followed(), &receiver).is_some());
    }

    #[test]
    fn newer_policies_take_the_place_of_those_that_wait_and_news_without_any_do_not() {
        let ((sender, receiver), mut known) = (handover(), Reading::new(&AnnotationPrefix::default()));
        known.load(reading("a/"), &receiver).unwrap();
        known.take(&covering(Coverage { kept: sender.asked().borrow().clone(), followed: None }), &receiver);
        assert!(known.load(reading("b/"), &receiver).is_none());
        assert!(known.load(Loaded { chain: None, ..reading("b/") }, &receiver).is_none(), "b/ waits still");
        assert_eq!(read(known.load(reading("a/x"), &receiver)), read(Some(reading("a/x"))));
        assert!(known.take(&Update::default(), &receiver).is_none());
    }
}
