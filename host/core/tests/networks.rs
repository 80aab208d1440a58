//! What networks and ports of several Services become for one pod, and tables in which others put something else.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::IpAddr;

use egressd_core::compile::{compile, table_names};
use egressd_core::decision::Rule;
use egressd_core::diff::{SlicedChange, cut, diff};
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::net::{Family, PortRange, Protocol};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::ruleset::{Map, MapKind, Name, Ruleset, TableFamily};
use egressd_core::testkit::{Packet, RuleParts, Seen, a, apply, facts, n, promised, rule, trace};

const POD: &str = "10.0.0.1";

fn service(name: &str, rule: Rule) -> (SubjectKey, SubjectPlan) {
    let planned = SubjectPlan {
        uid: Uid::new(name).unwrap(),
        created: 0,
        rules: vec![rule].into(),
        foreign: Default::default(),
        on_change: Default::default(),
        guarded: Default::default(),
    };
    (SubjectKey::service("shop", name), planned)
}

/// One Service that excludes so many networks, and one with so many ports: in each of the networks each of the ports
/// has an answer of its own.
fn shared(count: u8) -> Plan {
    let exclude = (0..count).map(|i| n(&format!("192.0.{i}.0/24"))).collect();
    let port = |i: u8| PortRange::new(Protocol::Tcp, 1000 + u16::from(i), 1000 + u16::from(i)).unwrap();
    let networks = RuleParts { exclude, ..rule([a(POD)], a("11.0.0.2")).into() }.rule();
    let ports =
        RuleParts { destination_ports: (0..count).map(port).collect(), ..rule([a(POD)], a("11.0.0.3")).into() }.rule();
    let subjects = [service("networks", networks), service("ports", ports)].into();
    Plan { subjects, excluded: facts().excluded, ..Plan::default() }
}

fn ruleset(plan: &Plan) -> Ruleset {
    compile(plan, &table_names(None))
}

fn elements(ruleset: &Ruleset) -> usize {
    ruleset.tables[&TableFamily::Ip].maps.values().map(|map| map.elements.len()).sum()
}

#[test]
fn ports_of_one_service_and_networks_of_another_multiply_to_a_bound_and_then_are_a_chain() {
    let few = ruleset(&shared(8));
    assert_eq!(elements(&few), 1 + 8 + 8 * 8 + 1, "those of all, those of each network, and that there are some");
    for count in [9, 60, 250] {
        let plan = shared(count);
        let many = ruleset(&plan);
        assert_eq!(elements(&many), 1, "one that leads to the chain");
        for (to, port) in [("192.0.1.1", 1001), ("192.0.1.1", 999), ("198.51.100.1", 1001)] {
            let packet = Packet::new(a(POD), a(to)).port(Protocol::Tcp, port);
            let seen = match trace(&many, &packet) {
                Seen::As(address) => Some(address),
                Seen::Untranslated => None,
            };
            assert_eq!(seen, promised(&plan, &packet), "{packet:?}");
        }
    }
}

#[test]
fn a_map_of_our_name_and_another_kind_is_made_anew_with_its_table() {
    let new = ruleset(&shared(3));
    for name in ["egress_allow_24", "egress_deny_24", "egress_addrs", "egress_excluded"] {
        let mut old = new.clone();
        let table = old.tables.get_mut(&TableFamily::Ip).unwrap();
        let name = Name::new(name).unwrap();
        table.sets.remove(&name);
        table.maps.insert(name, Map::new(MapKind::chains(Family::Ipv4)));
        let changes = diff(&old, &new);
        assert_eq!(apply(&old, &changes).as_ref(), Ok(&new), "{changes}");
        assert!(matches!(cut(&old, &new, 1), SlicedChange::Whole));
    }
}

#[test]
fn a_pod_behind_very_many_services_with_ports_costs_as_many_answers_as_there_are_ports() {
    let one = |number: u16| {
        let ports = (0..16).map(|i| PortRange::new(Protocol::Tcp, 1 + number * 16 + i, 1 + number * 16 + i).unwrap());
        let address = IpAddr::from([11, 0, (number >> 8) as u8, number as u8]);
        service(
            &format!("s{number}"),
            RuleParts { destination_ports: ports.collect(), ..rule([a(POD)], address).into() }.rule(),
        )
    };
    let plan = Plan { subjects: (0..2_000).map(one).collect(), excluded: facts().excluded, ..Plan::default() };
    assert_eq!(elements(&ruleset(&plan)), 32_000);
}
