//! Bytes of rules and routes, without a kernel.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use egressd_core::compile::table_names;
use egressd_core::net::{Family, GatewayIndex, TunnelMarks};
use egressd_core::node::{
    MtuLimits, TunnelKind, TunnelMaker, TunnelMtu, TunnelRoute, TunnelSettings, TunnelState, TunnelWays,
};

use super::{route, rule};
use crate::kernel::netlink::{Messages, Writer};

/// The index of the device.
const DEVICE: u32 = 7;

fn state() -> TunnelState {
    let settings = TunnelSettings {
        kind: TunnelKind::VxlanGpe,
        port: NonZeroU16::new(4790).unwrap(),
        mtu: TunnelMtu::within(MtuLimits { uplink: 1500, outer: Family::Ipv4, pods: None }, TunnelKind::VxlanGpe)
            .unwrap(),
        marks: TunnelMarks::DEFAULT,
        maker: TunnelMaker::of(&table_names(None)),
    };
    let ends = ["192.168.7.2", "fd00:7::2"].map(|end| end.parse().unwrap());
    let gateways =
        BTreeMap::from([1, 2].map(|number| (GatewayIndex::new(number).unwrap(), Some(ends[usize::from(number) - 1]))));
    let ways = |pod: &str| TunnelWays { gateways: gateways.clone(), homes: [(pod.parse().unwrap(), ends[0])].into() };
    TunnelState::of(&settings, &[(Family::Ipv4, ways("10.0.0.1")), (Family::Ipv6, ways("fd00::1"))].into())
}

/// Each rule, and its message as a dump has it.
fn rules() -> Vec<(rule::Found, Vec<u8>)> {
    let message = |rule| {
        let mut writer = Writer::default();
        rule::write(&mut writer, rule::Verb::Add, &rule, 1);
        (rule::Found::Ours(rule), writer.framed().unwrap())
    };
    state().rules.into_iter().map(message).collect()
}

fn routes() -> Vec<(route::Found, Vec<u8>)> {
    let message = |(place, kind)| {
        let mut writer = Writer::default();
        let route = TunnelRoute { place, kind };
        route::write(&mut writer, route::Verb::Add, &route, DEVICE, 1);
        (route::Found::Ours(route), writer.framed().unwrap())
    };
    state().routes.into_iter().map(message).collect()
}

fn read_rule(bytes: &[u8]) -> Option<rule::Found> {
    rule::read(&Messages(bytes).next()?)
}

fn read_route(bytes: &[u8]) -> Option<route::Found> {
    route::read(&Messages(bytes).next()?, Some(DEVICE))
}

/// The same message of another length, or with more behind it.
fn resized(mut message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    if let Some(field) = message.first_chunk_mut::<4>() {
        *field = length.to_ne_bytes();
    }
    message
}

#[test]
fn what_is_written_is_read_as_the_same_rule_and_the_same_route() {
    for (rule, bytes) in rules() {
        assert_eq!(read_rule(&bytes), Some(rule));
    }
    for (route, bytes) in routes() {
        assert_eq!(read_route(&bytes), Some(route));
    }
}

/// Catches: a rule or a route that another program changed and that still counts as the one that was made.
#[test]
fn what_differs_in_a_bit_that_matters_is_not_the_same() {
    // Behind the header: not the reserved bytes and the flags, but whether a rule is inverted.
    let changes = |bytes: &[u8]| {
        let all = (16..bytes.len()).filter(|at| !(20..23).contains(at) && !(24..28).contains(at));
        all.flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))).chain([(24, 2)]).collect::<Vec<_>>()
    };
    for (rule, bytes) in rules() {
        for (at, bit) in changes(&bytes).into_iter().filter(|(at, _)| !is_framing(&bytes, *at)) {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            assert_ne!(read_rule(&changed), Some(rule.clone()), "byte {at}, bit {bit}");
        }
    }
}

/// Whether a byte is before or behind the value of an attribute.
fn is_framing(message: &[u8], at: usize) -> bool {
    let mut begin = 28;
    while begin < message.len() {
        let length = usize::from(u16::from_ne_bytes([message[begin], message[begin + 1]]));
        let next = begin + length.next_multiple_of(4);
        if (begin..next).contains(&at) {
            return at < begin + 4 || at >= begin + length;
        }
        begin = next;
    }
    false
}

#[test]
fn a_message_that_ends_too_early_is_no_panic_and_no_route_into_the_tunnel() {
    for (route, bytes) in routes() {
        for length in 0..bytes.len() - 4 {
            assert_ne!(read_route(&resized(bytes[..length].to_vec())), Some(route.clone()), "{length}");
        }
    }
    for (_, bytes) in rules() {
        for length in 0..bytes.len() {
            let _ = read_rule(&resized(bytes[..length].to_vec()));
        }
    }
}

/// Catches: a rule that matches less than egressd's and counts as one of its own, and a route to a gateway of the network.
#[test]
fn a_rule_or_a_route_with_more_is_of_another_program() {
    for more in [1u16, 2, 11, 13, 14, 17, 19, 20, 22, 25] {
        let [low, high] = more.to_ne_bytes();
        let (_, mut bytes) = rules().remove(0);
        bytes.extend([8, 0, low, high, 1, 0, 0, 0]);
        assert!(matches!(read_rule(&resized(bytes)), Some(rule::Found::Foreign(_))), "{more}");
    }
    for more in [5u16, 8, 9, 18, 30] {
        let [low, high] = more.to_ne_bytes();
        let (_, mut bytes) = routes().remove(0);
        bytes.extend([8, 0, low, high, 1, 0, 0, 0]);
        assert!(matches!(read_route(&resized(bytes)), Some(route::Found::Foreign(Some(_)))), "{more}");
    }
}

#[test]
fn a_route_over_another_device_is_of_another_program_and_one_of_another_table_is_unrelated() {
    let (_, bytes) = routes().remove(0);
    let over_another = Messages(&bytes).next().and_then(|message| route::read(&message, Some(DEVICE + 1)));
    assert!(matches!(over_another, Some(route::Found::Foreign(Some(_)))), "{over_another:?}");
    let mut elsewhere = bytes;
    // The first attribute is the table.
    elsewhere[32] ^= 0x80;
    assert_eq!(read_route(&elsewhere), Some(route::Found::Unrelated));
}
