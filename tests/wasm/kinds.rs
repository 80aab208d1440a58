//! Components and subjects of a kind that they do not handle: a subject that an old guard cannot be shown is denied and
//! reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd::metrics::Metrics;
use egressd::policies::{Library, Sandbox};
use egressd_core::chain::{Chain, ChainDecision, ChainResult, Contract, Member, MemberRole, NOT_SHOWN};
use egressd_core::finding::Severity;
use egressd_core::model::{
    AddressTrust, AnnotationPrefix, ClusterFacts, PolicyObject, SubjectKind, SubjectKinds, SubjectView,
};
use egressd_core::testkit::{self, Several, SnapshotBuilder};

use crate::components::component;
use crate::released::released;
use crate::services::CHILD;

/// An EgressPolicy as policies of a node would be shown it.
fn of_another_kind() -> SubjectView {
    let policy = testkit::egress_policy("web", &["11.0.0.2"], &["10.0.0.1"]);
    let key = policy.key.clone();
    let snapshot = SnapshotBuilder::default().egress_policy(policy).build();
    let facts = ClusterFacts::detected(&snapshot);
    let prefix = AnnotationPrefix::default();
    egressd_core::model::view(&snapshot, &facts, &key, AddressTrust::Status, &prefix).unwrap()
}

/// A component as a ConfigMap brings it into a chain.
fn deployed(component: Vec<u8>, settings: &str, mode: &str) -> Member {
    let annotations = [("egressd.io/mode".to_owned(), mode.to_owned())].into_iter().collect();
    let (name, wasm, settings) = ("guard".to_owned(), Some(component.into()), Some(settings.to_owned()));
    let object = PolicyObject { name, annotations, wasm, settings, ..PolicyObject::default() };
    let (sandbox, prefix) = (Sandbox::compiling(CHILD.clone()).unwrap(), AnnotationPrefix::default());
    let chain = Library::new(sandbox, prefix, Metrics::default(), BTreeMap::new()).update([Arc::new(object)]).chain;
    chain.unwrap().members().iter().find(|member| member.name == "guard").unwrap().clone()
}

/// The result behind a policy that handles it.
fn verdict(guard: Member) -> ChainResult {
    let kinds: SubjectKinds = [SubjectKind::Service, SubjectKind::EgressPolicy].into_iter().collect();
    let first = Member { order: -1, ..Member::new(MemberRole::Policy(Arc::new(Several))) };
    Chain::new([first.handling(kinds, Contract::Native), guard]).evaluate(&testkit::context(), &of_another_kind())
}

/// The guards of contract 0.1.0, a policy and a validator, with settings that they take.
fn old_guards() -> [(Vec<u8>, &'static str); 2] {
    [(released("private-guard"), "{}"), (released("port-allowlist"), r#"{"allow": [{"ports": ["tcp:1-65535"]}]}"#)]
}

const REMEDY: &str = "policy guard cannot evaluate an EgressPolicy: it is a component of contract 0.1.0, which knows \
                      Services only; rebuild it with contract 0.2.0 and list EgressPolicy in its subject kinds";

#[test]
fn a_subject_that_an_old_guard_cannot_be_shown_is_denied_and_reported_with_the_version_that_it_needs() {
    for (component, settings) in old_guards() {
        let verdict = verdict(deployed(component, settings, "enforce"));
        assert_eq!(verdict.decision, ChainDecision::Denied { policy: "guard".to_owned() });
        let [finding] = &verdict.findings[..] else { panic!("{:?}", verdict.findings) };
        assert_eq!((finding.severity, finding.code.as_str()), (Severity::Error, NOT_SHOWN));
        assert_eq!((finding.message.as_str(), finding.policy.as_deref().unwrap().as_str()), (REMEDY, "guard"));
    }
}

#[test]
fn a_guard_of_0_2_0_that_does_not_list_the_kind_denies_it_as_well_and_has_to_list_it() {
    let verdict = verdict(deployed(component("egressd-policy-private-guard"), "{}", "enforce"));
    assert_eq!(verdict.decision, ChainDecision::Denied { policy: "guard".to_owned() });
    assert_eq!(
        verdict.findings[0].message,
        "policy guard cannot evaluate an EgressPolicy: it is a component of contract 0.2.0 that lists Service in its subject \
         kinds; list EgressPolicy there, or take the subject out of its scope"
    );
}

#[test]
fn an_old_guard_in_shadow_mode_reports_it_in_its_shadow_and_changes_nothing() {
    for (component, settings) in old_guards() {
        let verdict = verdict(deployed(component, settings, "shadow"));
        assert!(
            matches!(&verdict.decision, ChainDecision::Draft(draft) if draft.rules().len() == 1),
            "{:?}",
            verdict.decision
        );
        assert!(verdict.findings.is_empty());
        assert_eq!(verdict.shadows[0].decision, ChainDecision::Denied { policy: "guard".to_owned() });
        assert_eq!(verdict.shadows[0].findings[0].message, REMEDY);
    }
}

/// The chain does not ask; the room would not invent a Service either.
#[test]
fn an_old_component_fails_when_it_is_evaluated_for_a_kind_that_it_does_not_handle() {
    for (component, settings) in old_guards() {
        let (view, context, draft) = (of_another_kind(), testkit::context(), Default::default());
        let failure = match deployed(component, settings, "enforce").asked {
            MemberRole::Policy(policy) => policy.evaluate(&context, &view, &draft).err(),
            MemberRole::Validator(validator) => validator.validate(&context, &view, &draft).err(),
            MemberRole::Missing(reason) => panic!("{reason}"),
        };
        assert_eq!(failure.unwrap().reason, "its contract has no form for a subject of kind EgressPolicy");
    }
}
