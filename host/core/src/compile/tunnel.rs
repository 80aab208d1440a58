//! What a table has of the tunnel between nodes (P14): the chain that diverts packets to the node that holds an address,
//! and those that see to it that nothing leaves otherwise. They exist while there is a tunnel; no other node pays for
//! them.

mod guard;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::names::Objects;
use crate::net::Family;
use crate::plan::TunnelPlan;
use crate::ruleset::{
    AWAY, Bits, Chain, DIVERTED, DataKind, Direction, Field, GATEWAY_NETWORKS, HELD, HOMES, Hook, INPUT, Interface,
    InterfaceDirection, Key, KeyKind, Layout, Map, MapKind, Mark, MarkChange, Match, MatchOperator, Name, Point, Rule,
    Set, Statement, TUNNEL, TUNNEL_GUARD, TUNNEL_OUT, Table,
};

/// The device of the tunnel, on every node.
pub const TUNNEL_DEVICE: Interface = Interface::literal("egressd0");

const DIVERT: Name = Name::literal("egress_divert");
const NODES: Name = Name::literal("egress_nodes");

/// Before connection tracking (-300), which the tunnel's own packets need not meet.
const UNTRACKED_PRIORITY: i32 = -310;

/// Behind kube-proxy's DNAT (-100), and before packets are routed.
const DIVERT_PRIORITY: i32 = -90;

/// Behind the source NAT of every program, and before the guard of pods.
const GUARD_PRIORITY: i32 = 289;

/// Before the filters of other programs.
const INPUT_PRIORITY: i32 = -10;

/// What the chains of a family are made from.
pub(super) struct Tunnel<'a> {
    pub(super) family: Family,
    pub(super) plan: &'a TunnelPlan,
    pub(super) objects: &'a Objects,
}

/// Nothing is translated that leaves through the tunnel: the connection is bound to the source that it has, so that no
/// masquerade behind this one changes it. First of the rules that translate.
pub(super) fn untranslated(family: Family) -> Rule {
    Rule::when(leaves(), Statement::SnatTo(Field::Source(family)))
}

/// Whether a table has what belongs to a tunnel.
pub(super) fn is_there(table: &Table) -> bool {
    table.chains.contains_key(&TUNNEL_GUARD)
}

impl Tunnel<'_> {
    /// The maps whose elements belong to pods.
    pub(super) fn add_maps(&self, table: &mut Table) {
        let family = self.family;
        let names = &self.objects.diverting;
        let marks = MapKind::marks(family);
        let kinds = [marks, MapKind { key: KeyKind::Port, ..marks }, MapKind { data: DataKind::Verdict, ..marks }];
        let maps = [&names.addresses, &names.ports, &names.chains].into_iter().zip(kinds);
        table.maps.extend(maps.map(|(name, kind)| (name.clone(), Map::new(kind))));
        let pods = [DIVERTED, HOMES].map(|name| (name, Map::new(MapKind::pods(family))));
        table.maps.extend(pods);
        if table.layout != Layout::FIRST {
            table.maps.insert(names.net_pods.clone(), Map::new(MapKind::pods(family)));
            table.maps.insert(names.elsewhere.clone(), Map::new(MapKind::elsewhere(family)));
        }
    }

    /// What all pods have in common.
    pub(super) fn add_common(&self, table: &mut Table) {
        let Self { family, plan, .. } = *self;
        let away = plan.gateways.keys().copied().collect();
        for (name, addresses) in [(NODES, &plan.nodes), (HELD, &plan.held), (AWAY, &away)] {
            let own: BTreeSet<IpAddr> =
                addresses.iter().copied().filter(|address| Family::of(*address) == family).collect();
            table.sets.insert(name, Set::Addresses(family, own));
        }
        if table.layout != Layout::FIRST {
            table.chains.insert(GATEWAY_NETWORKS, Chain::default());
        }
        let chains = [
            (TUNNEL, Hook::filter(Point::Prerouting, UNTRACKED_PRIORITY), self.tunnel()),
            (TUNNEL_OUT, Hook::filter(Point::Output, UNTRACKED_PRIORITY), self.tunnel_out()),
            (DIVERT, Hook::filter(Point::Prerouting, DIVERT_PRIORITY), self.divert(table)),
            (TUNNEL_GUARD, Hook::filter(Point::Postrouting, GUARD_PRIORITY), self.guard(table)),
            (INPUT, Hook::filter(Point::Input, INPUT_PRIORITY), self.input()),
        ];
        table.chains.extend(chains.map(|(name, hook, rules)| (name, Chain { hook: Some(hook), rules })));
    }

    fn source(&self) -> Field {
        Field::Source(self.family)
    }

    fn destination(&self) -> Field {
        Field::Destination(self.family)
    }

    /// Only what one node sends to another has no connection, so that it is known by that in the chains behind this one. A
    /// pod may put the address of a node into its packets, but they come by the pod's device, which does not lead there.
    fn tunnel(&self) -> Vec<Rule> {
        let [to_node, from_node] = [is_in(self.destination(), NODES), is_in(self.source(), NODES)];
        vec![
            dropped([self.outer(), to_node.clone(), from_node.clone(), Match::SourceNotBehindDevice]),
            Rule::new([self.outer(), to_node, from_node], [Statement::NoTrack]),
        ]
    }

    fn tunnel_out(&self) -> Vec<Rule> {
        vec![Rule::new([self.outer(), is_in(self.destination(), NODES)], [Statement::NoTrack])]
    }

    /// Which packets go to another node.
    ///
    /// An address that another node holds is a destination as any outside: a pod that calls it is seen there with the address of
    /// its own Service, as it is where all addresses are on one node. To leave such calls alone would let them out with the
    /// node's address as soon as any Service names an address that no node holds. Calls of a Service's ports are to a pod by
    /// now, and inside.
    fn divert(&self, table: &Table) -> Vec<Rule> {
        let marks = self.plan.marks;
        let set = |mark| {
            let change = MarkChange { keep: !marks.mask(), flip: mark };
            [Statement::SetMark(Mark::Packet, change), Statement::Accept]
        };
        let returns = |part| Rule::when(part, Statement::Return);
        let reply = Match::Direction(Direction::Reply);
        let answer = [reply.clone(), is_in(self.translated(), HELD), is_in(self.destination(), HOMES)];
        let mut rules = vec![
            Rule::new([arrives()], set(marks.arrived())),
            // One look-up for all pods that are not diverted.
            Rule::new([original(), is_not_in(self.source(), DIVERTED)], [Statement::Return]),
            Rule::new(answer, set(marks.home())),
            returns(reply),
        ];
        rules.extend(super::returns_inside(self.family, table, self.objects));
        // What was translated here before goes on so (P11), but for what is diverted and has another port: its own address is
        // that of a pod. What is for the node itself leaves it not.
        let elsewhere = [Match::SourceTranslated, is_not_in(self.translated(), DIVERTED)];
        rules.push(Rule::new(elsewhere, [Statement::Return]));
        // Whatever rules say by now, an open connection goes on to the node that it went to at first (P16).
        let open = Match::Mark(Mark::Connection, self.ours());
        rules.push(Rule::new([open], [Statement::SetMarkFromConnection(marks.mask()), Statement::Accept]));
        rules.push(returns(Match::ToThisNode));
        rules.extend(self.look_ups(table));
        rules
    }

    /// As where packets are translated, but to marks.
    fn look_ups(&self, table: &Table) -> Vec<Rule> {
        let names = &self.objects.diverting;
        let marks = MapKind::marks(self.family);
        let by =
            |kind, map: &Name| Rule::new([], [Statement::SetMarkBy(Key::of(kind), map.clone()), Statement::Accept]);
        let mut rules = vec![Rule::always(Statement::VerdictBy(self.source().into(), names.chains.clone()))];
        if table.chains.contains_key(&GATEWAY_NETWORKS) {
            let pods = is_in(self.source(), names.net_pods.clone());
            rules.push(Rule::when(pods, Statement::Jump(GATEWAY_NETWORKS)));
        }
        rules.extend([by(MapKind { key: KeyKind::Port, ..marks }, &names.ports), by(marks, &names.addresses)]);
        rules
    }

    /// The bit of all marks of ours.
    fn ours(&self) -> Bits {
        let bit = self.plan.marks.bit().mask();
        Bits::under(bit, bit)
    }

    /// Whom the answers to a connection go to.
    fn translated(&self) -> Field {
        Field::ReplyDestination(self.family)
    }

    fn outer(&self) -> Match {
        Match::DestinationPort(self.plan.port)
    }
}

fn dropped(matches: impl Into<Vec<Match>>) -> Rule {
    Rule::new(matches, [Statement::Counter, Statement::Drop])
}

fn original() -> Match {
    Match::Direction(Direction::Original)
}

/// Whether it came out of the tunnel.
pub(super) fn arrives() -> Match {
    Match::Interface(InterfaceDirection::In, MatchOperator::Is, TUNNEL_DEVICE)
}

/// Whether it leaves through the tunnel.
pub(super) fn leaves() -> Match {
    Match::Interface(InterfaceDirection::Out, MatchOperator::Is, TUNNEL_DEVICE)
}

fn is_in(field: Field, set: Name) -> Match {
    Match::In(field.into(), set)
}

fn is_not_in(field: Field, set: Name) -> Match {
    Match::NotIn(field.into(), set)
}
