//! What a node's tunnel has to be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU16;

use super::{
    DeviceSetup, PacketOrigin, RouteKind, RoutePlace, RoutingRule, RuleAction, RuleMatch, Tunnel, TunnelDevice,
    TunnelKind, TunnelMaker, TunnelMtu, TunnelState, TunnelTable,
};
use crate::net::{Family, GatewayIndex, TunnelMarks};
use crate::node::xfrm::everything;

/// What is set for the tunnel, the same on all nodes but for the MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelSettings {
    pub kind: TunnelKind,
    pub port: NonZeroU16,
    pub mtu: TunnelMtu,
    pub marks: TunnelMarks,
    /// Whose tunnel it is on this node.
    pub maker: TunnelMaker,
}

/// Where packets of one family go through the tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelWays {
    /// The node of each gateway; none when it is not known, and then what is sent there is refused.
    pub gateways: BTreeMap<GatewayIndex, Option<IpAddr>>,
    /// Pods of other nodes that leave by this one, and their nodes.
    pub homes: BTreeMap<IpAddr, IpAddr>,
}

/// The metric of what leads into the tunnel.
const LEADS: u32 = 1;
/// The metric of what refuses behind it.
const REFUSES: u32 = 4000;

/// The preferences of the rules; those of gateways are between the second and the third.
const OUT_OF_THE_TUNNEL: u16 = RoutingRule::FIRST;
const UNMARKED: u16 = OUT_OF_THE_TUNNEL + 1;
const GUARDED: u16 = RoutingRule::END - 10;
const ARRIVED: u16 = RoutingRule::END - 9;
const HOME: u16 = RoutingRule::END - 8;
const MARKED: u16 = RoutingRule::END - 1;

impl TunnelState {
    /// The device, and the rules and routes of these families; a family that is not there has none.
    pub fn of(settings: &TunnelSettings, ways: &BTreeMap<Family, TunnelWays>) -> Self {
        let mut state = Self { device: Some(settings.device()), ..Self::default() };
        for (family, ways) in ways {
            state.rules.extend(rules(settings.marks, *family, ways));
            state.routes.extend(ways.gateways.iter().flat_map(|(gateway, end)| to_gateway(*family, *gateway, *end)));
            state.routes.extend(ways.homes.iter().map(|(pod, end)| (home(*pod), encapsulated(*end))));
        }
        state
    }
}

impl TunnelSettings {
    fn device(&self) -> TunnelDevice {
        let Self { kind, port, mtu, marks: _, maker } = *self;
        TunnelDevice { kind, port, mtu: mtu.bytes().into(), setup: DeviceSetup::Complete, maker }
    }
}

fn rules(marks: TunnelMarks, family: Family, ways: &TunnelWays) -> BTreeSet<RoutingRule> {
    let rule = |preference, packets, action| RoutingRule { action, family, preference, packets };
    let bit = marks.bit().mask();
    let marked = |mark| RuleMatch::marked(mark, marks.mask());
    let unmarked = RuleMatch::marked(0, bit);
    let homes = RuleAction::Lookup(TunnelTable::HOMES);
    let fixed = [
        rule(OUT_OF_THE_TUNNEL, RuleMatch { origin: PacketOrigin::Tunnel, ..unmarked }, RuleAction::Unreachable),
        rule(UNMARKED, unmarked, RuleAction::Goto),
        // The bit alone is the guard's: such a packet leaves here.
        rule(GUARDED, marked(bit), RuleAction::Goto),
        rule(ARRIVED, marked(marks.arrived()), RuleAction::Goto),
        rule(HOME, marked(marks.home()), homes),
        rule(MARKED, RuleMatch::marked(bit, bit), RuleAction::Unreachable),
        rule(RoutingRule::END, RuleMatch::ALL, RuleAction::Nop),
    ];
    let to = |gateway: &GatewayIndex| {
        let lookup = RuleAction::Lookup(TunnelTable::of(*gateway));
        rule(UNMARKED + u16::from(gateway.number()), marked(marks.to(*gateway)), lookup)
    };
    ways.gateways.keys().map(to).chain(fixed).collect()
}

fn to_gateway(
    family: Family,
    gateway: GatewayIndex,
    end: Option<IpAddr>,
) -> impl Iterator<Item = (RoutePlace, RouteKind)> {
    let at = move |metric| RoutePlace { table: TunnelTable::of(gateway), destination: everything(family), metric };
    let refuses = (at(REFUSES), RouteKind::Unreachable);
    end.map(|end| (at(LEADS), encapsulated(end))).into_iter().chain([refuses])
}

fn home(pod: IpAddr) -> RoutePlace {
    RoutePlace { table: TunnelTable::HOMES, destination: pod.into(), metric: LEADS }
}

fn encapsulated(to: IpAddr) -> RouteKind {
    RouteKind::Encapsulated { to, id: Tunnel::NETWORK }
}
