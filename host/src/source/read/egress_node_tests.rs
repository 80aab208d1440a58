#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::model::{Holding, PublishedTunnels, TunnelEnd, TunnelKind};
use serde_json::{Value, json};

use super::*;
use crate::egress_node::{Facts, object};

fn a(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What an object says, and what cannot be read of it.
fn read(value: &Value) -> (Arc<EgressNode>, Vec<String>) {
    let mut faults = Vec::new();
    let read = egress_node(&Field::root(value), &mut faults).unwrap();
    let Object::EgressNode(_, node) = read else { panic!("{read:?}") };
    (node, faults.iter().map(ToString::to_string).collect())
}

fn of_spec(spec: &Value) -> (Arc<EgressNode>, Vec<String>) {
    read(&json!({"metadata": {"name": "a"}, "spec": spec}))
}

fn end(address: &str, mtu: Option<u16>) -> TunnelEnd {
    TunnelEnd::new(TunnelKind::VxlanGpe, [a(address)], TunnelKind::VxlanGpe.port(), mtu).unwrap()
}

#[test]
fn what_a_node_writes_is_read_as_the_same() {
    let tunnel =
        TunnelEnd::new(TunnelKind::Vxlan, [a("2001:db8::7"), a("192.0.2.7")], 8472.try_into().unwrap(), Some(1450));
    let tunnel = tunnel.unwrap();
    for (tunnel, mtu) in [(tunnel, Some(1450)), (end("192.0.2.7", None), None)] {
        let facts = Facts::new([a("192.0.2.7")], [a("11.0.0.2"), a("fd00::2")]).with_tunnel(tunnel.clone());
        let (node, faults) = read(&object("a", None, &facts));
        assert_eq!((node.tunnels.ends(), tunnel.mtu(), faults), (&[tunnel.clone()][..], mtu, vec![]));
        assert!(node.held.iter().eq([a("11.0.0.2"), a("fd00::2")]));
    }
    let (node, _) = read(&object("a", None, &Facts::default()));
    assert_eq!((&node.tunnels, &node.held), (&PublishedTunnels::default(), &HeldAddresses::default()));
}

#[test]
fn a_type_of_a_newer_release_is_passed_over_and_counted() {
    let newer = json!({"type": "geneve", "addresses": "elsewhere"});
    let (node, faults) = of_spec(&json!({"tunnels": [newer, {"type": "vxlan-gpe", "addresses": ["192.0.2.7"]}]}));
    assert_eq!((node.tunnels.ends(), node.tunnels.unknown(), faults), (&[end("192.0.2.7", None)][..], 1, vec![]));
    assert_eq!(node.tunnels.completeness(), Completeness::Whole);
}

#[test]
fn an_end_of_which_a_part_cannot_be_read_is_named_and_keeps_what_was_known() {
    let (known, _) = of_spec(&json!({"tunnels": [{"type": "vxlan-gpe", "addresses": ["192.0.2.7"], "mtu": 1464}]}));
    for (item, named) in [
        (json!({"type": 5, "addresses": ["192.0.2.9"]}), "spec.tunnels[0].type 5 is not a string; write it in quotes"),
        (
            json!({"type": "vxlan-gpe"}),
            "spec.tunnels[0].addresses null is not a list of one address of each family at most",
        ),
        (
            json!({"type": "vxlan-gpe", "addresses": ["192.0.2.9", "here"]}),
            "spec.tunnels[0].addresses[1] \"here\" is not an address like",
        ),
        (
            json!({"type": "vxlan-gpe", "addresses": ["192.0.2.9", "192.0.2.8"]}),
            "spec.tunnels[0].addresses [...] is not a list of one address of each family at most",
        ),
        (
            json!({"type": "vxlan-gpe", "addresses": ["192.0.2.9"], "port": 70_000}),
            "spec.tunnels[0].port 70000 is not a port from 1 to 65535",
        ),
        (
            json!({"type": "vxlan-gpe", "addresses": ["192.0.2.9"], "mtu": 575}),
            "spec.tunnels[0].mtu 575 is not a number of bytes from 576 to 65535",
        ),
    ] {
        let (node, faults) = of_spec(&json!({"tunnels": [item]}));
        assert!(faults.len() == 1 && faults[0].starts_with(named), "{faults:?}");
        assert!(node.tunnels.ends().is_empty(), "{named}");
        assert_eq!(EgressNode::clone(&node).keeping(&known).tunnels.ends(), [end("192.0.2.7", Some(1464))]);
    }
}

#[test]
fn an_end_that_was_removed_does_not_stay_and_one_that_cannot_be_read_does() {
    let (known, _) = of_spec(&json!({"tunnels": [{"type": "vxlan-gpe", "addresses": ["192.0.2.7"], "mtu": 1464}]}));
    let (other, faults) = of_spec(&json!({"tunnels": [{"type": "vxlan"}]}));
    assert_eq!(
        (EgressNode::clone(&other).keeping(&known).tunnels.ends().len(), faults.len()),
        (0, 1),
        "it was removed"
    );
    let (absent, _) = of_spec(&json!({"addresses": ["here"]}));
    assert!(EgressNode::clone(&absent).keeping(&known).tunnels.ends().is_empty(), "absent is none");
    let (no_list, faults) = of_spec(&json!({"tunnels": {}}));
    assert_eq!(faults, ["spec.tunnels {...} is not a list"]);
    assert_eq!(EgressNode::clone(&no_list).keeping(&known).tunnels.ends(), known.tunnels.ends());
}

#[test]
fn of_two_ends_of_a_type_the_first_counts_and_of_many_the_first_four() {
    let item = |last: u8| json!({"type": "vxlan-gpe", "addresses": [format!("192.0.2.{last}")]});
    let (node, faults) = of_spec(&json!({"tunnels": [item(7), item(8)]}));
    assert_eq!(node.tunnels.ends(), [end("192.0.2.7", None)]);
    assert_eq!(faults, ["spec.tunnels[1].type \"vxlan-gpe\" is not the type of one tunnel end alone"]);
    let newer = json!({"type": "newer"});
    let (node, faults) = of_spec(&json!({"tunnels": [newer, newer, newer, newer, item(7)]}));
    assert_eq!((node.tunnels.ends().len(), faults.len()), (0, 1));
}

#[test]
fn what_is_held_and_cannot_be_read_is_unknown_whatever_was_held_before() {
    let (known, _) = of_spec(&json!({"held": ["11.0.0.2"]}));
    assert_eq!(known.held.has(a("11.0.0.3")), Holding::HoldsNot);
    for held in [json!(["here", "11.0.0.4"]), json!("11.0.0.4")] {
        let (node, faults) = of_spec(&json!({"held": held}));
        assert!(faults.len() == 1 && faults[0].starts_with("spec.held"), "{faults:?}");
        assert_eq!(node.held.has(a("11.0.0.2")), Holding::Unknown);
        assert_eq!(EgressNode::clone(&node).keeping(&known).held.has(a("11.0.0.2")), Holding::Unknown);
    }
}

/// An address that a node has no more must not stay inside for what cannot be read of another field.
#[test]
fn of_each_field_what_was_known_stays_where_a_part_of_that_field_cannot_be_read() {
    let (known, _) = of_spec(&json!({"addresses": ["192.0.2.1", "192.0.2.2"]}));
    let addresses = |spec: Value| EgressNode::clone(&of_spec(&spec).0).keeping(&known).addresses.to_vec();
    for other in ["held", "tunnels"] {
        assert_eq!(addresses(json!({"addresses": ["192.0.2.1"], other: [{"newer": true}]})), [a("192.0.2.1")]);
    }
    assert_eq!(addresses(json!({"addresses": ["192.0.2.1", 5]})), [a("192.0.2.1"), a("192.0.2.2")]);
}
