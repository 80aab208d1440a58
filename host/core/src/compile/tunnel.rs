//! What a table has of the tunnel between nodes (P14): the chain that diverts packets to the node that holds an address,
//! and those that see to it that nothing leaves otherwise. They exist while there is a tunnel; no other node pays for
//! them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::names::Objects;
use crate::net::Family;
use crate::plan::TunnelPlan;
use crate::ruleset::{
    AWAY, Bits, Chain, DIVERTED, DataKind, Direction, Field, GATEWAY_NETWORKS, HELD, HOMES, Hook, Interface,
    InterfaceDirection, Key, KeyKind, Layout, Map, MapKind, Mark, MarkChange, Match, MatchOperator, Name, Point, Rule,
    Set, State, Statement, States, TUNNEL, TUNNEL_GUARD, Table, tcp_flags,
};

/// The device of the tunnel, on every node.
pub const TUNNEL_DEVICE: Interface = Interface::literal("egressd0");

const TUNNEL_OUT: Name = Name::literal("egress_tunnel_out");
const DIVERT: Name = Name::literal("egress_divert");
const INPUT: Name = Name::literal("egress_input");
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

    /// Nothing but nodes sends into the tunnel, and what a pod sends there ends on its own node.
    fn tunnel(&self) -> Vec<Rule> {
        let forged = [self.outer(), is_in(self.destination(), NODES), is_not_in(self.source(), NODES)];
        vec![
            Rule::new(forged, [Statement::Counter, Statement::Drop]),
            Rule::new([self.outer(), is_in(self.source(), NODES)], [Statement::NoTrack]),
        ]
    }

    fn tunnel_out(&self) -> Vec<Rule> {
        vec![Rule::new([self.outer(), is_in(self.destination(), NODES)], [Statement::NoTrack])]
    }

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
        // What was translated here before goes on so (P11), and what is for the node itself leaves it not.
        rules.extend([Match::SourceTranslated, Match::ToThisNode].map(returns));
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

    fn guard(&self, table: &Table) -> Vec<Rule> {
        let outer = [self.outer(), is_in(self.source(), NODES), is_in(self.destination(), NODES)];
        // Here it looks as if they came out of the tunnel.
        let mut rules = vec![Rule::new(outer, [Statement::Return])];
        rules.extend(self.stays());
        let ours = self.plan.marks.bit().mask();
        let diverted = Statement::SetMark(Mark::Connection, MarkChange::with(ours));
        rules.push(Rule::new([leaves(), original()], [diverted]));
        rules.extend(self.arrived(table));
        rules.push(Rule::new([leaves(), Match::any_tcp_flag(tcp_flags::SYN)], [Statement::ClampSegments]));
        // The packets of the tunnel are routed by the marks of those in them.
        let clear = Statement::SetMark(Mark::Packet, MarkChange::only(!self.plan.marks.mask()));
        rules.push(Rule::when(Match::Mark(Mark::Packet, Bits::under(ours, ours)), clear));
        rules
    }

    /// What is to leave through the tunnel and does not: by its mark, by that of its connection, and by the address that it
    /// would leave with.
    fn stays(&self) -> [Rule; 3] {
        let marks = self.plan.marks;
        let ours = Bits::under(marks.bit().mask(), marks.bit().mask());
        // The bit alone is that of the backstop, and such a packet goes its ordinary way.
        let others = [marks.arrived(), marks.bit().mask()].map(|mark| Bits::under(marks.mask(), mark).negated());
        let [arrived, bare] = others.map(|bits| Match::Mark(Mark::Packet, bits));
        [
            dropped([Match::Mark(Mark::Packet, ours), arrived, bare, stays()]),
            dropped([Match::Mark(Mark::Connection, ours), original(), stays()]),
            dropped([original(), is_in(self.translated(), AWAY), stays()]),
        ]
    }

    /// What came out of the tunnel leaves translated to an address of this node, and not to what is inside.
    fn arrived(&self, table: &Table) -> Vec<Rule> {
        let untracked = States::of(&[State::Invalid, State::Untracked]).map(Match::State);
        let mut rules: Vec<Rule> = untracked.into_iter().map(|state| dropped([arrives(), state])).collect();
        rules.push(dropped([arrives(), original(), is_not_in(self.translated(), HELD)]));
        let sets = [&self.objects.excluded, &self.objects.inside].into_iter();
        let inside = sets.filter(|set| table.sets.contains_key(*set)).cloned();
        rules.extend(inside.map(|set| dropped([arrives(), original(), is_in(self.destination(), set)])));
        rules
    }

    /// An answer that comes before the pod has sent the first packet to an address that moved here is not refused, so that the
    /// connection survives.
    fn input(&self) -> Vec<Rule> {
        let unasked = Bits::under(tcp_flags::SYN | tcp_flags::RST, 0);
        let states = States::of(&[State::New, State::Invalid]).map(Match::State);
        let matches = [is_in(self.destination(), HELD), Match::TcpFlags(unasked)].into_iter().chain(states);
        vec![dropped(matches.collect::<Vec<_>>())]
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

fn stays() -> Match {
    Match::Interface(InterfaceDirection::Out, MatchOperator::IsNot, TUNNEL_DEVICE)
}

fn is_in(field: Field, set: Name) -> Match {
    Match::In(field.into(), set)
}

fn is_not_in(field: Field, set: Name) -> Match {
    Match::NotIn(field.into(), set)
}
