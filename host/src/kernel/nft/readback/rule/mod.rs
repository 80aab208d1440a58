//! Instructions as a rule: the way back from [`crate::kernel::nft::rule`], and from the forms in which nft writes the same.

mod condition;
mod key;
mod statement;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_core::{
    net::Family,
    ruleset::{Match, Rule, TableFamily},
};

use crate::kernel::nft::{
    expression::{
        Comparison::Equal,
        Expression::{self, Compare, Load},
        MetaKey, Slot, Source,
    },
    rule::Network,
};

pub(super) fn address(family: Family, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        Family::Ipv4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        Family::Ipv6 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
    }
}

/// The rule; none when it is not in our vocabulary.
pub(super) fn decode(table: TableFamily, expressions: &[Expression]) -> Option<Rule> {
    let network = Network::of_table(table);
    let tested = Tested::Used;
    let mut decoder = Decoder { table, rest: expressions, network, tested, transport: None, matches: Vec::new() };
    let mut statements = Vec::new();
    while !decoder.rest.is_empty() {
        if decoder.network_test().is_some() {
            continue;
        }
        match decoder.statement() {
            Some(statement) => statements.push(statement),
            // What has to hold comes before what happens.
            None if statements.is_empty() => decoder.condition()?,
            None => return None,
        }
    }
    let whole = !statements.is_empty() && decoder.tested == Tested::Used;
    whole.then(|| Rule::new(decoder.matches, statements))
}

/// Instructions that are being read.
struct Decoder<'a> {
    table: TableFamily,
    rest: &'a [Expression],
    /// The network header, as far as the table or an earlier test says.
    network: Option<Network>,
    /// Whether that test was needed.
    tested: Tested,
    /// The transport protocol that an earlier test says.
    transport: Option<u8>,
    matches: Vec<Match>,
}

/// A test of the network header is no condition of ours: it stands before what needs it, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tested {
    /// Nothing has needed it yet.
    Unused,
    /// There was none, or something needed it.
    Used,
}

impl<'a> Decoder<'a> {
    /// Takes a test of the network header off the front, where a table has packets of several.
    fn network_test(&mut self) -> Option<()> {
        let (found, rest) = match self.rest {
            [Load(Source::Meta(MetaKey::NetworkProtocol), Slot::FIRST), Compare(Equal, number), rest @ ..] => {
                let is = |network: &Network| network.number().is_some_and(|known| number[..] == [known]);
                (Network::ALL.into_iter().find(is)?, rest)
            }
            [Load(Source::Meta(MetaKey::EtherType), Slot::FIRST), Compare(Equal, ether_type), rest @ ..] => {
                (Network::ALL.into_iter().find(|network| ether_type[..] == network.ether_type())?, rest)
            }
            _ => return None,
        };
        if self.network.is_some() {
            return None;
        }
        (self.network, self.tested, self.rest) = (Some(found), Tested::Unused, rest);
        Some(())
    }

    /// Takes in that something of this network header was read.
    fn need(&mut self, network: Option<Network>) -> Option<()> {
        match network {
            None => Some(()),
            Some(_) if network == self.network => {
                self.tested = Tested::Used;
                Some(())
            }
            Some(_) => None,
        }
    }

    fn found(&mut self, matched: Match, rest: &'a [Expression]) -> Option<()> {
        self.matches.push(matched);
        self.rest = rest;
        Some(())
    }
}
