//! A hundred thousand random Services for every policy: the component and the native policy say the same about each.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use egressd::wasm::{self, Compiler, Engine, Limits};
use egressd_core::chain::{self, Asked};
use egressd_core::decision::{Decision, Diagnostic, Draft, Outcome};
use egressd_core::model::SubjectView;
use egressd_policy_address_pool::AddressPool;
use egressd_policy_annotations::Annotations;
use egressd_policy_namespace_defaults::NamespaceDefaults;
use egressd_policy_port_allowlist::PortAllowlist;
use egressd_policy_private_guard::PrivateGuard;
use egressd_policy_sdk::{Policy, Settings, Validator, testkit};

use crate::adapter;
use crate::components::component;
use crate::dice::Dice;
use crate::views::context;

/// Services for each policy.
const SERVICES: usize = 100_000;

/// Threads that ask.
const THREADS: usize = 2;

/// How often each decision was made: pass, rules, a draft without rules, invalid, deny.
type Decided = [usize; 5];

/// What is compared is what they say, and fuel bounds them; how long a loaded machine takes for it says nothing.
static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(Limits { time: Duration::from_secs(600), ..Limits::default() }).unwrap());

fn load(bytes: &[u8], settings: &str) -> Asked {
    wasm::load(&ENGINE, &Compiler::InProcess, bytes, "mine", settings).unwrap().asked
}

/// A component and its native self, under the same settings.
trait Pair: Send + Sync {
    /// What both answer.
    type Word: Debug + PartialEq;

    fn component(&self, view: &SubjectView, draft: &Draft) -> Self::Word;
    fn native(&self, view: &SubjectView, draft: &Draft) -> Self::Word;
    /// Its place in [`Decided`].
    fn kind(word: &Self::Word) -> usize;
}

struct PolicyPair<P> {
    component: Arc<dyn chain::Policy>,
    settings: &'static str,
    native: PhantomData<fn() -> P>,
}

impl<P: Policy> PolicyPair<P> {
    fn load(bytes: &[u8], settings: &[&'static str]) -> Vec<Self> {
        let pair = |settings: &&'static str| {
            let Asked::Policy(component) = load(bytes, settings) else { panic!("not a policy") };
            Self { component, settings, native: PhantomData }
        };
        settings.iter().map(pair).collect()
    }
}

impl<P: Policy> Pair for PolicyPair<P> {
    type Word = Outcome;

    fn component(&self, view: &SubjectView, draft: &Draft) -> Outcome {
        self.component.evaluate(&context(), view, draft).unwrap()
    }

    fn native(&self, view: &SubjectView, draft: &Draft) -> Outcome {
        adapter::evaluate::<P>(self.settings, &context(), view, draft)
    }

    fn kind(outcome: &Outcome) -> usize {
        match &outcome.decision {
            Decision::Pass => 0,
            Decision::Plan(draft) if !draft.rules().is_empty() => 1,
            Decision::Plan(_) => 2,
            Decision::Invalid => 3,
            Decision::Deny => 4,
        }
    }
}

struct ValidatorPair<V> {
    component: Arc<dyn chain::Validator>,
    settings: &'static str,
    native: PhantomData<fn() -> V>,
}

impl<V: Validator> Pair for ValidatorPair<V> {
    type Word = Vec<Diagnostic>;

    fn component(&self, view: &SubjectView, draft: &Draft) -> Vec<Diagnostic> {
        self.component.validate(&context(), view, draft).unwrap()
    }

    fn native(&self, view: &SubjectView, draft: &Draft) -> Vec<Diagnostic> {
        let description = V::describe(&V::Settings::parse(self.settings).unwrap());
        let subject = testkit::shown(adapter::subject(view, &context()), &description);
        let context = adapter::sdk_context(&context());
        testkit::validate_on::<V>(self.settings, &context, &subject, draft)
    }

    fn kind(told: &Vec<Diagnostic>) -> usize {
        if told.is_empty() { 0 } else { 4 }
    }
}

/// Asks both about random questions.
fn compare<P: Pair>(pairs: &[P], question: fn(&mut Dice) -> (SubjectView, Draft)) -> Decided {
    let share = |seed: u64| {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (seed << 7));
        let mut decided = Decided::default();
        for number in 0..SERVICES / THREADS {
            let pair = &pairs[number % pairs.len()];
            let (view, draft) = question(&mut dice);
            let native = pair.native(&view, &draft);
            assert_eq!(pair.component(&view, &draft), native, "{view:?}, {draft:?}");
            decided[P::kind(&native)] += 1;
        }
        decided
    };
    let shares = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u64).map(|seed| scope.spawn(move || share(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    shares.into_iter().fold(Decided::default(), |sum, share| std::array::from_fn(|at| sum[at] + share[at]))
}

/// A comparison of refusals alone would compare little: these decisions are made often, and no others at all.
fn assert_often(decided: Decided, often: [bool; 5]) {
    for (count, often) in decided.into_iter().zip(often) {
        assert!(if often { count > SERVICES / 100 } else { count == 0 }, "{decided:?}");
    }
}

#[test]
fn both_say_the_same_about_random_annotations() {
    let pairs = PolicyPair::<Annotations>::load(wasm::built_in(), &["{}"]);
    let decided = compare(&pairs, |dice| (dice.annotated(), Draft::default()));
    assert_often(decided, [true, true, true, true, false]);
}

#[test]
fn both_say_the_same_about_random_namespaces() {
    let settings = [
        r#"{"defaults": [{"egress": {}}]}"#,
        r#"{"defaults": [{"namespaces": {"labels": {"egress": "static"}}, "services": {"labels": {"tier": "front"}}, "egress": {"families": "both", "destination-ports": ["tcp:443"], "on-change": "sever"}}, {"namespaces": {"names": ["attic"]}, "egress": {"allowed-networks": ["198.51.100.0/24"], "on-unavailable": "drop"}}]}"#,
        r#"{"prefix": "example.com", "defaults": [{"egress": {"families": "both", "denied-networks": ["10.0.0.0/8", "fc00::/7"], "source-ports": ["tcp:1024-65535"]}}]}"#,
    ];
    let pairs = PolicyPair::<NamespaceDefaults>::load(&component("egressd-policy-namespace-defaults"), &settings);
    let decided = compare(&pairs, |dice| {
        let view = dice.labelled();
        let draft = if dice.below(4) == 0 { dice.draft(&view) } else { Draft::default() };
        (view, draft)
    });
    assert_often(decided, [true, true, true, false, false]);
}

#[test]
fn both_say_the_same_about_random_drafts_that_are_guarded() {
    let settings = ["{}", r#"{"networks": ["10.1.0.0/16", "198.51.100.7", "::/0"]}"#];
    let pairs = PolicyPair::<PrivateGuard>::load(&component("egressd-policy-private-guard"), &settings);
    let decided = compare(&pairs, transformed);
    assert_often(decided, [true, true, false, false, false]);
}

#[test]
fn both_say_the_same_about_random_drafts_that_are_spread() {
    let settings = [
        "{}",
        r#"{"key": "address", "namespaces": {"names": ["shop"]}}"#,
        r#"{"services": {"labels": {"example.com/egress": "spread"}}}"#,
    ];
    let pairs = PolicyPair::<AddressPool>::load(&component("egressd-policy-address-pool"), &settings);
    let decided = compare(&pairs, transformed);
    assert_often(decided, [true, true, false, false, false]);
}

#[test]
fn both_say_the_same_about_random_drafts_that_are_validated() {
    let settings = [
        r#"{"allow": []}"#,
        r#"{"allow": [{"ports": ["tcp:443", "tcp:8000-8999", "tcp:9000", "udp:53"]}, {"namespaces": {"names": ["attic"]}, "without-ports": "allow"}]}"#,
        r#"{"allow": [{"namespaces": {"labels": {"team": "web"}}, "ports": ["sctp:1-65535", "tcp:1-65535", "udp:53"]}]}"#,
    ];
    let bytes = component("egressd-policy-port-allowlist");
    let pair = |settings: &'static str| {
        let Asked::Validator(component) = load(&bytes, settings) else { panic!("not a validator") };
        ValidatorPair::<PortAllowlist> { component, settings, native: PhantomData }
    };
    assert_often(compare(&settings.map(pair), transformed), [true, false, false, false, true]);
}

fn transformed(dice: &mut Dice) -> (SubjectView, Draft) {
    let view = dice.labelled();
    let draft = dice.draft(&view);
    (view, draft)
}
