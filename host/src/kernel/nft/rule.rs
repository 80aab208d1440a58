//! A rule as instructions.

use std::net::IpAddr;

use egressd_core::{
    net::{AddressRange, Family, PortMatch, Protocol},
    ruleset::{self, Key, Match, Rule, Statement},
};

use super::expression::{Base, Comparison, Expression, Field, Outcome, Slot};

/// The bytes of an address.
pub(super) fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The length of an address in bytes.
pub(super) fn address_length(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 4,
        Family::Ipv6 => 16,
    }
}

/// `ip saddr`, `ip6 saddr`.
pub(super) fn source_address(family: Family) -> Field {
    let offset = match family {
        Family::Ipv4 => 12,
        Family::Ipv6 => 8,
    };
    Field { base: Base::Network, offset, length: address_length(family) }
}

/// `ip daddr`, `ip6 daddr`: it follows the source in both headers.
pub(super) fn destination_address(family: Family) -> Field {
    let source = source_address(family);
    Field { offset: source.offset + source.length, ..source }
}

/// `th sport`.
pub(super) const SOURCE_PORT: Field = Field { base: Base::Transport, offset: 0, length: 2 };

/// `th dport`.
pub(super) const DESTINATION_PORT: Field = Field { base: Base::Transport, offset: 2, length: 2 };

/// The instructions of a rule.
pub(super) fn expressions(rule: &Rule) -> Vec<Expression> {
    let mut expressions = Vec::new();
    let mut known_protocol = None;
    for condition in &rule.matches {
        match condition {
            Match::In(key, set) => {
                expressions.extend(loads(key));
                expressions.push(Expression::Lookup(set.clone(), Outcome::Member));
            }
            Match::Destination(range) => {
                expressions.push(Expression::Load(destination_address(range.family()), Slot::FIRST));
                expressions.extend(within(*range));
            }
            Match::SourcePort(ports) => expressions.extend(port(SOURCE_PORT, *ports, &mut known_protocol)),
            Match::DestinationPort(ports) => expressions.extend(port(DESTINATION_PORT, *ports, &mut known_protocol)),
        }
    }
    expressions.extend(rule.statements.iter().flat_map(statement));
    expressions
}

/// What loads the fields of a key, one behind the other.
fn loads(key: &Key) -> Vec<Expression> {
    let mut slot = Slot::FIRST;
    let mut loads = Vec::new();
    for field in &key.0 {
        loads.extend(load(*field, slot));
        slot = Slot(slot.0 + field_length(*field).div_ceil(4));
    }
    loads
}

fn load(field: ruleset::Field, slot: Slot) -> Vec<Expression> {
    use ruleset::Field::{Destination, DestinationPort, DestinationPrefix, OriginalDestination, Protocol, Source};
    match field {
        Source(family) => vec![Expression::Load(source_address(family), slot)],
        Destination(family) => vec![Expression::Load(destination_address(family), slot)],
        DestinationPrefix(family, bits) => {
            vec![Expression::Load(destination_address(family), slot), Expression::Mask(prefix_mask(family, bits))]
        }
        OriginalDestination(family) => vec![Expression::LoadOriginalDestination(family)],
        Protocol => vec![Expression::LoadProtocol(slot)],
        DestinationPort => vec![Expression::Load(DESTINATION_PORT, slot)],
    }
}

/// In bytes.
pub(super) fn field_length(field: ruleset::Field) -> u32 {
    use ruleset::Field::{Destination, DestinationPort, DestinationPrefix, OriginalDestination, Protocol, Source};
    match field {
        Source(family) | Destination(family) | DestinationPrefix(family, _) | OriginalDestination(family) => {
            address_length(family)
        }
        Protocol => 1,
        DestinationPort => 2,
    }
}

/// So many ones, and zeros.
pub(super) fn prefix_mask(family: Family, bits: u8) -> Vec<u8> {
    let of_byte = |index: u32| (0xff00_u16 >> u32::from(bits).saturating_sub(index * 8).min(8)) as u8;
    (0..address_length(family)).map(of_byte).collect()
}

fn statement(statement: &Statement) -> Vec<Expression> {
    match statement {
        Statement::Counter => vec![Expression::Count],
        Statement::Return => vec![Expression::Return],
        Statement::Accept => vec![Expression::Accept],
        Statement::Jump(chain) => vec![Expression::Jump(chain.clone())],
        Statement::Snat(address) => {
            vec![Expression::Constant(address_bytes(*address)), Expression::SourceNat(Family::of(*address))]
        }
        Statement::SnatBy(key, map) => {
            let lookup = Expression::Lookup(map.clone(), Outcome::Data);
            let nat = key.family().map(Expression::SourceNat);
            loads(key).into_iter().chain([lookup]).chain(nat).collect()
        }
        Statement::VerdictBy(key, map) => {
            loads(key).into_iter().chain([Expression::Lookup(map.clone(), Outcome::Verdict)]).collect()
        }
    }
}

/// The cheapest test that nft prints as it would have been written.
fn within(range: AddressRange) -> Vec<Expression> {
    let (first, last) = (address_bytes(range.first()), address_bytes(range.last()));
    if first == last {
        return vec![Expression::Compare(Comparison::Equal, first)];
    }
    match range.network() {
        // nft cannot print a comparison under an empty mask.
        Some(network) if network.prefix_len() > 0 => {
            let mask = Expression::Mask(address_bytes(network.netmask()));
            vec![mask, Expression::Compare(Comparison::Equal, first)]
        }
        Some(_) | None => vec![Expression::Range(first, last)],
    }
}

/// The protocol is tested once: its second test would be noise in `nft list`.
fn port(field: Field, ports: PortMatch, known: &mut Option<Protocol>) -> Vec<Expression> {
    let mut expressions = Vec::new();
    if known.replace(ports.protocol()) != Some(ports.protocol()) {
        expressions.push(Expression::LoadProtocol(Slot::FIRST));
        expressions.push(Expression::Compare(Comparison::Equal, vec![ports.protocol().number()]));
    }
    expressions.push(Expression::Load(field, Slot::FIRST));
    let (first, last) = (ports.first().to_be_bytes().to_vec(), ports.last().to_be_bytes().to_vec());
    expressions.push(match ports.exact() {
        Some(_) => Expression::Compare(Comparison::Equal, first),
        None => Expression::Range(first, last),
    });
    expressions
}
