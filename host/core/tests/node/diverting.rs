//! The tunnel and the tables that send into it, as one change of a node.

use egressd_core::compile::{TunnelSetup, compile, table_names, tunnel_state};
use egressd_core::net::{Family, MarkBit};
use egressd_core::node::{Adapter, NodeChange, NodeState, RuleAction, TunnelKind, TunnelMaker};
use egressd_core::plan::Plan;
use egressd_core::ruleset::{DIVERTED, Ruleset, TUNNEL_GUARD, TableNames};
use egressd_core::testkit::{FakeKernel, FakeTunnel, TestNode, TwoNodes, Universe};
use proptest::prelude::*;

use crate::tunnel_states::mtu;

fn names() -> TableNames {
    TableNames { marks: Some(MarkBit::DEFAULT), ..table_names(None) }
}

fn state(plan: &Plan) -> NodeState {
    let setup = TunnelSetup { kind: TunnelKind::VxlanGpe, mtu: mtu(1464), maker: TunnelMaker::of(&names()) };
    let tunnel = tunnel_state(plan.tunnel.as_ref(), setup);
    NodeState { nft: compile(plan, &names()), tunnel, ..NodeState::default() }
}

/// A node with a tunnel, and the same without.
fn with_and_without() -> impl Strategy<Value = [NodeState; 2]> {
    TwoNodes::random(&Universe::on_paper()).prop_map(|nodes| {
        let plan = nodes.on(TestNode::BOTH[0]);
        let without = Plan { tunnel: None, ..plan.clone() };
        [state(&plan), state(&without)]
    })
}

fn diverts(tables: &Ruleset) -> bool {
    tables.tables.values().filter_map(|table| table.maps.get(&DIVERTED)).any(|map| !map.elements.is_empty())
}

fn guards(tables: &Ruleset) -> bool {
    tables.tables.values().any(|table| table.chains.contains_key(&TUNNEL_GUARD))
}

/// Whether all that is to lead somewhere is there.
fn leads_as(tunnel: &FakeTunnel, whole: &NodeState) -> bool {
    let has_routes = whole.tunnel.routes.iter().all(|(place, kind)| tunnel.state.routes.get(place) == Some(kind));
    has_routes && whole.tunnel.rules.is_subset(&tunnel.state.rules) && tunnel.state.device == whole.tunnel.device
}

fn leads_anywhere(tunnel: &FakeTunnel) -> bool {
    tunnel.state.rules.iter().any(|rule| matches!(rule.action, RuleAction::Lookup(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 1_000 }))]

    /// Catches: a part of the tunnel that the node's changes leave out, elements that divert before it is there or while
    /// it goes, and a guard that comes after it or goes before.
    #[test]
    fn tables_divert_only_while_the_tunnel_is_there_and_it_leads_only_while_they_guard(
        [with, without] in with_and_without(),
        comes: bool,
    ) {
        let (old, new) = if comes { (&without, &with) } else { (&with, &without) };
        let mut tables = FakeKernel { ruleset: old.nft.clone(), generation: 0 };
        let mut tunnel = FakeTunnel::left(old.tunnel.clone());
        for effect in old.changes(new).effects() {
            let phase = effect.phase;
            match effect.change {
                NodeChange::Nft(batch) => tables.commit(&batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?,
                NodeChange::Tunnel(change) => tunnel.commit(&change).map_err(|refused| TestCaseError::fail(refused.to_string()))?,
                NodeChange::Xfrm(change) => prop_assert!(false, "{}", change),
                NodeChange::Sever(flows) => prop_assert!(false, "{}", flows),
            }
            prop_assert!(!diverts(&tables.ruleset) || leads_as(&tunnel, &with), "{:?}", phase);
            prop_assert!(!leads_anywhere(&tunnel) || guards(&tables.ruleset), "{:?}", phase);
        }
        prop_assert_eq!(&tables.ruleset, &new.nft);
        prop_assert_eq!(&tunnel.state, &new.tunnel);
        for family in Family::ALL {
            prop_assert_eq!(tunnel.state.rules.iter().any(|rule| rule.family == family), comes);
        }
    }
}
