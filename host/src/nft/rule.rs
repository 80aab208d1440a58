//! A rule as instructions.

use std::net::IpAddr;

use egressd_core::{
    net::{AddressRange, Family, PortMatch, Protocol},
    ruleset::{Match, Name, Rule, Statement},
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

/// Where the protocol and the port stand in the key of a [`egressd_core::ruleset::MapKind::Ports`] map: after
/// the address, four bytes each.
pub(super) fn port_key_slots(family: Family) -> (Slot, Slot) {
    let protocol = address_length(family) / 4;
    (Slot(protocol), Slot(protocol + 1))
}

/// The instructions of a rule.
pub(super) fn expressions(family: Family, rule: &Rule) -> Vec<Expression> {
    let mut expressions = Vec::new();
    let mut known_protocol = None;
    for condition in &rule.matches {
        match condition {
            Match::DestinationIn(set) => {
                expressions.push(Expression::Load(destination_address(family), Slot::FIRST));
                expressions.push(Expression::Lookup(set.clone(), Outcome::Member));
            }
            Match::OriginalDestinationIn(set) => {
                expressions.push(Expression::LoadOriginalDestination(family));
                expressions.push(Expression::Lookup(set.clone(), Outcome::Member));
            }
            Match::Destination(range) => {
                expressions.push(Expression::Load(destination_address(family), Slot::FIRST));
                expressions.extend(within(*range));
            }
            Match::SourcePort(ports) => expressions.extend(port(SOURCE_PORT, *ports, &mut known_protocol)),
            Match::DestinationPort(ports) => expressions.extend(port(DESTINATION_PORT, *ports, &mut known_protocol)),
        }
    }
    expressions.extend(statement(family, &rule.statement));
    expressions
}

fn statement(family: Family, statement: &Statement) -> Vec<Expression> {
    match statement {
        Statement::Return => vec![Expression::Return],
        Statement::Jump(chain) => vec![Expression::Jump(chain.clone())],
        Statement::Snat(address) => {
            vec![Expression::Count, Expression::Constant(address_bytes(*address)), Expression::SourceNat(family)]
        }
        Statement::SnatByAddress(map) => vec![
            Expression::Load(source_address(family), Slot::FIRST),
            Expression::Lookup(map.clone(), Outcome::Data),
            Expression::SourceNat(family),
        ],
        Statement::SnatByPort(map) => snat_by_port(family, map),
        Statement::JumpByAddress(map) => vec![
            Expression::Load(source_address(family), Slot::FIRST),
            Expression::Lookup(map.clone(), Outcome::Verdict),
        ],
    }
}

fn snat_by_port(family: Family, map: &Name) -> Vec<Expression> {
    let (protocol, port) = port_key_slots(family);
    vec![
        Expression::Load(source_address(family), Slot::FIRST),
        Expression::LoadProtocol(protocol),
        Expression::Load(DESTINATION_PORT, port),
        Expression::Lookup(map.clone(), Outcome::Data),
        Expression::SourceNat(family),
    ]
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
