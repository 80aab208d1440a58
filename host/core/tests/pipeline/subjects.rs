//! Subjects that are no Services: policies that know them are asked about them, those that do not forbid them, and
//! nothing of them is for Services alone.

use egressd_core::chain::{Contract, NOT_SHOWN};
use egressd_core::model::{
    EgressPolicy, KnownPods, ObjectReference, Phase, Pod, PodNetwork, Pods, SubjectKind, SubjectKinds,
};
use egressd_core::testkit::egress_policy;

use super::*;

/// The same member, asked about both kinds.
fn of_both_kinds(member: Member) -> Member {
    member.handling([SubjectKind::Service, SubjectKind::EgressPolicy].into_iter().collect(), Contract::Native)
}

fn web_policy(action: &str) -> EgressPolicy {
    let mut policy = egress_policy("web", &["11.0.0.2"], &["10.0.0.7"]);
    policy.annotations.insert("do".to_owned(), action.to_owned());
    policy
}

impl Fixture {
    fn put_policy(&mut self, policy: EgressPolicy) -> Round {
        let key = policy.key.clone();
        SnapshotBuilder::default().egress_policy(policy).add_to(&mut self.snapshot);
        self.look_at([ChangeKey::Subject(key)])
    }
}

#[test]
fn a_subject_of_a_kind_that_its_policies_handle_is_translated_beside_a_service_of_its_name() {
    let mut fixture = Fixture::new();
    fixture.reload([of_both_kinds(annotation_policy())]);
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let round = fixture.put_policy(web_policy("translate"));
    let planned: Vec<String> =
        round.plan.subjects.iter().map(|(key, planned)| format!("{key} {:?}", planned.rules[0].sources())).collect();
    assert_eq!(planned, ["default/web [10.0.0.1]", "EgressPolicy default/web [10.0.0.7]"]);
    assert_eq!(fixture.asked, 2);
}

#[test]
fn what_is_published_on_a_service_is_published_on_no_other_kind() {
    let mut fixture = Fixture::new();
    fixture.reload([of_both_kinds(annotation_policy())]);
    let policy = web_policy("translate");
    let key = policy.key.clone();
    let round = fixture.put_policy(policy);
    assert!(round.reporting[&key].active.is_empty());
}

#[test]
fn a_subject_that_an_old_guard_cannot_be_shown_is_denied_and_reported_and_nothing_is_planned() {
    let mut fixture = Fixture::new();
    let guard = Member { name: "guard".to_owned(), ..fixed_policy(Decision::Pass) };
    let guard = guard.handling(SubjectKinds::services(), Contract::Services("0.1.0"));
    fixture.reload([of_both_kinds(annotation_policy())]);
    let policy = web_policy("translate");
    let key = policy.key.clone();
    let round = fixture.put_policy(policy);
    assert_eq!(round.statuses[&key].state, State::Translating);
    let round = fixture.reload([of_both_kinds(annotation_policy()), guard]);
    let status = &round.statuses[&key];
    assert_eq!((status.state, round.plan.subjects.contains_key(&key)), (State::Denied, false));
    let [finding] = &status.findings[..] else { panic!("one finding: {:?}", status.findings) };
    assert_eq!(
        finding.to_string(),
        "error: policy guard cannot evaluate an EgressPolicy: it is a component of contract 0.1.0, which knows Services \
         only; rebuild it with contract 0.2.0 and list EgressPolicy in its subject kinds [subject-not-supported] policy guard"
    );
    assert_eq!(finding.code, NOT_SHOWN);
}

#[test]
fn a_subject_that_is_gone_loses_its_rules_and_its_service_of_the_same_name_keeps_them() {
    let mut fixture = Fixture::new();
    fixture.reload([of_both_kinds(annotation_policy())]);
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let policy = web_policy("translate");
    let key = policy.key.clone();
    fixture.put_policy(policy);
    fixture.snapshot.egress_policies.remove(&key);
    let round = fixture.look_at([ChangeKey::Subject(key.clone())]);
    assert!(!round.statuses.contains_key(&key));
    assert_eq!(in_force(&round), "10.0.0.1 -> 11.0.0.2");
}

#[test]
fn a_subject_that_asks_for_what_is_not_its_own_is_refused_by_its_kind() {
    let mut fixture = Fixture::new();
    fixture.reload([of_both_kinds(annotation_policy())]);
    let policy = web_policy("steal");
    let key = policy.key.clone();
    let round = fixture.put_policy(policy);
    let [failure, nothing] = &round.statuses[&key].findings[..] else { panic!("{:?}", round.statuses[&key].findings) };
    let refused = "which is not one of the EgressPolicy's own addresses";
    assert!(failure.message.contains(refused) && failure.policy.is_some(), "{failure}");
    assert_eq!(
        nothing.message.as_str(),
        "there is no earlier valid configuration, so egress is inactive for this EgressPolicy"
    );
}

#[test]
fn what_a_subject_selects_and_is_a_pod_of_another_namespace_is_not_translated() {
    let mut fixture = Fixture::new();
    fixture.reload([of_both_kinds(annotation_policy())]);
    let policy = web_policy("translate");
    let key = policy.key.clone();
    for (namespace, is_translated) in [("default", true), ("other", false)] {
        let pod = Pod {
            name: ObjectReference::new(namespace, "pod-10.0.0.7"),
            uid: Uid::new("pod").expect("a uid"),
            phase: Phase::Alive,
            network: PodNetwork::Own,
            addresses: vec![a("10.0.0.7")],
            labels: Labels::default(),
            started: None,
        };
        let mut pods = Pods::default();
        pods.insert(Arc::new(pod));
        fixture.snapshot.pods = KnownPods::Complete(pods);
        fixture.look_at([ChangeKey::Pods]);
        let round = fixture.put_policy(policy.clone());
        assert_eq!(round.plan.subjects.contains_key(&key), is_translated, "{namespace}");
    }
}
