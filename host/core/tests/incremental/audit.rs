//! The law of the audit: it finds nothing, whatever happened, and everything, whatever is wrong; and then it is right
//! again.

use std::collections::BTreeSet;

use crate::events::{Answered, CommitLimits, Happening, Knowledge, Scenario};
use crate::happenings::happenings;
use crate::node::Node;
use crate::scenes::scenes;
use egressd_core::compile::keep;
use egressd_core::diff::{Applied, Scope, corrupt as belief};
use egressd_core::pipeline::{Disagreement, Progress, corrupt};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A history after which there is nothing left to do.
fn at_rest(scenario: &Scenario, history: Vec<Happening>) -> Result<Node, TestCaseError> {
    let mut node = Node::new(scenario);
    for Happening { event, answered, limits } in history {
        node.meet(&event);
        node.answer(answered);
        node.round(limits)?;
    }
    node.end()?;
    settle(&mut node)?;
    Ok(node)
}

/// What was remembered with the last answers is looked at once more, and comes to nothing else.
fn settle(node: &mut Node) -> Result<(), TestCaseError> {
    for _ in 0..3 {
        if node.pipeline.is_settled() {
            return Ok(());
        }
        let step = node.pipeline.step();
        prop_assert!(step.newest.changed.is_empty() && step.scope.is_empty(), "{step:?}");
    }
    Err(TestCaseError::fail("it is never settled"))
}

/// Looks at everything once, wherever an earlier look ended.
fn cycle(node: &mut Node, most: usize) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for _ in 0..2 {
        loop {
            let audit = node.pipeline.audit(&node.kernel.applied, most);
            found.extend(audit.disagreements);
            if audit.progress == Progress::Whole {
                break;
            }
        }
    }
    found
}

/// What the loop does about it: it reads what the kernel holds, and works out everything anew.
fn repair(node: &mut Node) -> Result<(), TestCaseError> {
    let questions = node.pipeline.derive_anew();
    node.queue(questions);
    node.answer(Answered::All);
    let round = node.pipeline.round();
    node.kernel.applied = Applied::of(node.kernel.ruleset().clone());
    let target = node.pipeline.target(&Scope::Everything);
    prop_assert_eq!(&target, &round.ruleset);
    let comparison = node.kernel.applied.compare(target, |after, before| keep(after, before, &round.kept));
    node.kernel.carry_out(comparison, CommitLimits { slices: usize::MAX, most: usize::MAX, then: Knowledge::Sure })?;
    settle(node)
}

fn histories() -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec(happenings(), 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 2_000 }))]

    /// In slices of any size, which begin and end anywhere between what happens.
    #[test]
    fn after_any_history_an_audit_finds_nothing(scenario in scenes(), history in histories(), most in 1..8usize) {
        let mut node = at_rest(&scenario, history)?;
        prop_assert_eq!(cycle(&mut node, most), []);
    }
}

proptest! {
    // Each case plants every defect there is.
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 15 } else { 2_000 }))]

    /// One after the other, in a world where each may be possible.
    #[test]
    fn whatever_is_wrong_is_found_within_a_cycle_and_right_again_afterwards(
        scenario in scenes(),
        history in histories(),
        (most, which) in (1..8usize, any::<Index>()),
    ) {
        let mut node = at_rest(&scenario, history)?;
        for planted in all() {
            let Some(name) = planted.plant(&mut node, which.index(1_000)) else { continue };
            prop_assert!(!cycle(&mut node, most).is_empty(), "{name}, and nothing was found");
            repair(&mut node)?;
            prop_assert_eq!(cycle(&mut node, most), [], "after this: {}", name);
        }
    }
}

/// Each is possible somewhere, so none of them is tried in vain.
#[test]
fn everything_can_be_wrong() {
    let mut runner = TestRunner::deterministic();
    let mut left: BTreeSet<&str> = all().map(|planted| planted.name()).collect();
    for _ in 0..300 {
        let tree = (scenes(), histories(), 0..1_000usize).new_tree(&mut runner).expect("a history");
        let (scenario, history, which) = tree.current();
        for planted in all().filter(|planted| left.contains(planted.name())).collect::<Vec<_>>() {
            let mut node = at_rest(&scenario, history.clone()).expect("a history without a fault");
            if planted.plant(&mut node, which).is_some() {
                left.remove(planted.name());
            }
        }
        if left.is_empty() {
            return;
        }
    }
    assert_eq!(left, BTreeSet::new());
}

fn all() -> impl Iterator<Item = PlantedDefect> {
    corrupt::CORRUPTIONS.map(PlantedDefect::Derived).into_iter().chain(belief::CORRUPTIONS.map(PlantedDefect::Belief))
}

/// Something that is made wrong.
#[derive(Clone, Debug)]
enum PlantedDefect {
    Derived(corrupt::Corruption),
    Belief(belief::Corruption),
}

impl PlantedDefect {
    fn name(&self) -> &'static str {
        match self {
            Self::Derived((name, _)) | Self::Belief((name, _)) => name,
        }
    }

    /// What is wrong then; none where it cannot be.
    fn plant(&self, node: &mut Node, which: usize) -> Option<&'static str> {
        match self {
            Self::Derived((name, plant)) => plant(&mut node.pipeline, which).map(|()| *name),
            Self::Belief((name, plant)) => plant(&mut node.kernel.applied, which).map(|()| *name),
        }
    }
}
