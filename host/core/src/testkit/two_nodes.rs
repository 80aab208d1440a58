//! Two nodes with a tunnel between them, and what each makes of one plan.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;

use super::build::a;
use super::random::{Universe, promised};
use crate::compile::TUNNEL_DEVICE;
use crate::net::{Family, GatewayIndex, PortRange, Protocol, TunnelMarks};
use crate::plan::{Gateway, Plan, SubjectPlan, TunnelPlan};
use crate::ruleset::Bits;
use crate::trace::{Hop, Packet, Route};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestNode {
    First,
    Second,
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPlace {
    /// This node holds it.
    On(TestNode),
    /// It has a number, and where it is is not known.
    Unproven,
    /// It has no number.
    Nowhere,
}

/// Two nodes, all of whose pods are in one plan.
#[derive(Clone, Debug)]
pub struct TwoNodes {
    /// What the rules say about pods of both.
    pub plan: Plan,
    /// Of each address of the universe.
    pub places: BTreeMap<IpAddr, AddressPlace>,
    universe: Universe,
}

impl TestNode {
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// Its end of the tunnel, which is its own address too.
    pub fn end(self, family: Family) -> IpAddr {
        match (self, family) {
            (Self::First, Family::Ipv4) => a("192.168.7.1"),
            (Self::First, Family::Ipv6) => a("fd00:7::1"),
            (Self::Second, Family::Ipv4) => a("192.168.7.2"),
            (Self::Second, Family::Ipv6) => a("fd00:7::2"),
        }
    }
}

impl TwoNodes {
    /// Random plans, and addresses that are mostly on one of both.
    pub fn random(universe: &Universe) -> impl Strategy<Value = Self> + use<> {
        let universe = universe.clone();
        universe.plans().prop_flat_map(move |plan| Self::with(&universe, plan))
    }

    /// The same with this plan.
    pub fn with(universe: &Universe, plan: Plan) -> impl Strategy<Value = Self> + use<> {
        let universe = universe.clone();
        let addresses: Vec<IpAddr> = universe.worlds.iter().flat_map(|world| world.addresses.clone()).collect();
        let place = prop_oneof![
            6 => select(TestNode::BOTH.to_vec()).prop_map(AddressPlace::On),
            1 => Just(AddressPlace::Unproven),
            1 => Just(AddressPlace::Nowhere),
        ];
        proptest::collection::vec(place, addresses.len())
            .prop_map(move |places| Self::new(&universe, plan.clone(), addresses.iter().copied().zip(places).collect()))
    }

    /// With these places of addresses.
    pub fn new(universe: &Universe, plan: Plan, places: BTreeMap<IpAddr, AddressPlace>) -> Self {
        Self { plan, places, universe: universe.clone() }
    }

    /// The same with an address at another place.
    #[must_use]
    pub fn moved(&self, address: IpAddr, place: AddressPlace) -> Self {
        let mut moved = self.clone();
        moved.places.insert(address, place);
        moved
    }

    /// The same with another plan.
    #[must_use]
    pub fn planned(&self, plan: Plan) -> Self {
        Self { plan, ..self.clone() }
    }

    /// The node that a pod is on.
    pub fn node_of(&self, pod: IpAddr) -> TestNode {
        let is_first = self.universe.worlds.iter().any(|world| world.pods.iter().take(3).any(|one| *one == pod));
        if is_first { TestNode::First } else { TestNode::Second }
    }

    /// The plan of one of the nodes.
    pub fn on(&self, node: TestNode) -> Plan {
        Plan { tunnel: Some(self.tunnel(node)), ..self.plan.clone() }
    }

    fn tunnel(&self, node: TestNode) -> TunnelPlan {
        let held = self.places.iter().filter(|(_, place)| **place == AddressPlace::On(node));
        let elsewhere = self.places.iter().filter(|(_, place)| **place != AddressPlace::On(node));
        let pods = self.plan.subjects.values().flat_map(SubjectPlan::sources);
        let others = pods.filter(|pod| self.node_of(*pod) != node);
        let ends = |node: TestNode| Family::ALL.map(|family| node.end(family));
        TunnelPlan {
            port: PortRange::new(Protocol::Udp, 4790, 4790).expect("a port"),
            marks: TunnelMarks::DEFAULT,
            nodes: TestNode::BOTH.into_iter().flat_map(ends).collect(),
            held: held.map(|(address, _)| *address).collect(),
            homes: others.map(|pod| (pod, node.other().end(Family::of(pod)))).collect(),
            gateways: elsewhere.map(|(address, place)| (*address, self.gateway(*address, *place))).collect(),
        }
    }

    /// An address has one number as long as there is one.
    fn gateway(&self, address: IpAddr, place: AddressPlace) -> Gateway {
        let mut addresses = self.universe.worlds.iter().flat_map(|world| world.addresses.iter().zip(1..));
        let number = addresses.find(|(one, _)| **one == address).map_or(0, |(_, number)| number);
        let index = GatewayIndex::new(number);
        match place {
            AddressPlace::On(node) => Gateway { index, end: Some(node.end(Family::of(address))) },
            AddressPlace::Unproven => Gateway { index, end: None },
            AddressPlace::Nowhere => Gateway { index: None, end: None },
        }
    }

    /// What the rules say of a packet, and where the address is.
    pub fn promised(&self, packet: &Packet) -> Option<(IpAddr, AddressPlace)> {
        let address = promised(&self.plan, packet)?;
        Some((address, *self.places.get(&address)?))
    }
}

/// The rules of routing of a node with these tunnels, for packets of a family: what leaves otherwise goes by `hop`.
pub fn tunnel_routes(tunnels: &[&TunnelPlan], family: Family, hop: Hop) -> Vec<Route> {
    let Some(marks) = tunnels.first().map(|tunnel| tunnel.marks) else { return Vec::new() };
    let through = Hop::Device(TUNNEL_DEVICE);
    let route = |mark, hop| Route { mark: Bits::under(marks.mask(), mark), hop };
    let gateways = tunnels
        .iter()
        .flat_map(|tunnel| &tunnel.gateways)
        .filter(|(address, gateway)| Family::of(**address) == family && gateway.end.is_some());
    let known = gateways.filter_map(|(_, gateway)| Some(route(marks.to(gateway.index?), through)));
    let bit = marks.bit().mask();
    let first = [route(bit, hop), route(marks.arrived(), hop), route(marks.home(), through)];
    let last = Route { mark: Bits::under(bit, bit), hop: Hop::Unreachable };
    first.into_iter().chain(known).chain([last]).collect()
}
