//! The numbers of addresses of other nodes: whatever was and is, tables have no number for two addresses at once.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use egressd_core::compile::indexes_in_use;
use egressd_core::net::{Family, GatewayIndex, PortRange, Protocol, TunnelMarks};
use egressd_core::plan::{GatewayIndexes, IndexesInUse};
use egressd_core::ruleset::{Mark, Ruleset, Statement, Target};
use egressd_core::testkit::{TestNode, a};
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::walk::ruleset;
use super::{moves, two_nodes};

/// More than there are numbers, and some of the other family.
fn addresses() -> Vec<IpAddr> {
    let v4 = (0..140u8).map(|i| IpAddr::from([11, 0, 0, i]));
    let v6 = (0..10u16).map(|i| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, i]));
    v4.chain(v6).collect()
}

/// What changes from one time to the next.
#[derive(Clone, Debug)]
struct Turn {
    needed: BTreeSet<IpAddr>,
    /// Of the elements of each address, whether the kernel takes them over now.
    committed: Vec<bool>,
    restart: bool,
    /// Whether tables say which address a number is for.
    stated: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let few = subsequence(addresses(), 0..8);
    let many = subsequence(addresses(), 120..=150);
    let needed = prop_oneof![3 => few, 1 => many];
    let committed = prop::collection::vec(any::<bool>(), 150);
    let turn = (needed, committed, prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(needed, committed, restart, stated)| Turn {
            needed: needed.into_iter().collect(),
            committed,
            restart,
            stated,
        },
    );
    prop::collection::vec(turn, 1..12)
}

/// The addresses that the tables have a number for.
type Tables = BTreeMap<(Family, GatewayIndex), BTreeSet<IpAddr>>;

fn in_use(tables: &Tables, stated: bool) -> IndexesInUse {
    let mut in_use = IndexesInUse::default();
    for ((family, index), addresses) in tables {
        addresses.iter().for_each(|address| in_use.add(*family, *index, stated.then_some(*address)));
    }
    in_use
}

/// An address has what the newest numbers say, or what it had before.
fn commit(tables: &mut Tables, turn: &Turn, numbers: &GatewayIndexes) {
    for (address, _) in addresses().into_iter().zip(&turn.committed).filter(|(_, committed)| **committed) {
        tables.values_mut().for_each(|of| {
            of.remove(&address);
        });
        if let Some(index) = turn.needed.contains(&address).then(|| numbers.of(address)).flatten() {
            tables.entry((Family::of(address), index)).or_default().insert(address);
        }
    }
    tables.retain(|_, of| !of.is_empty());
}

fn of_family(needed: &BTreeSet<IpAddr>, family: Family) -> BTreeSet<IpAddr> {
    needed.iter().copied().filter(|address| Family::of(*address) == family).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 3_000 }))]

    #[test]
    fn a_number_is_never_that_of_two_addresses_in_the_tables(turns in turns()) {
        let (mut numbers, mut tables) = (GatewayIndexes::default(), Tables::new());
        for turn in turns {
            let before = if turn.restart { GatewayIndexes::default() } else { numbers.clone() };
            numbers = before.next(&turn.needed, || in_use(&tables, turn.stated));
            for address in &turn.needed {
                let was = before.of(*address);
                prop_assert!(was.is_none() || was == numbers.of(*address), "{address} has another number");
            }
            let given: BTreeSet<_> = turn.needed.iter().filter_map(|one| Some((Family::of(*one), numbers.of(*one)?))).collect();
            prop_assert_eq!(given.len(), turn.needed.iter().filter(|one| numbers.of(**one).is_some()).count());
            commit(&mut tables, &turn, &numbers);
            for (number, of) in &tables {
                prop_assert_eq!(of.len(), 1, "{:?} is that of {:?}", number, of);
            }
        }
    }

    #[test]
    fn an_address_has_no_number_only_while_all_are_taken(turns in turns()) {
        let (mut numbers, mut tables) = (GatewayIndexes::default(), Tables::new());
        for turn in turns {
            let (before, used) = (numbers.clone(), tables.keys().copied().collect::<BTreeSet<_>>());
            numbers = numbers.next(&turn.needed, || in_use(&tables, true));
            for family in Family::ALL {
                let needed = of_family(&turn.needed, family);
                let given = needed.iter().filter_map(|one| numbers.of(*one));
                let taken: BTreeSet<GatewayIndex> =
                    given.chain(used.iter().filter(|(of, _)| *of == family).map(|(_, index)| *index)).collect();
                let lacks = needed.iter().any(|one| numbers.of(*one).is_none());
                prop_assert!(!lacks || taken.len() == usize::from(GatewayIndex::COUNT), "{} are taken", taken.len());
                let new = needed.iter().filter(|one| before.of(**one).is_none()).filter_map(|one| numbers.of(*one));
                let lower = |new: GatewayIndex| GatewayIndex::all().take_while(move |index| *index < new);
                prop_assert!(new.flat_map(lower).all(|index| taken.contains(&index)), "a lower one is free");
            }
            commit(&mut tables, &turn, &numbers);
        }
    }

    /// Of tables as they are, whatever process made them.
    #[test]
    fn after_a_restart_a_number_in_the_tables_stays_that_of_its_address(nodes in two_nodes(), gone in 0..8usize) {
        let plan = nodes.on(TestNode::First);
        let tunnel = plan.tunnel.clone().expect("a tunnel");
        let tables = ruleset(&plan);
        let needed = tunnel.gateways.keys().copied().enumerate().filter(|(number, _)| *number != gone);
        let needed = needed.map(|(_, address)| address).collect();
        let found = indexes_in_use(&tables, TunnelMarks::DEFAULT);
        let numbers = GatewayIndexes::default().next(&needed, || found);
        let is_in_tables = |address: &IpAddr| tunnel.mark(*address).is_some_and(|mark| has_mark(&tables, *address, mark));
        for (address, gateway) in tunnel.gateways.iter().filter(|(address, _)| is_in_tables(address)) {
            let others = needed.iter().filter(|one| Family::of(**one) == Family::of(*address) && *one != address);
            let mut others = others.filter_map(|one| numbers.of(*one));
            prop_assert!(others.all(|other| Some(other) != gateway.index), "{} had {:?}", address, gateway.index);
        }
    }
}

/// Whether an element of the address's family has a mark, or a rule that elements lead to.
fn has_mark(ruleset: &Ruleset, address: IpAddr, mark: u32) -> bool {
    let table = &ruleset.tables[&Family::of(address).into()];
    let mut elements = table.maps.values().flat_map(|map| map.elements.values());
    let mut rules = table.chains.values().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.statements);
    let sets = |one: &Statement| matches!(one, Statement::SetMark(Mark::Packet, change) if change.flip == mark);
    elements.any(|element| element.target == Target::Mark(mark)) || rules.any(sets)
}

#[test]
fn tables_are_not_looked_at_while_no_address_comes() {
    let all: BTreeSet<IpAddr> = addresses().into_iter().collect();
    let asked = Cell::new(0);
    let in_use = || {
        asked.set(asked.get() + 1);
        IndexesInUse::default()
    };
    let numbers = GatewayIndexes::default().next(&all, in_use);
    assert_eq!(asked.get(), 1);
    let same = numbers.next(&all, in_use);
    assert_eq!((&same, asked.get()), (&numbers, 1), "all numbers of IPv4 are taken");
    let fewer = all.iter().copied().skip(1).take(100).collect();
    assert_eq!((numbers.next(&fewer, in_use), asked.get()), (numbers, 1));
}

#[test]
fn the_125th_address_of_a_family_has_no_number() {
    let numbers = GatewayIndexes::default().next(&addresses().into_iter().collect(), IndexesInUse::default);
    let has = |family: Family| {
        addresses().into_iter().filter(move |one| Family::of(*one) == family && numbers.of(*one).is_some())
    };
    assert_eq!(has(Family::Ipv4).count(), 124);
}

/// By an element, and by a rule of a chain.
#[test]
fn after_a_restart_an_address_has_the_number_that_tables_say_it_has() {
    let plain = moves::plain(moves::POD, moves::THERE);
    let mut ranged = plain.clone();
    let ports = PortRange::new(Protocol::Tcp, 80, 90).expect("ports");
    for subject in ranged.subjects.values_mut() {
        subject.rules.to_mut()[0].change(|rule| rule.destination_ports = vec![ports]);
    }
    for plan in [plain, ranged] {
        let tables = ruleset(&moves::nodes(plan).on(TestNode::First));
        let needed = [moves::HERE, moves::THERE].map(a).into();
        let numbers = GatewayIndexes::default().next(&needed, || indexes_in_use(&tables, TunnelMarks::DEFAULT));
        let are = [moves::HERE, moves::THERE].map(|address| numbers.of(a(address)).map(GatewayIndex::number));
        assert_eq!(are, [Some(1), Some(2)], "{tables}");
        let other = [moves::HERE].map(a).into();
        let numbers = GatewayIndexes::default().next(&other, || indexes_in_use(&tables, TunnelMarks::DEFAULT));
        assert_eq!(numbers.of(a(moves::THERE)).map(GatewayIndex::number), Some(2), "reserved");
    }
}
