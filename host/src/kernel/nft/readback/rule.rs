//! Instructions as a rule: the way back from [`crate::kernel::nft::rule`], and from the forms in which nft writes the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_core::{
    net::{AddressRange, Family, PortMatch, Protocol},
    ruleset::{self, Key, Match, Rule, Statement, TableFamily},
};
use ipnet::IpNet;

use crate::kernel::nft::{
    expression::{
        Comparison::{AtLeast, AtMost, Equal},
        Expression::{self, Compare, Load, LoadOriginalDestination, LoadProtocol, Lookup, Mask, Range, SourceNat},
        Field, Outcome, Slot,
    },
    rule::{DESTINATION_PORT, SOURCE_PORT, destination_address, field_length, prefix_mask, source_address},
};

/// An address of a family from its bytes.
pub(super) fn address(family: Family, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        Family::Ipv4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        Family::Ipv6 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
    }
}

/// The rule; none when it is not in our vocabulary.
pub(super) fn decode(table: TableFamily, expressions: &[Expression]) -> Option<Rule> {
    let mut decoder = Decoder { family: table.addresses()?, rest: expressions, protocol: None, matches: Vec::new() };
    let mut statements = Vec::new();
    while !decoder.rest.is_empty() {
        match decoder.statement() {
            Some(statement) => statements.push(statement),
            // What has to hold comes before what happens.
            None if statements.is_empty() => decoder.condition()?,
            None => return None,
        }
    }
    (!statements.is_empty()).then_some(Rule { matches: decoder.matches, statements })
}

struct Decoder<'a> {
    family: Family,
    rest: &'a [Expression],
    /// What an earlier match fixed.
    protocol: Option<Protocol>,
    matches: Vec<Match>,
}

impl<'a> Decoder<'a> {
    /// Takes one statement off the front.
    fn statement(&mut self) -> Option<Statement> {
        let (statement, rest) = match self.rest {
            [Expression::Count, rest @ ..] => (Statement::Counter, rest),
            [Expression::Return, rest @ ..] => (Statement::Return, rest),
            [Expression::Accept, rest @ ..] => (Statement::Accept, rest),
            [Expression::Jump(chain), rest @ ..] => (Statement::Jump(chain.clone()), rest),
            [Expression::Constant(bytes), SourceNat(family), rest @ ..] if *family == self.family => {
                (Statement::Snat(address(self.family, bytes)?), rest)
            }
            rest => self.by_map(rest)?,
        };
        self.rest = rest;
        Some(statement)
    }

    fn by_map(&self, rest: &'a [Expression]) -> Option<(Statement, &'a [Expression])> {
        let (key, rest) = key(self.family, rest)?;
        match rest {
            [Lookup(map, Outcome::Verdict), rest @ ..] => Some((Statement::VerdictBy(key, map.clone()), rest)),
            [Lookup(map, Outcome::Data), SourceNat(family), rest @ ..] if *family == self.family => {
                Some((Statement::SnatBy(key, map.clone()), rest))
            }
            _ => None,
        }
    }

    /// Takes one condition off the front.
    fn condition(&mut self) -> Option<()> {
        if let Some((key, [Lookup(set, Outcome::Member), rest @ ..])) = key(self.family, self.rest) {
            return self.found(Match::In(key, set.clone()), rest);
        }
        match self.rest {
            [LoadProtocol(Slot::FIRST), Compare(Equal, number), rest @ ..] => {
                let [number] = number[..] else { return None };
                self.protocol = Some(Protocol::from_number(number)?);
                self.rest = rest;
                // Alone it is no match of ours.
                matches!(rest, [Load(SOURCE_PORT | DESTINATION_PORT | BOTH_PORTS, Slot::FIRST), ..]).then_some(())
            }
            [Load(BOTH_PORTS, Slot::FIRST), Compare(Equal, ports), rest @ ..] => {
                let (source, destination) = ports.split_at_checked(2)?;
                let (source, destination) = (self.ports(source, source)?, self.ports(destination, destination)?);
                self.matches.push(Match::SourcePort(source));
                self.found(Match::DestinationPort(destination), rest)
            }
            [Load(field, Slot::FIRST), rest @ ..] => self.tested(*field, rest),
            _ => None,
        }
    }

    /// Takes the test of a field that was loaded off the front of `rest`.
    fn tested(&mut self, field: Field, rest: &'a [Expression]) -> Option<()> {
        let (test, rest) = test(rest)?;
        let matched = match (field, test) {
            (SOURCE_PORT, Test::Between(first, last)) => Match::SourcePort(self.ports(first, last)?),
            (DESTINATION_PORT, Test::Between(first, last)) => Match::DestinationPort(self.ports(first, last)?),
            (field, test) => Match::Destination(self.destinations(field, test)?),
        };
        self.found(matched, rest)
    }

    fn found(&mut self, matched: Match, rest: &'a [Expression]) -> Option<()> {
        self.matches.push(matched);
        self.rest = rest;
        Some(())
    }

    /// Ports are of the protocol that was tested before.
    fn ports(&self, first: &[u8], last: &[u8]) -> Option<PortMatch> {
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u16::from_be_bytes);
        PortMatch::new(self.protocol?, number(first)?, number(last)?).ok()
    }

    fn destinations(&self, field: Field, test: Test<'_>) -> Option<AddressRange> {
        let whole = destination_address(self.family);
        let begins = (field.base, field.offset) == (whole.base, whole.offset);
        if !begins || field.length > whole.length {
            return None;
        }
        match test {
            Test::Between(first, last) if field == whole => {
                AddressRange::new(address(self.family, first)?, address(self.family, last)?)
            }
            Test::Between(first, last) if first == last => self.begins_with(first, whole.length),
            Test::Between(..) => None,
            Test::Masked(mask, value) => {
                let network = IpNet::with_netmask(address(self.family, value)?, address(self.family, mask)?).ok()?;
                (network.addr() == network.network()).then(|| network.into())
            }
        }
    }

    /// nft loads only the first bytes of an address when a prefix ends at a byte.
    fn begins_with(&self, bytes: &[u8], length: u32) -> Option<AddressRange> {
        let mut padded = bytes.to_vec();
        padded.resize(usize::try_from(length).ok()?, 0);
        let bits = u8::try_from(bytes.len() * 8).ok()?;
        IpNet::new(address(self.family, &padded)?, bits).ok().map(AddressRange::from)
    }
}

/// The fields that are loaded one behind the other, from the first register on; none where there is none.
fn key(family: Family, mut rest: &[Expression]) -> Option<(Key, &[Expression])> {
    let mut fields = Vec::new();
    let mut next = Slot::FIRST;
    while let Some((field, behind)) = field(family, next, rest) {
        next = Slot(next.0 + field_length(field).div_ceil(4));
        fields.push(field);
        rest = behind;
    }
    (!fields.is_empty()).then_some((Key(fields), rest))
}

fn field(family: Family, slot: Slot, rest: &[Expression]) -> Option<(ruleset::Field, &[Expression])> {
    match rest {
        [Load(field, at), Mask(mask), rest @ ..] if *at == slot && *field == destination_address(family) => {
            let bits = (1..family.bits()).find(|bits| prefix_mask(family, *bits) == *mask)?;
            Some((ruleset::Field::DestinationPrefix(family, bits), rest))
        }
        [Load(field, at), rest @ ..] if *at == slot => loaded(family, *field).map(|field| (field, rest)),
        [LoadProtocol(at), rest @ ..] if *at == slot => Some((ruleset::Field::Protocol, rest)),
        [LoadOriginalDestination(of), rest @ ..] if slot == Slot::FIRST && *of == family => {
            Some((ruleset::Field::OriginalDestination(family), rest))
        }
        _ => None,
    }
}

fn loaded(family: Family, field: Field) -> Option<ruleset::Field> {
    let known = [
        (source_address(family), ruleset::Field::Source(family)),
        (destination_address(family), ruleset::Field::Destination(family)),
        (DESTINATION_PORT, ruleset::Field::DestinationPort),
    ];
    known.into_iter().find_map(|(of_packet, known)| (of_packet == field).then_some(known))
}

/// nft compares both ports at once when a rule names one of each.
const BOTH_PORTS: Field = Field { length: SOURCE_PORT.length + DESTINATION_PORT.length, ..SOURCE_PORT };

/// A test of the value that was loaded.
enum Test<'a> {
    /// Both ends included.
    Between(&'a [u8], &'a [u8]),
    /// Under a mask it is this.
    Masked(&'a [u8], &'a [u8]),
}

fn test(expressions: &[Expression]) -> Option<(Test<'_>, &[Expression])> {
    match expressions {
        [Compare(Equal, value), rest @ ..] => Some((Test::Between(value, value), rest)),
        [Range(first, last), rest @ ..] => Some((Test::Between(first, last), rest)),
        [Compare(AtLeast, first), Compare(AtMost, last), rest @ ..] => Some((Test::Between(first, last), rest)),
        [Mask(mask), Compare(Equal, value), rest @ ..] => Some((Test::Masked(mask, value), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use egressd_core::ruleset::{DataKind, KeyKind, MapKind, Name};

    use super::*;
    use crate::kernel::nft::rule::expressions;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn range(first: &str, last: &str) -> AddressRange {
        let parse = |text: &str| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        AddressRange::new(parse(first), parse(last)).unwrap_or_else(|| panic!("{first} is not after {last}"))
    }

    fn ports(protocol: Protocol, first: u16, last: u16) -> PortMatch {
        PortMatch::new(protocol, first, last).unwrap_or_else(|error| panic!("{error}"))
    }

    fn destinations(family: Family) -> Vec<AddressRange> {
        match family {
            Family::Ipv4 => vec![
                range("192.0.2.1", "192.0.2.1"),
                range("192.0.2.0", "192.0.2.127"),
                range("192.0.2.3", "192.0.3.7"),
                range("0.0.0.0", "255.255.255.255"),
            ],
            Family::Ipv6 => vec![range("2001:db8::1", "2001:db8::1"), range("2001:db8::", "2001:db8::ffff")],
        }
    }

    fn conditions(family: Family) -> Vec<Match> {
        let mut conditions = vec![
            Match::destination_in(family, name("excluded")),
            Match::original_destination_in(family, name("excluded")),
            Match::In(Key::of(MapKind { family, key: KeyKind::PrefixPort(17), data: DataKind::Nothing }), name("deny")),
            Match::In(
                Key::of(MapKind { family, key: KeyKind::Prefix(family.bits()), data: DataKind::Nothing }),
                name("deny"),
            ),
            Match::SourcePort(ports(Protocol::Tcp, 5060, 5060)),
            Match::SourcePort(ports(Protocol::Udp, 1024, 65535)),
            Match::DestinationPort(ports(Protocol::Sctp, 80, 90)),
        ];
        conditions.extend(destinations(family).into_iter().map(Match::Destination));
        conditions
    }

    fn statements(family: Family) -> Vec<Statement> {
        vec![
            Statement::Counter,
            Statement::Return,
            Statement::Accept,
            Statement::Jump(name("chain")),
            Statement::Snat(destinations(family)[0].first()),
            Statement::SnatBy(Key::of(MapKind::addresses(family)), name("addrs")),
            Statement::SnatBy(Key::of(MapKind::ports(family)), name("ports")),
            Statement::SnatBy(
                Key::of(MapKind { key: KeyKind::Prefix(1), ..MapKind::addresses(family) }),
                name("allow"),
            ),
            Statement::VerdictBy(Key::of(MapKind::chains(family)), name("chains")),
        ]
    }

    #[test]
    fn every_pair_of_conditions_with_every_statement_comes_back() {
        for family in Family::ALL {
            for first in conditions(family) {
                for second in conditions(family) {
                    for statement in statements(family) {
                        let statements = vec![Statement::Counter, statement];
                        let rule = Rule { matches: vec![first.clone(), second.clone()], statements };
                        assert_eq!(decode(family.into(), &expressions(&rule)).as_ref(), Some(&rule));
                    }
                }
            }
        }
    }

    #[test]
    fn the_forms_that_nft_writes_are_understood() {
        let tcp = [LoadProtocol(Slot::FIRST), Compare(Equal, vec![6])];
        let prefix = Field { length: 2, ..destination_address(Family::Ipv4) };
        let written = [
            &[Load(prefix, Slot::FIRST), Compare(Equal, vec![10, 96])][..],
            &tcp,
            &[Load(BOTH_PORTS, Slot::FIRST), Compare(Equal, vec![0, 53, 0, 80])],
            &[Load(DESTINATION_PORT, Slot::FIRST), Compare(AtLeast, vec![0, 80]), Compare(AtMost, vec![0, 90])],
            &[Expression::Return],
        ]
        .concat();
        let matches = vec![
            Match::Destination(range("10.96.0.0", "10.96.255.255")),
            Match::SourcePort(ports(Protocol::Tcp, 53, 53)),
            Match::DestinationPort(ports(Protocol::Tcp, 80, 80)),
            Match::DestinationPort(ports(Protocol::Tcp, 80, 90)),
        ];
        assert_eq!(decode(TableFamily::Ip, &written), Some(Rule { matches, statements: vec![Statement::Return] }));
    }

    #[test]
    fn what_is_no_rule_of_ours_is_none() {
        let tcp = [LoadProtocol(Slot::FIRST), Compare(Equal, vec![6])];
        let unknown_protocol = [LoadProtocol(Slot::FIRST), Compare(Equal, vec![47]), Expression::Return];
        let portless = [&tcp[..], &[Expression::Return]].concat();
        let unfinished = [Load(destination_address(Family::Ipv4), Slot::FIRST)];
        let other_family = [Expression::Constant(vec![192, 0, 2, 1]), SourceNat(Family::Ipv6)];
        for expressions in [&[][..], &tcp, &unknown_protocol, &portless, &unfinished, &other_family] {
            assert_eq!(decode(TableFamily::Ip, expressions), None, "{expressions:?}");
        }
    }
}
