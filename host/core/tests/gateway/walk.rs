//! Packets on their way over two nodes, each with a CNI that masquerades.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{TUNNEL_DEVICE, compile, table_names};
use egressd_core::net::{Family, MarkBit};
use egressd_core::plan::{Plan, TunnelPlan};
use egressd_core::ruleset::{Chain, Direction, Hook, Interface, Name, Rule, Ruleset, State, Statement, TableNames};
use egressd_core::testkit::{
    Connection, Hop, Journey, Packet, Path, PathEnd, Seen, SourcePort, TestNode, TwoNodes, follow, follow_over,
    tunnel_routes,
};

pub(crate) fn device(name: &str) -> Interface {
    Interface::new(name).expect("a device")
}

/// As on a node whose guard has a backstop, which marks the packets of guarded pods.
pub(crate) fn names() -> TableNames {
    TableNames { marks: Some(MarkBit::DEFAULT), ..table_names(None) }
}

pub(crate) fn ruleset(plan: &Plan) -> Ruleset {
    compile(plan, &names())
}

/// What the CNI of a node makes of a packet that nothing else translates.
pub(crate) fn masqueraded(node: TestNode, packet: &Packet) -> IpAddr {
    node.end(Family::of(packet.source))
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It left the cluster from there, with this source.
    Left(TestNode, IpAddr),
    /// It was dropped, or had no route.
    Gone,
}

/// A packet's way.
#[derive(Debug)]
pub(crate) struct Trip {
    pub(crate) outcome: Outcome,
    /// The bits of marks that packets had when they left a node.
    pub(crate) marks_left: u32,
    /// On each node that it came to.
    pub(crate) paths: Vec<(TestNode, Path)>,
}

/// What both nodes have.
pub(crate) struct Scene {
    rulesets: [Ruleset; 2],
    tunnels: [Vec<TunnelPlan>; 2],
}

/// When a batch is committed while a packet is on its way.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) later: &'a Scene,
    pub(crate) look_ups: usize,
}

fn index(node: TestNode) -> usize {
    match node {
        TestNode::First => 0,
        TestNode::Second => 1,
    }
}

/// The masquerade of a CNI, beside egressd's chains.
pub(crate) fn with_masquerade(ruleset: &Ruleset, node: TestNode) -> Ruleset {
    let mut ruleset = ruleset.clone();
    for (family, table) in &mut ruleset.tables {
        let Some(family) = family.addresses() else { continue };
        let rules = vec![Rule::always(Statement::Snat(node.end(family)))];
        let chain = Chain { hook: Some(Hook::source_nat(100)), rules };
        table.chains.insert(Name::new("cni").expect("a name"), chain);
    }
    ruleset
}

impl Scene {
    pub(crate) fn at_rest(nodes: &TwoNodes) -> Self {
        let rulesets = TestNode::BOTH.map(|node| ruleset(&nodes.on(node)));
        Self::between(nodes, nodes, rulesets.each_ref())
    }

    /// The routes are those of both states.
    pub(crate) fn between(before: &TwoNodes, after: &TwoNodes, rulesets: [&Ruleset; 2]) -> Self {
        let rulesets = TestNode::BOTH.map(|node| with_masquerade(rulesets[index(node)], node));
        let tunnels =
            TestNode::BOTH.map(|node| [before, after].into_iter().filter_map(|nodes| nodes.on(node).tunnel).collect());
        Self { rulesets, tunnels }
    }

    /// Of nodes with these plans.
    pub(crate) fn of(plans: [&Plan; 2]) -> Self {
        let rulesets = TestNode::BOTH.map(|node| with_masquerade(&ruleset(plans[index(node)]), node));
        Self { rulesets, tunnels: plans.map(|plan| plan.tunnel.iter().cloned().collect()) }
    }

    pub(crate) fn without_routes(self) -> Self {
        Self { tunnels: [Vec::new(), Vec::new()], ..self }
    }

    /// Without a part of what diverts.
    pub(crate) fn without(mut self, part: usize) -> Self {
        let tables = self.rulesets.iter_mut().flat_map(|ruleset| ruleset.tables.values_mut());
        for table in tables {
            let name = |text: &str| Name::new(text).expect("a name");
            match part {
                0 => drop(table.chains.remove(&name("egress_divert"))),
                1 => table
                    .maps
                    .values_mut()
                    .filter(|map| map.kind == egressd_core::ruleset::MapKind::marks(map.kind.family))
                    .for_each(|map| map.elements.clear()),
                _ => table.maps.get_mut(&name("egress_diverted")).expect("a map").elements.clear(),
            }
        }
        self
    }

    pub(crate) fn shown(&self, node: usize) -> String {
        self.rulesets[node].to_string()
    }

    pub(crate) fn journey(&self, node: TestNode, packet: Packet, came_by: &str, hop: &str) -> Journey {
        let hop = Hop::Device(device(hop));
        let tunnels: Vec<&TunnelPlan> = self.tunnels[index(node)].iter().collect();
        let held = tunnels.iter().flat_map(|tunnel| tunnel.held.iter().copied());
        let own: BTreeSet<IpAddr> = held.chain(Family::ALL.map(|family| node.end(family))).collect();
        // The kernel asks for its own addresses before it looks at marks.
        let (routes, hop) = match own.contains(&packet.destination) {
            true => (Vec::new(), Hop::Here),
            false => (tunnel_routes(&tunnels, Family::of(packet.source), hop), hop),
        };
        Journey { routes, own, ..Journey::new(packet, hop).by(device(came_by)) }
    }

    fn follow(&self, node: TestNode, journey: &Journey, moment: Option<Moment<'_>>) -> Path {
        let now = &self.rulesets[index(node)];
        match moment {
            None => follow(now, journey),
            Some(Moment { later, look_ups }) => follow_over(now, &later.rulesets[index(node)], journey, look_ups),
        }
    }

    /// The first packet of a connection.
    pub(crate) fn walk(&self, nodes: &TwoNodes, packet: &Packet, moment: Option<Moment<'_>>) -> Trip {
        let own = nodes.node_of(packet.source);
        let mut trip = Trip { outcome: Outcome::Gone, marks_left: 0, paths: Vec::new() };
        self.hop(own, self.journey(own, *packet, "veth0", "eth0"), moment, &mut trip);
        trip
    }

    /// What becomes of a packet of the first node that belongs to a connection which went through the tunnel so far.
    pub(crate) fn walk_on(&self, packet: &Packet, mark: u32, moment: Option<Moment<'_>>) -> PathEnd {
        let connection = Connection {
            state: State::Established,
            direction: Direction::Original,
            mark,
            original: (packet.source, packet.destination),
            reply: (packet.destination, packet.source),
            source_port: SourcePort::Own,
        };
        let journey = Journey { connection, ..self.journey(TestNode::First, *packet, "veth0", "eth0") };
        self.follow(TestNode::First, &journey, moment).fate
    }

    fn hop(&self, node: TestNode, journey: Journey, moment: Option<Moment<'_>>, trip: &mut Trip) {
        let path = self.follow(node, &journey, moment);
        let (fate, left) = (path.fate, path.journey.clone());
        if matches!(fate, PathEnd::Left(_)) {
            trip.marks_left |= left.mark;
        }
        trip.paths.push((node, path));
        match fate {
            PathEnd::Left(device) if device == TUNNEL_DEVICE && trip.paths.len() < 3 => {
                let next = self.journey(node.other(), left.packet, "egressd0", "eth0");
                self.hop(node.other(), next, moment, trip);
            }
            PathEnd::Left(_) => trip.outcome = Outcome::Left(node, left.packet.source),
            PathEnd::Here | PathEnd::Dropped(_) | PathEnd::Unreachable => {}
        }
    }
}

/// Whether the answer to a packet comes to the pod, the way that the question went.
pub(crate) fn answer_comes_home(scene: &Scene, nodes: &TwoNodes, packet: &Packet, trip: &Trip) -> bool {
    let own = nodes.node_of(packet.source);
    let mut came_by = "eth0";
    for (node, path) in trip.paths.iter().rev() {
        let known = path.journey.connection;
        let source = match path.seen {
            Seen::As(source) => source,
            Seen::Untranslated => packet.source,
        };
        let connection = Connection {
            state: State::Established,
            direction: Direction::Reply,
            reply: (packet.destination, source),
            ..known
        };
        let answer = Packet { source: packet.destination, destination: packet.source, ..*packet };
        let hop = if *node == own { "veth0" } else { "eth0" };
        let journey = Journey { connection, ..scene.journey(*node, answer, came_by, hop) };
        let back = follow(&scene.rulesets[index(*node)], &journey);
        let wanted = if *node == own { device("veth0") } else { TUNNEL_DEVICE };
        if back.fate != PathEnd::Left(wanted) || back.journey.mark != 0 {
            return false;
        }
        came_by = "egressd0";
    }
    true
}
