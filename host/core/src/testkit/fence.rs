//! The table that keeps a node from sending with addresses which it does not hold: what devices, frames and elements
//! that pass by themselves are in the vocabulary for.

use std::time::Duration;

use super::a;
use crate::net::{Family, PortRange, Protocol};
use crate::ruleset::{
    Bits, Chain, Field, Hook, Interface, Mark, MarkChange, Match, Name, Point, Rule, Ruleset, Set, SetKey, SetKeyKind,
    Statement, Table, TableFamily, Timeout,
};

/// The mark of the packets by which the node says that it lives.
pub const ALIVE: u32 = 0xe9;

/// The discard port.
const PORT: u16 = 9;

/// The table, for a node that holds one address of each family out of two, and leaves by `eth0`.
pub fn fence() -> Ruleset {
    let mut table = Table::new(name("egressd_fence"));
    table.counters.insert(name("fenced"));
    table.sets.extend(["pending", "alive"].map(|set| (name(set), Set::Timed(SetKeyKind::Mark))));
    for (set, all) in [("managed", &["192.0.2.50", "192.0.2.51"][..]), ("held", &["192.0.2.50"])] {
        let all = all.iter().map(|text| a(text)).collect();
        table.sets.insert(name(&format!("{set}4")), Set::Addresses(Family::Ipv4, all));
    }
    for (set, all) in [("managed", &["2001:db8::50", "2001:db8::51"][..]), ("held", &["2001:db8::50"])] {
        let targets = all.iter().map(|text| SetKey::Address(a(text))).collect();
        table
            .sets
            .insert(name(&format!("{set}6")), Set::Addresses(Family::Ipv6, all.iter().map(|text| a(text)).collect()));
        table.sets.insert(name(&format!("{set}_targets")), Set::Keys(SetKeyKind::NeighbourTarget, targets));
    }
    let on = |device: &str, rules| {
        let hook = Hook::filter(Point::Egress, 0).of_device(Interface::new(device).expect("a device"));
        Chain { hook: Some(hook), rules }
    };
    table.chains.insert(name("refresh"), on("lo", refresh()));
    table.chains.insert(name("outside"), on("eth0", vec![Rule::always(Statement::Jump(name("fence")))]));
    table.chains.insert(name("fence"), Chain::with(rules()));
    table.chains.insert(name("check"), Chain::with(check()));
    Ruleset { tables: [(TableFamily::Netdev, table)].into() }
}

/// Only what is pending or alive still becomes alive: a fence that has closed stays closed.
fn refresh() -> Vec<Rule> {
    let packet = || {
        let port = PortRange::new(Protocol::Udp, PORT, PORT).expect("a port");
        vec![Match::Mark(Mark::Packet, Bits::exactly(ALIVE)), Match::DestinationPort(port)]
    };
    let timeout = Timeout::at_most(Duration::from_millis(250)).expect("a timeout");
    let renewed = |set: &str| {
        let mut matches = packet();
        matches.push(is_in(Field::Mark, set));
        Rule::new(matches, [Statement::Update(name("alive"), Field::Mark.into(), timeout), Statement::Drop])
    };
    vec![renewed("pending"), renewed("alive"), Rule::new(packet(), [Statement::Drop])]
}

fn rules() -> Vec<Rule> {
    let advertisement = [Match::NeighbourAdvertisement];
    [
        of(&[], Field::Source(Family::Ipv4), "4"),
        of(&[], Field::ArpSender, "4"),
        of(&[], Field::Source(Family::Ipv6), "6"),
        of(&advertisement, Field::NeighbourTarget, "_targets"),
    ]
    .concat()
}

/// What has an address that is not held ends; what has one that is held goes on while the node lives.
fn of(before: &[Match], field: Field, sets: &str) -> Vec<Rule> {
    let managed = [before, &[is_in(field, &format!("managed{sets}"))]].concat();
    let strange = Match::NotIn(field.into(), name(&format!("held{sets}")));
    let dropped = [Statement::CountIn(name("fenced")), Statement::Drop];
    vec![Rule::new([&managed[..], &[strange]].concat(), dropped), Rule::new(managed, [Statement::Goto(name("check"))])]
}

fn check() -> Vec<Rule> {
    let mark = |mark| Statement::SetMark(Mark::Packet, MarkChange::to(mark));
    vec![
        Rule::always(mark(ALIVE)),
        Rule::new([is_in(Field::Mark, "alive")], [mark(0), Statement::Accept]),
        Rule::new([], [Statement::CountIn(name("fenced")), Statement::Drop]),
    ]
}

fn is_in(field: Field, set: &str) -> Match {
    Match::In(field.into(), name(set))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}
