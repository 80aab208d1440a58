//! Subjects of kinds that a member does not handle.

use egressd_core::chain::{ChainResult, Contract, NOT_SHOWN};
use egressd_core::finding::Finding;
use egressd_core::model::{SubjectKind, SubjectKinds};
use egressd_core::testkit::egress_policy;

use super::*;

pub(super) const ENFORCED: ScriptedMember = ScriptedMember {
    says: ScriptedAnswer::Add,
    validator: false,
    order: 0,
    mode: Mode::Enforce,
    on_failure: OnFailure::KeepLast,
    covers: true,
};

fn of_both_kinds(member: Member) -> Member {
    let kinds: SubjectKinds = [SubjectKind::Service, SubjectKind::EgressPolicy].into_iter().collect();
    member.handling(kinds, Contract::Subjects("0.2.0"))
}

/// A view of an EgressPolicy.
fn of_another_kind() -> SubjectView {
    let policy = egress_policy("web", &["11.0.0.2"], &["10.0.0.1"]);
    let key = policy.key.clone();
    let snapshot = SnapshotBuilder::default().egress_policy(policy).build();
    let facts = ClusterFacts::detected(&snapshot);
    view(&snapshot, &facts, &key, AddressTrust::Status, &AnnotationPrefix::default()).expect("it is there")
}

/// What a chain says about it: of one member that handles it, and one of each of these parts that does not.
fn verdict(others: &[ScriptedMember]) -> (ChainResult, usize) {
    let asked = Arc::default();
    let first = of_both_kinds(member(0, ENFORCED, &asked));
    let others = others.iter().enumerate().map(|(index, part)| member(index + 1, *part, &asked));
    let verdict = Chain::new([first].into_iter().chain(others)).evaluate(&here().0, &of_another_kind());
    (verdict, asked.load(Ordering::Relaxed))
}

pub(super) fn codes(findings: &[Finding]) -> Vec<(Severity, &str)> {
    findings.iter().map(|finding| (finding.severity, finding.code.as_str())).collect()
}

#[test]
fn a_member_that_handles_its_kind_is_asked_about_a_subject() {
    let (verdict, asked) = verdict(&[]);
    assert!(matches!(&verdict.decision, ChainDecision::Draft(draft) if draft.rules().len() == 1));
    assert_eq!((verdict.policy.as_deref(), asked), (Some("p0"), 1));
}

#[test]
fn a_subject_that_a_member_in_force_cannot_be_shown_is_denied_without_a_question() {
    for blind in [
        ScriptedMember { says: ScriptedAnswer::Pass, ..ENFORCED },
        ScriptedMember { validator: true, ..ENFORCED },
        ScriptedMember { says: ScriptedAnswer::Fail, order: -1, on_failure: OnFailure::Skip, ..ENFORCED },
    ] {
        let (verdict, asked) = verdict(&[blind]);
        assert_eq!(verdict.decision, ChainDecision::Denied { policy: "p1".to_owned() }, "{blind:?}");
        assert_eq!((codes(&verdict.findings), asked), (vec![(Severity::Error, NOT_SHOWN)], 0), "{blind:?}");
        assert_eq!(verdict.findings[0].policy.as_ref().map(|policy| policy.as_str()), Some("p1"));
    }
}

#[test]
fn a_member_that_does_not_cover_a_subject_need_not_be_shown_it() {
    let (verdict, _) = verdict(&[ScriptedMember { covers: false, ..ENFORCED }]);
    assert!(
        matches!(verdict.decision, ChainDecision::Draft(_)) && codes(&verdict.findings) == [(Severity::Info, "asked")]
    );
}

#[test]
fn in_shadow_mode_it_is_reported_in_its_own_shadow_alone() {
    let (verdict, asked) = verdict(&[ScriptedMember { mode: Mode::Shadow, ..ENFORCED }]);
    assert!(matches!(verdict.decision, ChainDecision::Draft(_)) && asked == 1);
    assert_eq!(codes(&verdict.findings), [(Severity::Info, "asked")]);
    let [shadow] = &verdict.shadows[..] else { panic!("one shadow") };
    assert_eq!(shadow.decision, ChainDecision::Denied { policy: "p1".to_owned() });
    assert_eq!(codes(&shadow.findings), [(Severity::Error, NOT_SHOWN)]);
}

#[test]
fn a_member_that_could_not_be_loaded_is_missed_as_for_services() {
    let missing = Member { name: "guard".to_owned(), ..Member::new(MemberRole::Missing("no such file".to_owned())) };
    let verdict = Chain::new([missing]).evaluate(&here().0, &of_another_kind());
    assert!(matches!(verdict.decision, ChainDecision::Failed(_)), "{:?}", verdict.decision);
}

/// Its operator chose that the others decide where it cannot answer.
#[test]
fn a_member_that_could_not_be_loaded_and_is_to_be_skipped_is_skipped_for_subjects_of_every_kind() {
    let missing = Member {
        name: "guard".to_owned(),
        order: 1,
        on_failure: OnFailure::Skip,
        ..Member::new(MemberRole::Missing("no such file".to_owned()))
    };
    let first = of_both_kinds(member(0, ENFORCED, &Arc::default()));
    let verdict = Chain::new([first, missing]).evaluate(&here().0, &of_another_kind());
    assert!(
        matches!(&verdict.decision, ChainDecision::Draft(draft) if draft.rules().len() == 1),
        "{:?}",
        verdict.decision
    );
    let expected = [(Severity::Info, "asked"), (Severity::Warning, "policy-failed")];
    assert_eq!(codes(&verdict.findings), expected);
}

#[test]
fn the_finding_says_what_to_do_for_each_contract() {
    let message = |contract| {
        let member = member(1, ENFORCED, &Arc::default()).handling(SubjectKinds::services(), contract);
        let verdict = Chain::new([member]).evaluate(&here().0, &of_another_kind());
        verdict.findings[0].message.to_string()
    };
    let begin = "policy p1 cannot evaluate an EgressPolicy: ";
    for (contract, end) in [
        (
            Contract::Services("0.1.0"),
            "it is a component of contract 0.1.0, which knows Services only; rebuild it with contract 0.2.0 and list \
             EgressPolicy in its subject kinds",
        ),
        (
            Contract::Subjects("0.2.0"),
            "it is a component of contract 0.2.0 that lists Service in its subject kinds; list EgressPolicy there, or take \
             the subject out of its scope",
        ),
        (Contract::Native, "it is built into egressd and handles Service only"),
    ] {
        assert_eq!(message(contract), format!("{begin}{end}"));
    }
}
