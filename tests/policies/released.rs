//! Components of contract 0.1.0 beside those of today: both answer the same about a hundred thousand random Services,
//! each.
//!
//! Of a finding, the severity, the code, the span and the rule are compared. Its message is not: the wording is no part
//! of the contract and may become better with each release.

use std::fs;
use std::sync::Arc;

use egressd::wasm::{self, Version};
use egressd_core::chain::{Chain, ChainDecision, Member, MemberRole, Policy, Validator};
use egressd_core::decision::{Diagnostic, Draft, Outcome};
use egressd_core::finding::Finding;
use egressd_core::model::SubjectView;
use egressd_core::policy::Mode;

use crate::compare::{Pair, assert_often, compare, decided, load, objected};
use crate::components::component;
use crate::questions::{self, annotated, labelled, transformed};
use crate::views::context;

/// The component of contract 0.1.0.
fn released(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/wasm/released/0.1.0/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
    let bytes = fs::read(path).unwrap();
    assert_eq!(wasm::inspect(&bytes).unwrap().contract, Version::V0_1, "{name}");
    bytes
}

/// The component of this tree.
fn todays(name: &str) -> Vec<u8> {
    let bytes = component(&format!("egressd-policy-{name}"));
    assert_eq!(wasm::inspect(&bytes).unwrap().contract, Version::V0_2, "{name}");
    bytes
}

fn policy(bytes: &[u8], settings: &str) -> Arc<dyn Policy> {
    let MemberRole::Policy(policy) = load(bytes, settings) else { panic!("not a policy") };
    policy
}

fn validator(bytes: &[u8], settings: &str) -> Arc<dyn Validator> {
    let MemberRole::Validator(validator) = load(bytes, settings) else { panic!("not a validator") };
    validator
}

/// The released policy, and today's.
struct Policies([Arc<dyn Policy>; 2]);

impl Policies {
    fn load(name: &str, settings: &[&str]) -> Vec<Self> {
        let both = [released(name), todays(name)];
        settings.iter().map(|settings| Self([0, 1].map(|at| policy(&both[at], settings)))).collect()
    }
}

impl Pair for Policies {
    type Answer = Outcome;

    fn answers(&self, view: &SubjectView, draft: &Draft) -> [Outcome; 2] {
        [0, 1].map(|at| {
            let mut outcome = self.0[at].evaluate(&context(), view, draft).unwrap();
            outcome.diagnostics = without_messages(outcome.diagnostics);
            outcome
        })
    }

    fn kind(outcome: &Outcome) -> usize {
        decided(&outcome.decision)
    }
}

/// The released validator, and today's.
struct Validators([Arc<dyn Validator>; 2]);

impl Pair for Validators {
    type Answer = Vec<Diagnostic>;

    fn answers(&self, view: &SubjectView, draft: &Draft) -> [Vec<Diagnostic>; 2] {
        [0, 1].map(|at| without_messages(self.0[at].validate(&context(), view, draft).unwrap()))
    }

    fn kind(reported: &Vec<Diagnostic>) -> usize {
        objected(reported)
    }
}

fn without_messages(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.into_iter().map(|one| Diagnostic { message: String::new(), ..one }).collect()
}

/// Both in one chain and in shadow mode, so that each answers as if it were in force alone.
struct ShadowPair(Chain);

impl ShadowPair {
    fn load(name: &str, settings: &str) -> Self {
        let member = |name: &str, component: &[u8]| Member {
            name: name.to_owned(),
            mode: Mode::Shadow,
            ..Member::new(load(component, settings))
        };
        Self(Chain::new([member("released", &released(name)), member("todays", &todays(name))]))
    }
}

impl Pair for ShadowPair {
    type Answer = (usize, Option<Arc<Draft>>, Vec<Finding>);

    fn answers(&self, view: &SubjectView, _: &Draft) -> [Self::Answer; 2] {
        let shadows = self.0.evaluate(&context(), view).shadows;
        let answers: Vec<_> = shadows.into_iter().map(|shadow| answer(shadow.decision, shadow.findings)).collect();
        answers.try_into().unwrap()
    }

    fn kind(answer: &Self::Answer) -> usize {
        answer.0
    }
}

/// An answer without the name of its policy.
fn answer(decision: ChainDecision, findings: Vec<Finding>) -> <ShadowPair as Pair>::Answer {
    let findings = findings.into_iter().map(anonymous).collect();
    match decision {
        ChainDecision::Draft(draft) => (if draft.rules().is_empty() { 2 } else { 1 }, Some(kept(&draft)), findings),
        ChainDecision::Invalid { .. } => (3, None, findings),
        ChainDecision::Denied { .. } => (4, None, findings),
        ChainDecision::Failed(failure) => panic!("{failure}"),
    }
}

/// A draft that leaves open what becomes of connections, as the release did where `keep` was asked for, has them kept.
fn kept(draft: &Draft) -> Arc<Draft> {
    let mut kept = draft.clone();
    kept.on_change = Some(draft.on_change.unwrap_or_default());
    Arc::new(kept)
}

/// A finding without its message and the name of its policy.
fn anonymous(finding: Finding) -> Finding {
    Finding { message: "".into(), policy: None, ..finding }
}

#[test]
fn a_released_component_and_todays_in_one_chain_answer_equally_for_random_annotations() {
    let decided = compare(&[ShadowPair::load("annotations", "{}")], annotated);
    assert_often(decided, [false, true, true, true, false]);
}

#[test]
fn a_released_component_answers_as_todays_about_random_namespaces() {
    let pairs = Policies::load("namespace-defaults", &questions::NAMESPACE_DEFAULTS);
    assert_often(compare(&pairs, labelled), [true, true, true, false, false]);
}

#[test]
fn a_released_component_answers_as_todays_about_random_drafts_that_are_guarded() {
    let pairs = Policies::load("private-guard", &questions::PRIVATE_GUARD);
    assert_often(compare(&pairs, transformed), [true, true, false, false, false]);
}

#[test]
fn a_released_component_answers_as_todays_about_random_drafts_that_are_spread() {
    let pairs = Policies::load("address-pool", &questions::ADDRESS_POOL);
    assert_often(compare(&pairs, transformed), [true, true, false, false, false]);
}

#[test]
fn a_released_component_answers_as_todays_about_random_drafts_that_are_validated() {
    let both = [released("port-allowlist"), todays("port-allowlist")];
    let pair = |settings: &'static str| Validators([0, 1].map(|at| validator(&both[at], settings)));
    assert_often(compare(&questions::PORT_ALLOWLIST.map(pair), transformed), [true, false, false, false, true]);
}
