//! The part for the guard's backstop. Each law names what it is there to catch.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{Backstop, InstanceName, XfrmStamp, table_names};
use egressd_core::effect::{Effect, Phase};
use egressd_core::net::{AddressRange, Family, MarkBit, is_within};
use egressd_core::node::{Adapter, Part, Xfrm, XfrmChange, XfrmMaker, XfrmPolicy, XfrmVerb};
use egressd_core::testkit::{FakeXfrm, Forwarded, ForwardedPacket, a};
use proptest::prelude::*;

fn stamp() -> XfrmStamp {
    XfrmStamp { maker: XfrmMaker::of(&table_names(None)), bit: MarkBit::DEFAULT }
}

/// Few addresses, so that pods and networks meet: 24 of each family.
fn address() -> impl Strategy<Value = IpAddr> {
    (prop::sample::select(Family::ALL.to_vec()), 0u8..24).prop_map(|(family, number)| match family {
        Family::Ipv4 => IpAddr::from([10, 0, 0, number]),
        Family::Ipv6 => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)]),
    })
}

fn range() -> impl Strategy<Value = AddressRange> {
    (address(), 0u8..9).prop_filter_map("beyond the last address", |(first, length)| {
        let last = match first {
            IpAddr::V4(first) => IpAddr::from(first.to_bits().checked_add(u32::from(length))?.to_be_bytes()),
            IpAddr::V6(first) => IpAddr::from(first.to_bits().checked_add(u128::from(length))?.to_be_bytes()),
        };
        AddressRange::new(first, last)
    })
}

fn backstops() -> impl Strategy<Value = Backstop> {
    (prop::collection::btree_set(address(), 0..5), prop::collection::vec(range(), 0..4))
        .prop_map(|(pods, inside)| Backstop { pods, inside })
}

fn packets() -> impl Strategy<Value = ForwardedPacket> {
    let of_one_family = |(source, destination): &(IpAddr, IpAddr)| source.is_ipv4() == destination.is_ipv4();
    let marks = prop::sample::select(vec![0, MarkBit::DEFAULT.mask(), 0x4000, 0x5000]);
    ((address(), address()).prop_filter("families", of_one_family), marks)
        .prop_map(|((source, destination), mark)| ForwardedPacket { source, destination, mark })
}

fn singly(effects: &[Effect<XfrmChange>]) -> impl Iterator<Item = XfrmChange> {
    effects.iter().flat_map(|effect| {
        let verb = effect.change.verb;
        effect.change.policies.iter().map(move |policy| XfrmChange { verb, policies: vec![*policy] })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 5_000 }))]

    /// Catches: a policy that matches what the guard does not drop, a destination inside that is blocked, and a mark of
    /// another program that counts as ours.
    #[test]
    fn what_guarded_pods_send_out_of_the_cluster_without_the_bit_is_blocked_and_nothing_else(
        (backstop, packet) in (backstops(), packets()),
    ) {
        let kernel = FakeXfrm::left(backstop.policies(stamp()));
        let leaves = !backstop.inside.iter().any(|range| is_within(&[*range], packet.destination));
        let is_blocked = backstop.pods.contains(&packet.source) && leaves && packet.mark & 0x1000 == 0;
        prop_assert_eq!(kernel.forward(packet) == Forwarded::Blocked, is_blocked);
    }

    /// Catches: pods that are blocked before what is inside is allowed, and a network that is taken away too early.
    #[test]
    fn between_any_two_policies_a_packet_meets_the_old_state_or_the_new_one(
        (old, new, packets) in (backstops(), backstops(), prop::collection::vec(packets(), 20)),
    ) {
        let (old, new) = (FakeXfrm::left(old.policies(stamp())), FakeXfrm::left(new.policies(stamp())));
        let mut kernel = old.clone();
        for change in singly(&Xfrm::diff(&old.policies, &new.policies)) {
            kernel.commit(&change).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
            for packet in &packets {
                let possible = [old.forward(*packet), new.forward(*packet)];
                prop_assert!(possible.contains(&kernel.forward(*packet)), "{:?} after {}", packet, change);
            }
        }
        prop_assert_eq!(kernel.policies, new.policies);
    }

    /// Catches: blocks that come after the packets that they are for, and effects out of order.
    #[test]
    fn policies_come_while_traffic_is_held_back_and_go_after_it((old, new) in (backstops(), backstops())) {
        let effects = Xfrm::diff(&old.policies(stamp()), &new.policies(stamp()));
        prop_assert!(effects.iter().map(|effect| effect.phase).is_sorted());
        for effect in &effects {
            let expected = match effect.change.verb {
                XfrmVerb::Add => Phase::Arm,
                XfrmVerb::Delete => Phase::Disarm,
            };
            prop_assert_eq!(effect.phase, expected);
        }
    }

    /// Catches: a next try that adds what is there already, after a change of which the kernel made a part.
    #[test]
    fn after_a_change_that_was_made_in_part_what_is_read_leads_to_what_is_desired(
        (old, new, room) in (backstops(), backstops(), 0usize..20),
    ) {
        let (old, new) = (old.policies(stamp()), new.policies(stamp()));
        let mut kernel = FakeXfrm { room, ..FakeXfrm::left(old.clone()) };
        let refused = Xfrm::diff(&old, &new).iter().try_for_each(|effect| kernel.commit(&effect.change)).is_err();
        prop_assume!(refused);
        kernel.room = usize::MAX;
        let read = kernel.read(&stamp().maker).map_err(|refused| TestCaseError::fail(refused.to_string()))?.state;
        for effect in Xfrm::diff(&read, &new) {
            kernel.commit(&effect.change).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        }
        prop_assert_eq!(kernel.policies, new);
    }

    /// Catches: a maker that is lost in a priority, or a priority of others that counts as ours.
    #[test]
    fn a_priority_leads_back_to_its_maker_and_no_other_priority_does(priority: u32, backstop in backstops()) {
        for policy in backstop.policies(stamp()) {
            prop_assert_eq!(XfrmPolicy::maker_by(policy.priority()), Some(stamp().maker));
        }
        prop_assert_eq!(XfrmPolicy::maker_by(priority).is_some(), priority >> 16 == 0x6567);
    }
}

#[test]
fn a_large_backstop_comes_in_changes_of_a_thousand_policies() {
    let pods: BTreeSet<IpAddr> = (0..2_500u16).map(|number| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, number])).collect();
    let desired = Backstop { pods, inside: vec![] }.policies(stamp());
    let counts = |effects: Vec<Effect<XfrmChange>>| -> Vec<usize> {
        effects.iter().map(|effect| effect.change.policies.len()).collect()
    };
    assert_eq!(counts(Xfrm::diff(&BTreeSet::new(), &desired)), [1_000, 1_000, 500]);
    assert_eq!(counts(Xfrm::diff(&desired, &BTreeSet::new())), [1_000, 1_000, 500]);
}

#[test]
fn policies_of_another_egressd_are_neither_ours_nor_foreign() {
    let backstop = Backstop { pods: [a("10.0.0.1")].into(), inside: vec![] };
    let ours = stamp().maker;
    let others = XfrmStamp { maker: XfrmMaker::of(&table_names(Some(&InstanceName::new("blue").unwrap()))), ..stamp() };
    let mut kernel = FakeXfrm::left(backstop.policies(others));
    kernel.foreign.push("src 0.0.0.0/0 dst 192.0.2.0/24 dir out".to_owned());
    let readback = kernel.read(&ours).unwrap();
    assert_eq!(readback.state, BTreeSet::new());
    assert_eq!(readback.foreign.len(), 1);
}

#[test]
fn policies_print_as_commands_that_ip_takes() {
    let inside = vec![AddressRange::new(a("10.0.0.0"), a("10.2.255.255")).unwrap()];
    let desired = Backstop { pods: [a("192.168.7.1")].into(), inside }.policies(stamp());
    let priority = desired.first().map(XfrmPolicy::priority).unwrap();
    let expected = format!(
        "ip xfrm policy add src 0.0.0.0/0 dst 10.0.0.0/15 dir fwd mark 0 mask 0x1000 priority {priority} action allow\n\
         ip xfrm policy add src 0.0.0.0/0 dst 10.2.0.0/16 dir fwd mark 0 mask 0x1000 priority {priority} action allow\n\
         ip xfrm policy add src 192.168.7.1/32 dst 0.0.0.0/0 dir fwd mark 0 mask 0x1000 priority {next} action block\n",
        next = priority + 1,
    );
    assert_eq!(Xfrm::text(&desired), expected);
    let gone: String = Xfrm::diff(&desired, &BTreeSet::new()).iter().map(|effect| effect.change.to_string()).collect();
    let first =
        format!("ip xfrm policy deleteall src 192.168.7.1/32 dst 0.0.0.0/0 dir fwd priority {}\n", priority + 1);
    assert!(gone.starts_with(&first), "{gone}");
}

/// Each policy costs the packets of all pods.
#[test]
fn a_family_without_guarded_pods_has_no_policies() {
    let inside = ["10.0.0.0", "fd00::"].map(|address| AddressRange::from(a(address))).to_vec();
    let policies = |pods: &[&str]| {
        let pods = pods.iter().map(|pod| a(pod)).collect();
        Backstop { pods, inside: inside.clone() }.policies(stamp())
    };
    assert!(policies(&["10.0.0.1"]).iter().all(|policy| policy.family() == Family::Ipv4));
    assert!(policies(&[]).is_empty());
}
