//! A node's parts: whatever they are, what differs is carried out in one order, and a failure anywhere leaves a state
//! that the next try goes on from. Each law names what it is there to catch.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "node/diverting.rs"]
mod diverting;
#[path = "node/fixture.rs"]
mod fixture;
#[path = "node/marks.rs"]
mod marks;
#[path = "node/tunnel.rs"]
mod tunnel;
#[path = "node/tunnel_marks.rs"]
mod tunnel_marks;
#[path = "node/tunnel_states.rs"]
mod tunnel_states;
#[path = "node/xfrm.rs"]
mod xfrm;

use std::collections::BTreeSet;

use egressd_core::diff::Changes;
use egressd_core::effect::{Effect, Effects, Phase};
use egressd_core::node::{Adapter, Addresses, Nft, NodeChange, NodeState, Part};
use egressd_core::owner::{AddressState, LocalAddresses};
use egressd_core::testkit::{Failure, FakeInterfaces, a};
use fixture::{Change, Node, OURS, State, states};
use marks::{FakeMarks, MarkChange, MarkOwner, Marks};
use proptest::prelude::*;

/// Effects of any parts. A change has the number of its part, and its own number in it.
fn parts() -> impl Strategy<Value = Vec<Vec<Effect<(usize, usize)>>>> {
    let phases = prop::collection::vec(prop::sample::select(Phase::ALL.to_vec()), 0..8);
    prop::collection::vec(phases, 0..5).prop_map(|parts| {
        let part = |(number, mut phases): (usize, Vec<Phase>)| {
            phases.sort();
            let effect = |(at, phase)| Effect { phase, change: (number, at) };
            phases.into_iter().enumerate().map(effect).collect()
        };
        parts.into_iter().enumerate().map(part).collect()
    })
}

fn is_made(phase: Phase) -> bool {
    phase < Phase::Break
}

fn fate() -> impl Strategy<Value = (prop::sample::Index, Failure)> {
    (any::<prop::sample::Index>(), prop::sample::select(vec![Failure::Refused, Failure::Lost]))
}

fn marks(numbers: impl IntoIterator<Item = u8>) -> State {
    State { marks: numbers.into_iter().collect(), ..State::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 5_000 }))]

    /// Catches: parts one after the other, without regard to phases; a phase in which parts are not in their order, or
    /// not in reverse where things are taken away; a sort that is not stable; an effect that is left out.
    #[test]
    fn effects_are_in_order_by_phase_whatever_the_parts_are(parts in parts()) {
        let all: usize = parts.iter().map(Vec::len).sum();
        let effects: Vec<_> = Effects::ordered(parts).into_iter().collect();
        prop_assert_eq!(effects.len(), all);
        for pair in effects.windows(2) {
            let [before, after] = pair else { continue };
            let ((part, at), (next, then)) = (before.change, after.change);
            let right = match before.phase.cmp(&after.phase) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal if part == next => at < then,
                std::cmp::Ordering::Equal => is_made(before.phase) == (part < next),
                std::cmp::Ordering::Greater => false,
            };
            prop_assert!(right, "{:?} before {:?}", before, after);
        }
    }

    /// Catches: a batch of nft with the phase of another one, so that it would come before what it needs.
    #[test]
    fn a_part_gives_its_changes_in_the_order_of_phases((old, new) in (states(), states())) {
        let is_in_order = |phases: Vec<Phase>| phases.is_sorted();
        prop_assert!(is_in_order(Nft::diff(&old.nft, &new.nft).iter().map(|effect| effect.phase).collect()));
        prop_assert!(is_in_order(Marks::diff(&old.marks, &new.marks).iter().map(|effect| effect.phase).collect()));
    }

    /// Catches: a part whose changes get lost between `diff` and the kernel, and one that the node's `changes` forgets.
    #[test]
    fn after_all_effects_the_kernel_holds_what_is_desired((old, new) in (states(), states())) {
        let mut node = Node::left(MarkOwner::Us, &old);
        node.carry_out(old.effects(&new)).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        prop_assert_eq!(node.read_back().unwrap(), new.clone());
        prop_assert!(new.effects(&new).is_empty());
    }

    /// Catches: a guard that comes after what it guards, or goes before.
    #[test]
    fn while_packets_go_over_the_guards_of_both_states_are_there((old, new) in (states(), states())) {
        let guards: BTreeSet<u8> = &old.marks | &new.marks;
        let mut node = Node::left(MarkOwner::Us, &old);
        for effect in &old.effects(&new) {
            node.commit(effect).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
            match &effect.change {
                Change::Marks(_) => {}
                Change::Nft(_) => prop_assert!(node.marks.held.marks.keys().eq(&guards), "{:?}", effect.phase),
            }
        }
    }

    /// Catches: going on after a failure, with this part or another one.
    #[test]
    fn nothing_comes_after_an_effect_that_failed((old, new) in (states(), states()), (at, failure) in fate()) {
        let effects = old.effects(&new);
        prop_assume!(!effects.is_empty());
        let at = at.index(effects.iter().count());
        let mut expected = Node::left(MarkOwner::Us, &old);
        let went_well = at + usize::from(failure == Failure::Lost);
        effects.iter().take(went_well).try_for_each(|effect| expected.commit(effect)).unwrap();
        let mut node = Node::left(MarkOwner::Us, &old);
        node.fail(&effects, at, failure);
        prop_assert!(node.carry_out(effects).is_err());
        prop_assert_eq!(node.read_back().unwrap(), expected.read_back().unwrap());
    }

    /// Catches: a next try that begins with what was believed instead of what was read, and a state in between from
    /// which there is no way on.
    #[test]
    fn after_a_failure_of_any_effect_what_is_read_back_leads_to_what_is_desired(
        (old, new, newer) in (states(), states(), states()),
        (at, failure) in fate(),
    ) {
        let effects = old.effects(&new);
        prop_assume!(!effects.is_empty());
        let mut node = Node::left(MarkOwner::Us, &old);
        node.fail(&effects, at.index(effects.iter().count()), failure);
        prop_assert!(node.carry_out(effects).is_err());
        for desired in [&new, &newer] {
            let mut node = node.clone();
            let effects = node.read_back().unwrap().effects(desired);
            node.carry_out(effects).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
            prop_assert_eq!(&node.read_back().unwrap(), desired);
        }
    }

    /// Catches: an adoption that changes something, and a first round that makes anew what is there (P6).
    #[test]
    fn what_an_earlier_process_left_is_taken_over_without_a_change(left in states()) {
        let mut node = Node::left(MarkOwner::Earlier, &left);
        node.adopt().unwrap();
        let applied = node.read_back().unwrap();
        prop_assert_eq!(&applied, &left);
        node.carry_out(applied.effects(&left)).unwrap();
        prop_assert_eq!((node.marks.held.made, node.nft.held.generation), (0, 0));
        // And it is ours from now on.
        node.carry_out(applied.effects(&State::default())).unwrap();
        prop_assert_eq!(node.read_back().unwrap(), State::default());
    }

    /// Catches: a batch that is lost between a comparison and the list of effects, or changes its place.
    #[test]
    fn a_node_has_the_batches_of_its_tables_in_their_order((old, new) in (states(), states())) {
        let node = |state: State| NodeState { nft: state.nft, ..NodeState::default() };
        let changes = Changes { effects: Nft::diff(&old.nft, &new.nft) };
        let effects: Vec<_> = node(old).changes(&node(new)).effects().into_iter().collect();
        let expected = changes.effects.into_iter().map(|effect| effect.map(NodeChange::Nft));
        prop_assert!(effects.into_iter().eq(expected));
    }
}

/// Catches: writing to what is another's because its number looks like one of ours.
#[test]
fn what_a_living_process_has_is_not_taken_over() {
    let mut node = Node::left(MarkOwner::Living, &marks([10]));
    assert_eq!(node.adopt().unwrap_err().change, "adopt mark 10");
    assert!(node.marks.commit(&MarkChange::Clear(10)).is_err());
}

/// Catches: taking for ours what another program put there, and touching what is not in our range.
#[test]
fn what_another_program_put_among_ours_is_reported_and_removed() {
    let mut node = Node::left(MarkOwner::Us, &marks([10, 11]));
    node.marks.held.marks.extend([(12, MarkOwner::Another), (30, MarkOwner::Another)]);
    let found = node.marks.read(&OURS).unwrap();
    assert_eq!(found.state, [10, 11].into());
    assert_eq!(found.foreign.iter().map(|foreign| foreign.what.as_str()).collect::<Vec<_>>(), ["mark 12"]);
    assert_eq!(node.read_back().unwrap(), marks([10, 11]));
    assert_eq!(node.marks.held.marks.keys().copied().collect::<Vec<_>>(), [10, 11, 30]);
}

/// Catches: a fake that takes what a kernel refuses, since all laws above would then hold for nothing.
#[test]
fn the_fake_refuses_what_is_there_and_what_is_not() {
    let mut fake = FakeMarks::left(MarkOwner::Us, &[10].into());
    assert_eq!(fake.commit(&MarkChange::Set(10)).unwrap_err().why, "File exists");
    assert_eq!(fake.commit(&MarkChange::Clear(11)).unwrap_err().why, "No such file or directory");
    assert_eq!(fake.made, 0);
}

#[test]
fn effects_and_states_are_texts() {
    let text: String = marks([10]).effects(&marks([11])).to_string();
    assert_eq!(text, "# arm\nset mark 11\n# disarm\nclear mark 10\n");
    assert_eq!(Marks::text(&[10, 11].into()), "mark 10\nmark 11\n");
    let addresses: LocalAddresses =
        [(a("192.0.2.1"), AddressState::Usable), (a("2001:db8::1"), AddressState::Tentative)].into();
    let node = NodeState { addresses, ..NodeState::default() };
    assert_eq!(node.to_string(), "# addresses\n192.0.2.1 usable\n2001:db8::1 tentative\n# nft\n# tunnel\n# xfrm\n");
}

/// Addresses are observed: whatever there is, nothing is to be done.
#[test]
fn an_observed_part_has_no_changes() {
    let held: LocalAddresses = [(a("192.0.2.1"), AddressState::Usable)].into();
    let mut interfaces = FakeInterfaces(held.clone());
    assert_eq!(interfaces.read(&()).unwrap().state, held);
    assert_eq!(Addresses::diff(&held, &LocalAddresses::default()), []);
    let observed = NodeState { addresses: held, ..NodeState::default() };
    assert!(observed.changes(&NodeState::default()).effects().is_empty());
}
