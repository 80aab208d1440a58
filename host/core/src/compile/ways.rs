//! The desired tunnel of a node ([`crate::node::Tunnel`]).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;

use crate::net::{Family, GatewayIndex};
use crate::node::{TunnelKind, TunnelMaker, TunnelMtu, TunnelSettings, TunnelState, TunnelWays};
use crate::plan::{Gateway, TunnelPlan};

/// What no plan says of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelSetup {
    pub kind: TunnelKind,
    pub mtu: TunnelMtu,
    pub maker: TunnelMaker,
}

/// The tunnel of a plan: rules for both families, and a way for each number of a gateway and for each pod of another node.
/// Nothing where there is no plan, or its port is none.
pub fn tunnel_state(plan: Option<&TunnelPlan>, setup: TunnelSetup) -> TunnelState {
    let port = plan.and_then(|plan| NonZeroU16::new(plan.port.first()));
    let (Some(plan), Some(port)) = (plan, port) else { return TunnelState::default() };
    let TunnelSetup { kind, mtu, maker } = setup;
    let settings = TunnelSettings { kind, port, mtu, marks: plan.marks, maker };
    let ways = Family::ALL.map(|family| (family, ways(plan, family)));
    TunnelState::of(&settings, &ways.into())
}

fn ways(plan: &TunnelPlan, family: Family) -> TunnelWays {
    let is_of_family = |address: &IpAddr| Family::of(*address) == family;
    let homes = plan.homes.iter().filter(|(pod, _)| is_of_family(pod));
    let gateways = plan.gateways.iter().filter(|(address, _)| is_of_family(address));
    TunnelWays {
        gateways: ends(gateways.map(|(_, gateway)| *gateway)),
        homes: homes.map(|(pod, end)| (*pod, *end)).collect(),
    }
}

/// A number of which two addresses say different things leads nowhere.
fn ends(gateways: impl Iterator<Item = Gateway>) -> BTreeMap<GatewayIndex, Option<IpAddr>> {
    let mut ends = BTreeMap::new();
    for Gateway { index, end } in gateways {
        let Some(index) = index else { continue };
        let known = ends.entry(index).or_insert(end);
        if *known != end {
            *known = None;
        }
    }
    ends
}

#[cfg(test)]
#[path = "ways_tests.rs"]
mod tests;
