//! The guard (P12): a filter chain behind every source NAT, which drops what a guarded pod sends out of the cluster with
//! another source than those that it is translated to. It exists while a pod of the family is guarded; no other node
//! pays for it.

use std::net::IpAddr;
use std::sync::Arc;

use super::names::{self, Objects};
use super::tunnel;
use crate::net::{AddressRange, Family, MarkBit};
use crate::plan::{GuardedPod, Plan, PodLocation};
use crate::ruleset::{
    Bits, Chain, Direction, Element, Field, GUARD, Hook, Key, Layout, MARKING, MapKey, MapKind, Mark, MarkChange,
    Match, Name, PRIVATE, Point, Rule, Set, State, Statement, States, Table, TableNames, Target,
};

/// Behind the source NAT of every program: kube-proxy's and flannel's at 100, Calico's at 110, and whatever an
/// administrator puts between.
const PRIORITY: i32 = 290;

/// Where other programs mark packets (`mangle`), before they are routed.
const MARKING_PRIORITY: i32 = -150;

/// The chain, for a table with these sets.
///
/// An answer goes back to whoever asked, with whatever source that knows. NAT does not see packets without a
/// connection, so the pod itself is their source; all others are known by the source that they had at first.
fn chain(family: Family, table: &Table, objects: &Objects) -> Chain {
    let returns = |part: Match| Rule::when(part, Statement::Return);
    // What another node translates still has its own source here.
    let mut rules: Vec<Rule> = tunnel::is_there(table).then(|| returns(tunnel::leaves())).into_iter().collect();
    rules.push(returns(Match::Direction(Direction::Reply)));
    if tunnel::is_there(table) {
        // A pod of another node may have an address in the networks of this one, of which it is no pod.
        let free = Match::NotIn(Field::OriginalSource(family).into(), objects.guarded.clone());
        rules.push(Rule::new([tunnel::arrives(), free], [Statement::Return]));
    }
    rules.extend(senders(family).into_iter().flat_map(|sender| sender.passing(table, objects)));
    // First of what passes: what is translated, which is most, needs no look-up of its destination.
    let pair = Key::of(MapKind::allowed_sources(family));
    rules.push(returns(Match::In(pair, objects.allowed_sources.clone())));
    rules.push(returns(Match::destination_in(family, objects.excluded.clone())));
    if table.sets.contains_key(&objects.inside) {
        rules.push(inside(family, table, objects));
    }
    if table.layout != Layout::FIRST {
        // Where others of its network may be, such a pod is not translated.
        let elsewhere = Match::In(Field::OriginalSource(family).into(), objects.translating.elsewhere.clone());
        let private = Match::destination_in(family, PRIVATE.clone());
        rules.push(Rule::new([elsewhere, private], [Statement::Return]));
    }
    rules.extend(senders(family).into_iter().flat_map(|sender| sender.dropped(table, objects)));
    Chain { hook: Some(Hook::filter(Point::Postrouting, PRIORITY)), rules }
}

/// Single addresses that are inside. Whoever may write EndpointSlices can list a public one outside, and translating nothing
/// to that is harmless, while passing it is not.
fn inside(family: Family, table: &Table, objects: &Objects) -> Rule {
    let is_inside = Match::destination_in(family, objects.inside.clone());
    let private = (table.layout != Layout::FIRST).then(|| Match::destination_in(family, PRIVATE.clone()));
    Rule::new(private.into_iter().chain([is_inside]).collect::<Vec<_>>(), [Statement::Return])
}

/// Who sent a packet: by its connection, or where it has none by its source.
struct Sender {
    matches: Option<Match>,
    address: Field,
}

fn senders(family: Family) -> [Sender; 2] {
    let untracked = States::of(&[State::Invalid, State::Untracked]).map(Match::State);
    [
        Sender { matches: None, address: Field::OriginalSource(family) },
        Sender { matches: untracked, address: Field::Source(family) },
    ]
}

impl Sender {
    fn rule(&self, matches: impl IntoIterator<Item = Match>, statements: impl Into<Vec<Statement>>) -> Rule {
        Rule::new(self.matches.clone().into_iter().chain(matches).collect::<Vec<_>>(), statements)
    }

    fn is_in(&self, set: &Name) -> Match {
        Match::In(self.address.into(), set.clone())
    }

    fn is_not_in(&self, set: &Name) -> Match {
        Match::NotIn(self.address.into(), set.clone())
    }

    /// Those who are not guarded; where unknown pods are dropped, only if they are known or no pods of this node.
    fn passing(&self, table: &Table, objects: &Objects) -> Vec<Rule> {
        let free = || self.is_not_in(&objects.guarded);
        let returns = [Statement::Return];
        match table.sets.contains_key(&objects.own_networks) {
            false => vec![self.rule([free()], returns)],
            true => vec![
                self.rule([free(), self.is_in(&objects.known_pods)], returns.clone()),
                self.rule([free(), self.is_not_in(&objects.own_networks)], returns),
            ],
        }
    }

    /// Only what gets here is found in the map of guarded pods, so its elements count what is dropped.
    fn dropped(&self, table: &Table, objects: &Objects) -> Vec<Rule> {
        let mut rules = vec![self.rule([self.is_in(&objects.guarded)], [Statement::Drop])];
        if table.sets.contains_key(&objects.own_networks) {
            rules.push(self.rule([self.is_in(&objects.own_networks)], [Statement::Counter, Statement::Drop]));
        }
        rules
    }
}

/// The mark and the end of it, for the policies of the backstop ([`crate::node::Xfrm`]): before packets are forwarded, and
/// where every chain of other programs has seen them, since nothing of it is theirs.
fn marking(family: Family, objects: &Objects, mark: GuardMark) -> Chain {
    let sender = Key::from(Field::Source(family));
    let rules = vec![
        // What is found in the map is counted as dropped.
        Rule::when(Match::NotIn(sender, objects.guarded.clone()), Statement::Return),
        Rule::always(Statement::SetMark(Mark::Packet, mark.change())),
    ];
    Chain { hook: Some(Hook::filter(Point::Prerouting, MARKING_PRIORITY)), rules }
}

fn unmark(bit: MarkBit) -> Rule {
    let has_bit = Match::Mark(Mark::Packet, Bits::under(bit.mask(), bit.mask()));
    Rule::when(has_bit, Statement::SetMark(Mark::Packet, MarkChange::only(!bit.mask())))
}

/// The mark of guarded pods' packets.
#[derive(Clone, Copy)]
pub(super) struct GuardMark {
    bit: MarkBit,
    /// The bits that number gateways, where there is a tunnel: other programs may have set some of them, and the bit alone is no
    /// gateway's mark.
    number: u32,
}

impl GuardMark {
    /// None where tables mark nothing.
    pub(super) fn of(plan: &Plan, names: &TableNames) -> Option<Self> {
        let number = plan.tunnel.as_ref().map_or(0, |tunnel| tunnel.marks.number());
        names.marks.map(|bit| Self { bit, number })
    }

    fn change(self) -> MarkChange {
        let bit = self.bit.mask();
        MarkChange { keep: !(bit | self.number), flip: bit }
    }
}

/// What is in the maps of one pod.
pub(super) struct GuardElements<'a> {
    pub(super) family: Family,
    pub(super) pod: IpAddr,
    pub(super) place: PodLocation,
    pub(super) guarded: &'a GuardedPod<'a>,
}

/// Adds the chain, and the maps that it looks into. Where only known pods of some networks leave, those networks.
pub(super) fn add_chain(table: &mut Table, family: Family, objects: &Objects, own: Option<&[AddressRange]>) {
    if let Some(own) = own {
        table.sets.insert(objects.own_networks.clone(), Set::Ranges(family, own.to_vec()));
        table.map_of(objects.known_pods.clone(), MapKind::known_pods(family));
    }
    table.map_of(objects.guarded.clone(), MapKind::guarded(family));
    table.map_of(objects.allowed_sources.clone(), MapKind::allowed_sources(family));
    let chain = chain(family, table, objects);
    table.chains.insert(GUARD, chain);
}

/// Adds the mark and its end.
pub(super) fn add_marks(table: &mut Table, family: Family, objects: &Objects, mark: GuardMark) {
    table.chains.insert(MARKING, marking(family, objects, mark));
    if let Some(guard) = table.chains.get_mut(&GUARD) {
        guard.rules.insert(0, unmark(mark.bit));
    }
}

/// Adds what is known to be a pod.
pub(super) fn add_known(table: &mut Table, family: Family, pod: IpAddr, objects: &Objects) {
    let element = Element { target: Target::Nothing, comment: None };
    table.insert(objects.known_pods.clone(), MapKind::known_pods(family), MapKey::Address(pod), element);
}

/// Adds the elements of one pod.
pub(super) fn add_pod(table: &mut Table, objects: &Objects, elements: GuardElements<'_>) {
    let GuardElements { family, pod, place, guarded } = elements;
    let comment: Arc<str> = names::comment(guarded.key, &guarded.subject.uid).into();
    let is_first = table.layout == Layout::FIRST;
    let mut insert = |name: &Name, kind, key, comment| {
        table.insert(name.clone(), kind, key, Element { target: Target::Nothing, comment });
    };
    insert(&objects.guarded, MapKind::guarded(family), MapKey::Address(pod), Some(comment));
    for source in guarded.sources.iter().filter(|source| Family::of(**source) == family) {
        let key = MapKey::AllowedSource(pod, *source);
        insert(&objects.allowed_sources, MapKind::allowed_sources(family), key, None);
    }
    if place == PodLocation::Elsewhere && !is_first {
        insert(&objects.translating.elsewhere, MapKind::elsewhere(family), MapKey::Address(pod), None);
    }
}
