//! The law of the tunnel (P14): what another node is to translate leaves that node with the address that it holds, or
//! not at all, at rest and between any two batches of both nodes.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "gateway/away.rs"]
mod away;
#[path = "gateway/ends.rs"]
mod ends;
#[path = "gateway/errors.rs"]
mod errors;
#[path = "gateway/forgotten.rs"]
mod forgotten;
#[path = "gateway/indexes.rs"]
mod indexes;
#[path = "gateway/kept.rs"]
mod kept;
#[path = "gateway/marks.rs"]
mod marks;
#[path = "gateway/moves.rs"]
mod moves;
#[path = "gateway/objects.rs"]
mod objects;
#[path = "gateway/open.rs"]
mod open;
#[path = "gateway/severed.rs"]
mod severed;
#[path = "gateway/turned.rs"]
mod turned;
#[path = "gateway/walk.rs"]
mod walk;

use std::net::IpAddr;

use egressd_core::compile::compile;
use egressd_core::diff::{Changes, SlicedChange, cut, diff};
use egressd_core::plan::{Plan, guarded};
use egressd_core::ruleset::{Bits, Priority, Ruleset};
use egressd_core::testkit::{
    AddressPlace, FakeKernel, Hop, Journey, Packet, PathEnd, Route, Seen, TestNode, TwoNodes, Universe, apply, follow,
    promised,
};
use proptest::prelude::*;
use walk::{Moment, Outcome, Scene, answer_comes_home, device, masqueraded, names, ruleset};

fn two_nodes() -> impl Strategy<Value = TwoNodes> {
    TwoNodes::random(&Universe::on_paper())
}

/// Two nodes, and both after a change of rules, of places, or of either.
fn change() -> impl Strategy<Value = (TwoNodes, TwoNodes)> {
    let universe = Universe::on_paper();
    let both = move |before: TwoNodes| {
        let (kept, moved) = (before.clone(), TwoNodes::with(&universe, before.plan.clone()));
        let edited = universe.edits(before.plan.clone()).prop_map(move |(plan, _)| kept.planned(plan));
        let after = prop_oneof![2 => edited, 1 => moved, 1 => TwoNodes::random(&universe)];
        after.prop_map(move |after| {
            let plan =
                Plan { excluded: before.plan.excluded.clone(), exact: before.plan.exact.clone(), ..after.plan.clone() };
            (before.clone(), after.planned(plan))
        })
    };
    two_nodes().prop_flat_map(both)
}

/// Some of all packets.
fn packets() -> Vec<Packet> {
    Universe::on_paper()
        .packets()
        .into_iter()
        .enumerate()
        .filter(|(number, _)| number % 3 == 0)
        .map(|(_, one)| one)
        .collect()
}

/// Whether the guard of pods, or that of unknown ones, may drop what egressd does not translate.
fn is_held_back(plan: &Plan, pod: IpAddr) -> bool {
    let own = plan.own_networks.values().flatten().any(|range| range.contains(pod));
    let is_of_subject = plan.subjects.values().any(|subject| subject.pods().any(|one| one == pod));
    guarded(plan).contains_key(&pod) || own && !plan.known.contains(&pod) && !is_of_subject
}

/// All states of one node on its way, whole or in slices.
fn states(old: &Ruleset, new: &Ruleset, most: usize) -> Result<Vec<Ruleset>, TestCaseError> {
    let mut kernel = FakeKernel { ruleset: old.clone(), generation: 0 };
    let mut states = vec![old.clone()];
    let mut commit = |changes: &Changes| {
        for batch in changes.batches() {
            kernel.commit(batch).map_err(|refused| TestCaseError::fail(format!("{refused}\n{changes}")))?;
            states.push(kernel.ruleset.clone());
        }
        Ok::<(), TestCaseError>(())
    };
    match cut(old, new, most) {
        SlicedChange::Whole => commit(&diff(old, new))?,
        SlicedChange::Slices(mut slices) => {
            let mut applied = old.clone();
            while let Some(slice) = slices.next(&applied, new) {
                commit(&slice.changes)?;
                slice.apply(&mut applied);
            }
        }
    }
    prop_assert_eq!(states.last(), Some(new));
    Ok(states)
}

/// What may become of a packet while two nodes go from one state to another.
fn is_right(before: &TwoNodes, after: &TwoNodes, packet: &Packet, outcome: Outcome) -> bool {
    let promises = [before.promised(packet), after.promised(packet)];
    let own = before.node_of(packet.source);
    let held_back = [before, after].map(|nodes| is_held_back(&nodes.plan, packet.source));
    match outcome {
        // What nothing changes about is not lost.
        Outcome::Gone if promises[0] != promises[1] || held_back[0] != held_back[1] => true,
        Outcome::Gone => match promises[0] {
            Some((_, AddressPlace::On(_))) => false,
            Some((_, AddressPlace::Unproven | AddressPlace::Nowhere)) => true,
            None => held_back[0],
        },
        Outcome::Left(node, source) if source == masqueraded(node, packet) => node == own && promises.contains(&None),
        Outcome::Left(node, source) => {
            let is_promised = promises.iter().flatten().any(|(address, _)| *address == source);
            let holds = [before, after].iter().any(|nodes| nodes.places.get(&source) == Some(&AddressPlace::On(node)));
            is_promised && holds
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 40 } else { 1_000 }))]

    #[test]
    fn a_packet_leaves_the_node_that_holds_the_address_with_it_and_its_answer_comes_home(nodes in two_nodes()) {
        let scene = Scene::at_rest(&nodes);
        for packet in Universe::on_paper().packets() {
            let trip = scene.walk(&nodes, &packet, None);
            let own = nodes.node_of(packet.source);
            let shown = || format!("{packet:?} {trip:?}\n{}\n{:?}", nodes.plan, nodes.places);
            match nodes.promised(&packet) {
                Some((address, AddressPlace::On(node))) => {
                    prop_assert_eq!(trip.outcome, Outcome::Left(node, address), "{}", shown());
                    prop_assert!(answer_comes_home(&scene, &nodes, &packet, &trip), "{}", shown());
                }
                Some((_, AddressPlace::Unproven | AddressPlace::Nowhere)) => prop_assert_eq!(trip.outcome, Outcome::Gone, "{}", shown()),
                None if is_held_back(&nodes.plan, packet.source) => {}
                None => prop_assert_eq!(trip.outcome, Outcome::Left(own, masqueraded(own, &packet)), "{}", shown()),
            }
            prop_assert_eq!(trip.marks_left, 0, "a mark leaves the node: {}", shown());
        }
    }

    /// P14 and P3: in any interleaving, and while a packet is on its way.
    #[test]
    fn between_any_two_batches_of_both_nodes_nothing_leaves_with_another_source(
        (before, after) in change(),
        order in prop::collection::vec(any::<bool>(), 64),
        most in prop_oneof![Just(usize::MAX), 1..6usize],
    ) {
        let [first, second] = TestNode::BOTH.map(|node| (ruleset(&before.on(node)), ruleset(&after.on(node))));
        let ways = [states(&first.0, &first.1, most)?, states(&second.0, &second.1, most)?];
        let mut at = [0, 0];
        let scene = |at: [usize; 2]| Scene::between(&before, &after, [&ways[0][at[0]], &ways[1][at[1]]]);
        for turn in order.into_iter().chain([true; 64]).chain([false; 64]) {
            let node = usize::from(turn);
            if at[node] + 1 >= ways[node].len() {
                continue;
            }
            let old = scene(at);
            at[node] += 1;
            let new = scene(at);
            for (number, packet) in packets().iter().enumerate() {
                let moment = Moment { later: &new, look_ups: (number + at[0] + at[1]) % 24 };
                for trip in [new.walk(&before, packet, None), old.walk(&before, packet, Some(moment))] {
                    let shown = || format!("{packet:?} {trip:#?}\n{:?} of {:?}\n{}\n{}\n{:?}\n{:?}", at, ways.each_ref().map(Vec::len), before.plan, after.plan, before.places, after.places);
                    prop_assert!(is_right(&before, &after, packet, trip.outcome), "{}\n{}", shown(), new.shown(node));
                }
            }
        }
    }

    /// Whatever else is lost on a node: without rules of routing what is diverted does not leave.
    #[test]
    fn without_routes_nothing_leaves_that_another_node_is_to_translate(nodes in two_nodes()) {
        let scene = Scene::at_rest(&nodes).without_routes();
        for packet in packets() {
            let own = nodes.node_of(packet.source);
            let Some((_, place)) = nodes.promised(&packet) else { continue };
            if place != AddressPlace::On(own) {
                prop_assert_eq!(scene.walk(&nodes, &packet, None).outcome, Outcome::Gone, "{:?}", packet);
            }
        }
    }

    /// And without the elements that divert it, or the chain.
    #[test]
    fn what_is_not_diverted_though_it_should_be_does_not_leave(nodes in two_nodes(), lost in 0..3usize) {
        let scene = Scene::at_rest(&nodes).without(lost);
        for packet in packets() {
            let own = nodes.node_of(packet.source);
            let Some((_, place)) = nodes.promised(&packet) else { continue };
            if place != AddressPlace::On(own) {
                let outcome = scene.walk(&nodes, &packet, None).outcome;
                let is_right = matches!(outcome, Outcome::Left(node, _) if node != own) || outcome == Outcome::Gone;
                prop_assert!(is_right, "{:?} {:?}", packet, outcome);
            }
        }
    }

    /// P13 over both stages.
    #[test]
    fn both_stages_together_say_what_the_ranked_rules_say(nodes in two_nodes(), node in prop::sample::select(TestNode::BOTH.to_vec())) {
        let plan = nodes.on(node);
        let (ruleset, tunnel) = (ruleset(&plan), plan.tunnel.clone().expect("a tunnel"));
        let bit = tunnel.marks.bit().mask();
        let route = |mask, hop| Route { mark: Bits::under(mask, bit), hop };
        let out = Hop::Device(device("eth0"));
        let routes = vec![route(tunnel.marks.mask(), out), route(bit, Hop::Unreachable)];
        for packet in Universe::on_paper().packets().into_iter().filter(|packet| nodes.node_of(packet.source) == node) {
            let journey = Journey { routes: routes.clone(), ..Journey::new(packet, Hop::Device(device("eth0"))).by(device("veth0")) };
            let path = follow(&ruleset, &journey);
            match promised(&plan, &packet).map(|address| (address, tunnel.mark(address))) {
                Some((_, Some(mark))) => prop_assert_eq!((path.fate, path.journey.mark), (PathEnd::Unreachable, mark)),
                Some((address, None)) => prop_assert_eq!((path.seen, path.fate), (Seen::As(address), PathEnd::Left(device("eth0")))),
                None => prop_assert_eq!(path.seen, Seen::Untranslated),
            }
        }
    }

    #[test]
    fn changes_lead_from_any_state_with_a_tunnel_or_without_to_any_other(
        (old, new) in (two_nodes(), two_nodes()),
        has in prop::collection::vec(any::<bool>(), 2),
        priority in prop_oneof![Just(Priority::FIRST), Just(Priority::DEFAULT)],
    ) {
        let plan = |nodes: &TwoNodes, has| if has { nodes.on(TestNode::First) } else { nodes.plan.clone() };
        let old = ruleset(&plan(&old, has[0]));
        let new = compile(&plan(&new, has[1]), &names().at(priority));
        let changes = diff(&old, &new);
        prop_assert_eq!(apply(&old, &changes).map_err(|e| format!("{e}\n{changes}")), Ok(new.clone()));
        prop_assert!(diff(&new, &new).is_empty());
        let created = diff(&Ruleset::default(), &new);
        prop_assert_eq!(apply(&Ruleset::default(), &created), Ok(new.clone()));
        let first = Changes { effects: created.effects.into_iter().take(1).collect() };
        let prepared = apply(&Ruleset::default(), &first).expect("a change the kernel takes");
        prop_assert_eq!(apply(&prepared, &diff(&prepared, &new)), Ok(new));
    }
}
