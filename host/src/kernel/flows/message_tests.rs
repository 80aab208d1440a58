#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::kernel::netlink::{MESSAGE_HEADER, Messages, strictly};

const ICMP_ID: u16 = 4;
const DESTINATION_PORT: u16 = 3;

/// One direction of an entry, as the kernel writes it.
#[derive(Clone, Debug)]
struct Tuple {
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    ports: [u16; 2],
}

fn write(writer: &mut Writer, kind: u16, tuple: &Tuple) {
    writer.nest(kind, |writer| {
        writer.nest(TUPLE_IP, |writer| {
            let kinds = if tuple.from.is_ipv4() { IPV4 } else { IPV6 };
            for (kind, address) in kinds.into_iter().zip([tuple.from, tuple.to]) {
                match address {
                    IpAddr::V4(address) => writer.bytes(kind, &address.octets()),
                    IpAddr::V6(address) => writer.bytes(kind, &address.octets()),
                }
            }
        });
        writer.nest(TUPLE_PROTOCOL, |writer| {
            writer.bytes(NUMBER, &[tuple.protocol]);
            let kinds = if tuple.protocol == 1 { [ICMP_ID, ICMP_ID] } else { [SOURCE_PORT, DESTINATION_PORT] };
            kinds.into_iter().zip(tuple.ports).for_each(|(kind, port)| writer.bytes(kind, &port.to_be_bytes()));
        });
    });
}

fn entry(original: &Tuple, reply: &Tuple, zone: Option<u16>) -> Vec<u8> {
    let mut writer = Writer::default();
    let header = Header { kind: GET, flags: Flags(0), sequence: 1 };
    writer.frame(header, &fixed(Some(Family::of(original.from))), |writer| {
        write(writer, TUPLE_ORIGINAL, original);
        write(writer, TUPLE_REPLY, reply);
        writer.bytes(3, &[0; 4]);
        writer.bytes(ID, &0x0102_0304_u32.to_be_bytes());
        if let Some(zone) = zone {
            writer.bytes(ZONE, &zone.to_be_bytes());
        }
    });
    writer.framed().unwrap()
}

fn tuple(from: &str, to: &str, protocol: u8, ports: [u16; 2]) -> Tuple {
    Tuple { from: from.parse().unwrap(), to: to.parse().unwrap(), protocol, ports }
}

fn read_one(bytes: &[u8]) -> Option<FoundFlow> {
    read(&Messages(bytes).next()?)
}

/// A pod that called a ClusterIP, whose endpoint is outside, and is seen as a Service's address from another port.
fn translated(protocol: u8) -> (Tuple, Tuple) {
    (
        tuple("10.0.0.1", "10.96.0.7", protocol, [40_000, 80]),
        tuple("198.51.100.1", "11.0.0.2", protocol, [8080, 61_000]),
    )
}

#[test]
fn an_entry_has_the_ports_that_rules_see_behind_nat_of_the_destination() {
    let (original, reply) = translated(6);
    let found = read_one(&entry(&original, &reply, None)).unwrap().flow;
    assert_eq!((found.source, found.called), (original.from, original.to));
    assert_eq!((found.destination, found.seen_as), (reply.from, reply.to));
    assert_eq!(found.transport, Some((Protocol::Tcp, 40_000, 8080)));
    assert_eq!(found.id, FlowId(0x0102_0304));
}

#[test]
fn protocols_without_ports_and_ipv6_are_entries_too() {
    let (original, reply) = translated(1);
    assert_eq!(read_one(&entry(&original, &reply, None)).unwrap().flow.transport, None);
    let (gre, back) = (tuple("fd00::1", "2001:db8::1", 47, [0, 0]), tuple("2001:db8::1", "fc00::2", 47, [0, 0]));
    let found = read_one(&entry(&gre, &back, None)).unwrap().flow;
    assert_eq!((found.source, found.seen_as, found.transport), (gre.from, back.to, None));
}

/// The kernel finds the entry by tuple and zone, and compares the number.
#[test]
fn a_deletion_names_the_entry_as_the_kernel_wrote_it() {
    let (original, reply) = translated(17);
    let mut expected = Writer::default();
    write(&mut expected, TUPLE_ORIGINAL, &original);
    expected.bytes(ID, &0x0102_0304_u32.to_be_bytes());
    expected.bytes(ZONE, &7_u16.to_be_bytes());
    let mut writer = Writer::default();
    delete(&mut writer, &read_one(&entry(&original, &reply, Some(7))).unwrap(), 9);
    let bytes = writer.framed().unwrap();
    let message = strictly(&bytes).next().unwrap().unwrap();
    assert_eq!((message.kind, message.sequence), (DELETE, 9));
    assert_eq!(message.payload(), [&[libc::AF_INET as u8, 0, 0, 0], &*expected.framed().unwrap()].concat());
}

/// A deletion without a tuple is one of all entries.
#[test]
fn what_has_no_tuple_or_number_is_no_entry_and_is_never_named_in_a_deletion() {
    let (original, reply) = translated(6);
    let mut writer = Writer::default();
    writer.frame(Header { kind: GET, flags: Flags(0), sequence: 1 }, &[2, 0, 0, 0], |writer| {
        write(writer, TUPLE_REPLY, &reply);
        writer.bytes(ID, &[0; 4]);
    });
    assert_eq!(read_one(&writer.framed().unwrap()), None);
    let whole = entry(&original, &reply, None);
    for length in MESSAGE_HEADER..whole.len() {
        let mut cut = whole[..length].to_vec();
        cut[..4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
        if let Some(found) = read_one(&cut) {
            assert!(Attributes(&found.name).get(TUPLE_ORIGINAL).is_some_and(|tuple| !tuple.is_empty()));
        }
    }
}

#[test]
fn one_source_is_asked_for_by_its_family() {
    let written = |filter| {
        let (header, fixed, attributes) = ask(filter);
        let mut writer = Writer::default();
        writer.frame(header, &fixed, attributes);
        writer.framed().unwrap()
    };
    let one = written(Filter::From("fd00::1".parse().unwrap()));
    let message = Messages(&one).next().unwrap();
    assert_eq!(message.payload()[0], libc::AF_INET6 as u8);
    let attributes = message.attributes_behind(FIXED).unwrap();
    let tuple = attributes.nest(TUPLE_ORIGINAL).nest(TUPLE_IP);
    assert_eq!(tuple.get(IPV6[0]).map(<[u8]>::len), Some(16));
    assert_eq!(attributes.nest(FILTER).get(FILTER_ORIGINAL), Some(&BY_SOURCE.to_ne_bytes()[..]));
    let all = written(Filter::Family(None));
    assert_eq!(Messages(&all).next().unwrap().payload(), [0; FIXED]);
}

proptest! {
    #[test]
    fn any_bytes_are_an_entry_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        Messages(&bytes).for_each(|message| drop(read(&message)));
    }
}
