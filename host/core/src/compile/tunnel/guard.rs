//! What is held back where there is a tunnel: what others than nodes send into it, what is to go through it and does not,
//! and what came out of it and is not translated.

use super::{HELD, NODES, Tunnel, arrives, dropped, is_in, is_not_in, original};
use crate::ruleset::{
    AWAY, Bits, Direction, Field, InterfaceDirection, Mark, MarkChange, Match, MatchOperator, Rule, State, Statement,
    States, Table, tcp_flags,
};

impl Tunnel<'_> {
    /// What goes to the tunnel's port on a node and is not from one to the other: what a pod sends, itself or by way of a
    /// Service, and what goes to another address than the end of the tunnel.
    fn forged(&self, to: impl IntoIterator<Item = Match>) -> Vec<Rule> {
        let own = [self.outer(), is_in(self.source(), NODES), is_in(self.destination(), NODES)];
        let untracked = States::of(&[State::Untracked]).map(Match::State);
        let passes = untracked.map(|state| Rule::new([&own[..], &[state]].concat(), [Statement::Return]));
        let to: Vec<Match> = [self.outer()].into_iter().chain(to).collect();
        passes.into_iter().chain([dropped(to)]).collect()
    }

    pub(super) fn guard(&self, table: &Table) -> Vec<Rule> {
        // Here the tunnel's own packets look as if they came out of it.
        let mut rules = self.forged([is_in(self.destination(), NODES)]);
        rules.extend(self.stays());
        rules.extend(self.arrived(table));
        // The packets of the tunnel are routed by the marks of those in them.
        let clear = Statement::SetMark(Mark::Packet, MarkChange::only(!self.plan.marks.mask()));
        rules.push(Rule::new([stays(), Match::Mark(Mark::Packet, self.ours())], [clear.clone()]));
        rules.push(Rule::when(stays(), Statement::Return));
        rules.push(Rule::when(Match::any_tcp_flag(tcp_flags::SYN), Statement::ClampSegments));
        let is_known = [Match::Direction(Direction::Reply), Match::Mark(Mark::Connection, self.ours())];
        rules.extend(is_known.map(|part| Rule::new([part], [clear.clone(), Statement::Return])));
        rules.extend(self.marking());
        rules.push(Rule::always(clear));
        rules
    }

    /// The mark of a packet as that of its connection. Older kernels have no operation on two numbers that are not known
    /// beforehand, so that every bit has a rule; they are asked once for a connection.
    fn marking(&self) -> Vec<Rule> {
        let marks = self.plan.marks;
        let only_ours = MarkChange { keep: !marks.mask(), flip: marks.bit().mask() };
        let bits = (0..u32::BITS).map(|at| 1 << at).filter(|bit| marks.number() & bit != 0);
        let copies = bits.map(|bit| {
            let copied = Statement::SetMark(Mark::Connection, MarkChange::with(bit));
            Rule::when(Match::Mark(Mark::Packet, Bits::under(bit, bit)), copied)
        });
        [Rule::always(Statement::SetMark(Mark::Connection, only_ours))].into_iter().chain(copies).collect()
    }

    /// What is to leave through the tunnel and does not: by its mark, by that of its connection, and by the address that it
    /// would leave with.
    fn stays(&self) -> Vec<Rule> {
        let marks = self.plan.marks;
        let number = |mark| Bits::under(marks.mask(), mark);
        // The bit alone is that of the backstop, and such a packet goes its ordinary way.
        let others =
            [marks.arrived(), marks.bit().mask()].map(|mark| Match::Mark(Mark::Packet, number(mark).negated()));
        // A client may have such an address itself, and another port than its own.
        let began = is_not_in(Field::OriginalSource(self.family), AWAY);
        let drop = |matches: &[Match]| dropped([matches, &self.leaks()].concat());
        let mut rules = vec![
            drop(&[&[Match::Mark(Mark::Packet, self.ours())], &others[..]].concat()),
            dropped([Match::Mark(Mark::Packet, number(marks.home())), stays()]),
            drop(&[Match::Mark(Mark::Connection, self.ours()), original()]),
            dropped([original(), Match::SourceTranslated, is_in(self.translated(), AWAY), began, stays()]),
        ];
        rules.extend(self.own_error());
        rules
    }

    /// An error that this node itself reports about the answers of a diverted connection, as when the pod is gone: it would say
    /// this node's address, and the pod's in what it quotes. What a masquerade translated is no such connection.
    fn own_error(&self) -> Option<Rule> {
        let related = States::of(&[State::Related]).map(Match::State)?;
        let outside = is_not_in(self.destination(), self.objects.excluded.clone());
        let [not_here, not_masqueraded] = [HELD, NODES].map(|set| is_not_in(self.translated(), set));
        let connection = [Match::Mark(Mark::Connection, self.ours()), original(), related];
        Some(dropped([&connection[..], &[stays(), outside, not_here, not_masqueraded]].concat()))
    }

    /// Leaves the cluster with an address that is not of this node. Packets and connections of other programs may have
    /// marks that look like ours: what a node sends itself or has translated is none of a diverted pod, since that keeps
    /// the pod's own address, and what stays inside is not diverted.
    fn leaks(&self) -> [Match; 4] {
        let outside = is_not_in(self.destination(), self.objects.excluded.clone());
        [stays(), outside, is_not_in(self.source(), HELD), Match::SourceOfOthers]
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

    /// Whatever is for this node comes here, broadcasts too: to the tunnel's port nothing gets but what another node sends to
    /// the end of the tunnel. Of what comes out of it, nothing gets to an address that this node has for itself, but what other
    /// nodes send.
    ///
    /// An answer that comes before the pod has sent the first packet to an address that moved here is not refused, so that the
    /// connection survives.
    pub(super) fn input(&self) -> Vec<Rule> {
        let unasked = Bits::under(tcp_flags::SYN | tcp_flags::RST, 0);
        let states = States::of(&[State::New, State::Invalid]).map(Match::State);
        let matches = [is_in(self.destination(), HELD), Match::TcpFlags(unasked)].into_iter().chain(states);
        let mut rules = self.forged([]);
        rules.push(dropped([arrives(), is_not_in(self.source(), NODES), is_not_in(self.destination(), HELD)]));
        rules.push(dropped(matches.collect::<Vec<_>>()));
        rules
    }
}

fn stays() -> Match {
    Match::Interface(InterfaceDirection::Out, MatchOperator::IsNot, super::TUNNEL_DEVICE)
}
