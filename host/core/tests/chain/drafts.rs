//! Drafts that a component of contract 0.1.0 cannot be shown.

use egressd_core::chain::{ChainResult, Contract, DRAFT_NOT_SHOWN};
use egressd_core::model::SubjectKinds;
use egressd_core::testkit::Several;

use super::kinds::{ENFORCED, codes};
use super::*;

/// What a chain says whose first member wants several addresses, and whose second one is this.
fn verdict(second: Member) -> ChainResult {
    let snapshot = SnapshotBuilder::default().service(service("web", &["11.0.0.2", "11.0.0.3"]), &["10.0.0.1"]).build();
    let (facts, key) = (ClusterFacts::detected(&snapshot), SubjectKey::service("default", "web"));
    let view = view(&snapshot, &facts, &key, AddressTrust::Status, &AnnotationPrefix::default()).expect("it is there");
    let first = Member { order: -1, ..Member::new(MemberRole::Policy(Arc::new(Several))) };
    Chain::new([first, second]).evaluate(&here().0, &view)
}

fn of(part: ScriptedMember, contract: Contract) -> Member {
    member(1, part, &Arc::default()).handling(SubjectKinds::services(), contract)
}

#[test]
fn a_draft_that_a_member_in_force_cannot_be_shown_denies_the_subject() {
    for (validator, on_failure) in [(false, OnFailure::KeepLast), (true, OnFailure::Skip)] {
        let part = ScriptedMember { says: ScriptedAnswer::Pass, validator, on_failure, ..ENFORCED };
        let verdict = verdict(of(part, Contract::Services("0.1.0")));
        assert_eq!(verdict.decision, ChainDecision::Denied { policy: "p1".to_owned() });
        assert_eq!(codes(&verdict.findings), [(Severity::Error, DRAFT_NOT_SHOWN)]);
        assert_eq!(
            verdict.findings[0].message,
            "policy p1 cannot receive several addresses of rule \"only\": it is a component of contract 0.1.0; rebuild it \
             with contract 0.2.0, or leave that out of the draft"
        );
        assert_eq!(verdict.findings[0].policy.as_ref().map(|policy| policy.as_str()), Some("p1"));
    }
}

#[test]
fn a_member_whose_contract_has_a_form_for_the_draft_is_asked() {
    for contract in [Contract::Native, Contract::Subjects("0.2.0")] {
        let verdict = verdict(of(ScriptedMember { says: ScriptedAnswer::Pass, ..ENFORCED }, contract));
        assert!(matches!(&verdict.decision, ChainDecision::Draft(draft) if draft.rules()[0].alternatives().len() == 1));
    }
}

#[test]
fn in_shadow_mode_its_shadow_alone_says_so() {
    let verdict = verdict(of(ScriptedMember { mode: Mode::Shadow, ..ENFORCED }, Contract::Services("0.1.0")));
    assert!(matches!(verdict.decision, ChainDecision::Draft(_)) && verdict.findings.is_empty());
    assert_eq!(verdict.shadows[0].decision, ChainDecision::Denied { policy: "p1".to_owned() });
    assert_eq!(codes(&verdict.shadows[0].findings), [(Severity::Error, DRAFT_NOT_SHOWN)]);
}
