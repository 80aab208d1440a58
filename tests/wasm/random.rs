//! A hundred thousand random Services for every policy: the component and the native policy say the same about each.

use std::sync::Arc;
use std::thread;

use egressd::wasm;
use egressd_core::chain;
use egressd_core::decision::{Decision, Draft};
use egressd_core::model::ServiceView;
use egressd_policy_address_pool::AddressPool;
use egressd_policy_annotations::Annotations;
use egressd_policy_namespace_defaults::NamespaceDefaults;
use egressd_policy_private_guard::PrivateGuard;
use egressd_policy_sdk::Policy;

use crate::adapter;
use crate::components::component;
use crate::dice::Dice;
use crate::services::{ENGINE, context, policy};

/// Services for each policy.
const SERVICES: usize = 100_000;

/// Threads that ask.
const THREADS: usize = 2;

/// A component with settings, and these settings.
type Loaded = (Arc<dyn chain::Policy>, &'static str);

/// How often each decision was made: pass, rules, a draft without rules, invalid, deny.
type Decided = [usize; 5];

fn load(bytes: &[u8], settings: &[&'static str]) -> Vec<Loaded> {
    settings.iter().map(|settings| (policy(&ENGINE, bytes, "policy", settings), *settings)).collect()
}

/// Asks both about random questions.
fn compare<P: Policy>(components: &[Loaded], question: fn(&mut Dice) -> (ServiceView, Draft)) -> Decided {
    let share = |seed: u64| {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (seed << 7));
        let mut decided = Decided::default();
        for number in 0..SERVICES / THREADS {
            let (component, settings) = &components[number % components.len()];
            let (view, draft) = question(&mut dice);
            let native = adapter::evaluate::<P>(settings, &context(), &view, &draft);
            let answer = component.evaluate(&context(), &view, &draft).unwrap();
            assert_eq!(answer, native, "{settings}: {view:?}, {draft:?}");
            decided[kind(&native.decision)] += 1;
        }
        decided
    };
    let shares = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u64).map(|seed| scope.spawn(move || share(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    shares.into_iter().fold(Decided::default(), |sum, share| std::array::from_fn(|at| sum[at] + share[at]))
}

fn kind(decision: &Decision) -> usize {
    match decision {
        Decision::Pass => 0,
        Decision::Plan(draft) if !draft.rules.is_empty() => 1,
        Decision::Plan(_) => 2,
        Decision::Invalid => 3,
        Decision::Deny => 4,
    }
}

/// A comparison of refusals alone would compare little: these decisions are made often, and no others at all.
fn assert_often(decided: Decided, often: [bool; 5]) {
    for (count, often) in decided.into_iter().zip(often) {
        assert!(if often { count > SERVICES / 100 } else { count == 0 }, "{decided:?}");
    }
}

#[test]
fn both_say_the_same_about_random_annotations() {
    let components = load(wasm::built_in(), &["{}"]);
    let decided = compare::<Annotations>(&components, |dice| (dice.annotated(), Draft::default()));
    assert_often(decided, [true, true, true, true, false]);
}

#[test]
fn both_say_the_same_about_random_namespaces() {
    let settings = [
        r#"{"defaults": [{"egress": {}}]}"#,
        r#"{"defaults": [{"namespaces": {"labels": {"egress": "static"}}, "services": {"labels": {"tier": "front"}}, "egress": {"families": "both", "destination-ports": ["tcp:443"], "on-change": "sever"}}, {"namespaces": {"names": ["attic"]}, "egress": {"allowed-networks": ["198.51.100.0/24"], "on-unavailable": "drop"}}]}"#,
        r#"{"prefix": "example.com", "defaults": [{"egress": {"families": "both", "denied-networks": ["10.0.0.0/8", "fc00::/7"], "source-ports": ["tcp:1024-65535"]}}]}"#,
    ];
    let components = load(&component("egressd-policy-namespace-defaults"), &settings);
    let decided = compare::<NamespaceDefaults>(&components, |dice| {
        let view = dice.labelled();
        let draft = if dice.below(4) == 0 { dice.draft(&view) } else { Draft::default() };
        (view, draft)
    });
    assert_often(decided, [true, true, true, false, false]);
}

#[test]
fn both_say_the_same_about_random_drafts_that_are_guarded() {
    let settings = ["{}", r#"{"networks": ["10.1.0.0/16", "198.51.100.7", "::/0"]}"#];
    let components = load(&component("egressd-policy-private-guard"), &settings);
    let decided = compare::<PrivateGuard>(&components, transformed);
    assert_often(decided, [true, true, false, false, false]);
}

#[test]
fn both_say_the_same_about_random_drafts_that_are_spread() {
    let settings = [
        "{}",
        r#"{"key": "address", "namespaces": {"names": ["shop"]}}"#,
        r#"{"services": {"labels": {"example.com/egress": "spread"}}}"#,
    ];
    let components = load(&component("egressd-policy-address-pool"), &settings);
    let decided = compare::<AddressPool>(&components, transformed);
    assert_often(decided, [true, true, false, false, false]);
}

fn transformed(dice: &mut Dice) -> (ServiceView, Draft) {
    let view = dice.labelled();
    let draft = dice.draft(&view);
    (view, draft)
}
