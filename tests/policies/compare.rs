//! Compares two implementations of a policy for random Services.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use egressd::wasm::{self, Compiler, Engine, Limits};
use egressd_core::chain::MemberRole;
use egressd_core::decision::{Decision, Diagnostic, Draft};
use egressd_core::finding::Severity;
use egressd_core::model::SubjectView;

use crate::rng::Rng;

/// Services per comparison.
pub(crate) const SERVICES: usize = 100_000;

/// Threads that evaluate.
const THREADS: usize = 2;

/// How often each decision was made: pass, rules, a draft without rules, invalid, deny.
pub(crate) type DecisionCounts = [usize; 5];

/// Answers are compared, and fuel bounds the calls; the time that a loaded machine takes is irrelevant.
static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(Limits { time: Duration::from_secs(600), ..Limits::default() }).unwrap());

pub(crate) fn load(bytes: &[u8], settings: &str) -> MemberRole {
    wasm::load(&ENGINE, &Compiler::InProcess, bytes, "mine", settings).unwrap().asked
}

/// Two implementations that have to answer equally, with the same settings.
pub(crate) trait Pair: Send + Sync {
    type Answer: Debug + PartialEq;

    fn answers(&self, view: &SubjectView, draft: &Draft) -> [Self::Answer; 2];
    /// Its index in [`DecisionCounts`].
    fn kind(answer: &Self::Answer) -> usize;
}

/// Evaluates both with random input.
pub(crate) fn compare<P: Pair>(pairs: &[P], question: fn(&mut Rng) -> (SubjectView, Draft)) -> DecisionCounts {
    let share = |seed: u64| {
        let mut rng = Rng(0x9e37_79b9_7f4a_7c15 ^ (seed << 7));
        let mut decided = DecisionCounts::default();
        for number in 0..SERVICES / THREADS {
            let pair = &pairs[number % pairs.len()];
            let (view, draft) = question(&mut rng);
            let [one, other] = pair.answers(&view, &draft);
            assert_eq!(one, other, "{view:?}, {draft:?}");
            decided[P::kind(&other)] += 1;
        }
        decided
    };
    let shares = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u64).map(|seed| scope.spawn(move || share(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    shares.into_iter().fold(DecisionCounts::default(), |sum, share| std::array::from_fn(|at| sum[at] + share[at]))
}

/// A comparison of refusals alone would compare little: these decisions are made often, and no others at all.
pub(crate) fn assert_often(decided: DecisionCounts, often: [bool; 5]) {
    for (count, often) in decided.into_iter().zip(often) {
        assert!(if often { count > SERVICES / 100 } else { count == 0 }, "{decided:?}");
    }
}

/// The index of a policy's decision in [`DecisionCounts`].
pub(crate) fn decided(decision: &Decision) -> usize {
    match decision {
        Decision::Pass => 0,
        Decision::Plan(draft) if !draft.rules().is_empty() => 1,
        Decision::Plan(_) => 2,
        Decision::Invalid => 3,
        Decision::Deny => 4,
    }
}

/// The same for what a validator reports.
pub(crate) fn objected(reported: &[Diagnostic]) -> usize {
    if reported.iter().any(|one| one.severity == Severity::Error) { 4 } else { 0 }
}
