//! A hundred thousand random Services for every policy: the component and the native policy give the same answer for
//! each.

use std::marker::PhantomData;
use std::sync::Arc;

use egressd::wasm;
use egressd_core::chain::{self, MemberRole};
use egressd_core::decision::{Diagnostic, Draft, Outcome};
use egressd_core::model::SubjectView;
use egressd_policy_address_pool::AddressPool;
use egressd_policy_annotations::Annotations;
use egressd_policy_namespace_defaults::NamespaceDefaults;
use egressd_policy_port_allowlist::PortAllowlist;
use egressd_policy_private_guard::PrivateGuard;
use egressd_policy_sdk::{Policy, Settings, Validator, testkit};

use crate::adapter;
use crate::compare::{Pair, assert_often, compare, decided, load, objected};
use crate::components::component;
use crate::questions::{self, annotated, labelled, transformed};
use crate::views::context;

/// A component and its native implementation.
struct PolicyPair<P> {
    component: Arc<dyn chain::Policy>,
    settings: &'static str,
    native: PhantomData<fn() -> P>,
}

impl<P: Policy> PolicyPair<P> {
    fn load(bytes: &[u8], settings: &[&'static str]) -> Vec<Self> {
        let pair = |settings: &&'static str| {
            let MemberRole::Policy(component) = load(bytes, settings) else { panic!("not a policy") };
            Self { component, settings, native: PhantomData }
        };
        settings.iter().map(pair).collect()
    }
}

impl<P: Policy> Pair for PolicyPair<P> {
    type Answer = Outcome;

    fn answers(&self, view: &SubjectView, draft: &Draft) -> [Outcome; 2] {
        let context = context();
        let native = adapter::evaluate::<P>(self.settings, &context, view, draft);
        [self.component.evaluate(&context, view, draft).unwrap(), native]
    }

    fn kind(outcome: &Outcome) -> usize {
        decided(&outcome.decision)
    }
}

struct ValidatorPair<V> {
    component: Arc<dyn chain::Validator>,
    settings: &'static str,
    native: PhantomData<fn() -> V>,
}

impl<V: Validator> Pair for ValidatorPair<V> {
    type Answer = Vec<Diagnostic>;

    fn answers(&self, view: &SubjectView, draft: &Draft) -> [Vec<Diagnostic>; 2] {
        let context = context();
        let description = V::describe(&V::Settings::parse(self.settings).unwrap());
        let subject = testkit::shown(adapter::subject(view, &context), &description);
        let native = testkit::validate_on::<V>(self.settings, &adapter::sdk_context(&context), &subject, draft);
        [self.component.validate(&context, view, draft).unwrap(), native]
    }

    fn kind(reported: &Vec<Diagnostic>) -> usize {
        objected(reported)
    }
}

#[test]
fn both_answer_equally_for_random_annotations() {
    let pairs = PolicyPair::<Annotations>::load(wasm::built_in(), &["{}"]);
    assert_often(compare(&pairs, annotated), [true, true, true, true, false]);
}

#[test]
fn both_answer_equally_for_random_namespaces() {
    let component = component("egressd-policy-namespace-defaults");
    let pairs = PolicyPair::<NamespaceDefaults>::load(&component, &questions::NAMESPACE_DEFAULTS);
    assert_often(compare(&pairs, labelled), [true, true, true, false, false]);
}

#[test]
fn both_answer_equally_for_random_drafts_that_are_guarded() {
    let component = component("egressd-policy-private-guard");
    let pairs = PolicyPair::<PrivateGuard>::load(&component, &questions::PRIVATE_GUARD);
    assert_often(compare(&pairs, transformed), [true, true, false, false, false]);
}

#[test]
fn both_answer_equally_for_random_drafts_that_are_spread() {
    let component = component("egressd-policy-address-pool");
    let pairs = PolicyPair::<AddressPool>::load(&component, &questions::ADDRESS_POOL);
    assert_often(compare(&pairs, transformed), [true, true, false, false, false]);
}

#[test]
fn both_answer_equally_for_random_drafts_that_are_validated() {
    let bytes = component("egressd-policy-port-allowlist");
    let pair = |settings: &'static str| {
        let MemberRole::Validator(component) = load(&bytes, settings) else { panic!("not a validator") };
        ValidatorPair::<PortAllowlist> { component, settings, native: PhantomData }
    };
    assert_often(compare(&questions::PORT_ALLOWLIST.map(pair), transformed), [true, false, false, false, true]);
}
