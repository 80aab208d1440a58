//! The law of the audit: it finds nothing, whatever happened, and everything, whatever is wrong; and then it is right again.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "incremental/events.rs"]
mod events;
#[path = "incremental/node.rs"]
mod node;
#[path = "incremental/policies.rs"]
mod policies;

use std::collections::BTreeSet;

use egressd_core::compile::keep;
use egressd_core::diff::{Applied, Scope, corrupt as belief};
use egressd_core::pipeline::{Disagreement, Progress, corrupt};
use events::{Answered, Happening, Scene, happenings, scenes};
use node::Node;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A history after which there is nothing left to do.
fn at_rest(scene: &Scene, history: Vec<Happening>) -> Result<Node, TestCaseError> {
    let mut node = Node::new(scene);
    for Happening { event, answered, fate } in history {
        node.meet(&event);
        node.answer(answered);
        node.round(fate)?;
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
            let audit = node.pipeline.audit(&node.applied, most);
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
    node.applied = Applied::of(node.kernel.ruleset.clone());
    let target = node.pipeline.target(&Scope::Everything);
    prop_assert_eq!(&target, &round.ruleset);
    let comparison = node.applied.compare(target, |after, before| keep(after, before, &round.kept));
    for batch in comparison.changes(&node.applied).batches {
        node.kernel.commit(&batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
    }
    comparison.apply_to(&mut node.applied);
    node.applied.clear_outstanding();
    prop_assert_eq!(node.applied.ruleset(), &node.kernel.ruleset);
    settle(node)
}

fn histories() -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec(happenings(), 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 5_000 }))]

    /// In slices of any size, which begin and end anywhere between what happens.
    #[test]
    fn after_any_history_an_audit_finds_nothing(scene in scenes(), history in histories(), most in 1..8usize) {
        let mut node = at_rest(&scene, history)?;
        prop_assert_eq!(cycle(&mut node, most), []);
    }

    #[test]
    fn whatever_is_wrong_is_found_within_a_cycle_and_right_again_afterwards(
        scene in scenes(),
        history in histories(),
        (most, which) in (1..8usize, any::<Index>()),
        planted in prop_oneof![
            4 => select(corrupt::CORRUPTIONS.to_vec()).prop_map(Planted::Derived),
            1 => select(belief::CORRUPTIONS.to_vec()).prop_map(Planted::Belief),
        ],
    ) {
        let mut node = at_rest(&scene, history)?;
        let Some(name) = planted.plant(&mut node, which.index(1_000)) else { return Ok(()) };
        let found = cycle(&mut node, most);
        prop_assert!(!found.is_empty(), "{name}, and nothing was found");
        let once: BTreeSet<_> = found.iter().collect();
        prop_assert!(once.len() * 2 >= found.len(), "{found:?}");
        repair(&mut node)?;
        prop_assert_eq!(cycle(&mut node, most), []);
    }
}

/// Something that is made wrong.
#[derive(Clone, Debug)]
enum Planted {
    Derived(corrupt::Corruption),
    Belief(belief::Corruption),
}

impl Planted {
    /// What is wrong then; none where it cannot be.
    fn plant(&self, node: &mut Node, which: usize) -> Option<&'static str> {
        match self {
            Self::Derived((name, plant)) => plant(&mut node.pipeline, which).map(|()| *name),
            Self::Belief((name, plant)) => plant(&mut node.applied, which).map(|()| *name),
        }
    }
}
