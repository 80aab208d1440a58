//! Chains and rules: what a rule looks at, and what it does.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Name;
use crate::net::{AddressRange, Family, PortMatch};

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// A base chain's place; none for a chain that is only jumped to.
    pub hook: Option<Hook>,
    /// In order.
    pub rules: Vec<Rule>,
}

impl Chain {
    /// One that is only jumped to.
    pub fn with(rules: Vec<Rule>) -> Self {
        Self { hook: None, rules }
    }

    /// The chains that it jumps to by itself, in order.
    pub fn jumps(&self) -> impl Iterator<Item = &Name> {
        self.rules.iter().flat_map(|rule| &rule.statements).filter_map(Statement::chain)
    }
}

/// Copies chains with all that they lead to. One that is there already has what it leads to beside it.
pub fn copy_reachable(from: &BTreeMap<Name, Chain>, mut wanted: Vec<Name>, to: &mut BTreeMap<Name, Chain>) {
    while let Some(name) = wanted.pop() {
        let Some(chain) = from.get(&name).filter(|_| !to.contains_key(&name)) else { continue };
        wanted.extend(chain.jumps().cloned());
        to.insert(name, chain.clone());
    }
}

/// `type nat hook postrouting priority ...; policy accept`: the only base chain there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Chains with smaller ones run first; `srcnat` is 100.
    pub priority: i32,
}

/// A rule: all matches hold, then the statements, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// In order.
    pub matches: Vec<Match>,
    /// What happens.
    pub statements: Vec<Statement>,
}

impl Rule {
    /// For every packet that gets there.
    pub fn always(statement: Statement) -> Self {
        Self { matches: Vec::new(), statements: vec![statement] }
    }

    /// For the packets of which this holds.
    pub fn when(matched: Match, statement: Statement) -> Self {
        Self { matches: vec![matched], statements: vec![statement] }
    }
}

/// What of a packet or its connection is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `ip saddr`.
    Source(Family),
    /// `ip daddr`.
    Destination(Family),
    /// `ip daddr & 255.255.255.0`: its first so many bits, at least one and not all.
    DestinationPrefix(Family, u8),
    /// `ct original ip daddr`: where the sender wanted to go, before any DNAT.
    OriginalDestination(Family),
    /// `meta l4proto`.
    Protocol,
    /// `th dport`.
    DestinationPort,
}

/// What is looked up in a set or map: one field, or several joined by `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Vec<Field>);

impl Key {
    /// The key of a map of this kind, for the packet at hand.
    pub fn of(kind: super::MapKind) -> Self {
        use super::KeyKind;
        let (family, pod, port) = (kind.family, Field::Source(kind.family), [Field::Protocol, Field::DestinationPort]);
        let network = |bits| Field::destination_bits(family, bits);
        Self(match kind.key {
            KeyKind::Address => vec![pod],
            KeyKind::Port => [&[pod][..], &port].concat(),
            KeyKind::Prefix(bits) => vec![network(bits), pod],
            KeyKind::PrefixPort(bits) => [&[network(bits), pod][..], &port].concat(),
        })
    }
}

impl Key {
    /// The family of the addresses in it; none where there is none.
    pub fn family(&self) -> Option<Family> {
        self.0.iter().find_map(|field| field.family())
    }
}

impl Field {
    /// The family of an address.
    pub fn family(self) -> Option<Family> {
        match self {
            Self::Source(family)
            | Self::Destination(family)
            | Self::DestinationPrefix(family, _)
            | Self::OriginalDestination(family) => Some(family),
            Self::Protocol | Self::DestinationPort => None,
        }
    }

    /// The first so many bits of the destination, at least one.
    pub fn destination_bits(family: Family, bits: u8) -> Self {
        if bits < family.bits() { Self::DestinationPrefix(family, bits) } else { Self::Destination(family) }
    }
}

/// A condition on the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `ip daddr @set`.
    In(Key, Name),
    /// `ip daddr 192.0.2.0/24`.
    Destination(AddressRange),
    /// `tcp sport 5060`; the protocol is matched too.
    SourcePort(PortMatch),
    /// `tcp dport 80-90`; the protocol is matched too.
    DestinationPort(PortMatch),
}

impl Match {
    /// `ip daddr @set`.
    pub fn destination_in(family: Family, set: Name) -> Self {
        Self::In(Key(vec![Field::Destination(family)]), set)
    }

    /// `ct original ip daddr @set`.
    pub fn original_destination_in(family: Family, set: Name) -> Self {
        Self::In(Key(vec![Field::OriginalDestination(family)]), set)
    }

    /// The set that it looks into.
    pub fn set(&self) -> Option<&Name> {
        match self {
            Self::In(_, set) => Some(set),
            Self::Destination(_) | Self::SourcePort(_) | Self::DestinationPort(_) => None,
        }
    }
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `counter`: of a NAT chain it counts connections, as elements do.
    Counter,
    /// `return`: on with the chain that jumped here.
    Return,
    /// `accept`: no further rule of this base chain is asked.
    Accept,
    /// `jump chain`.
    Jump(Name),
    /// `snat to 192.0.2.1`.
    Snat(IpAddr),
    /// `snat to ip saddr map @map`, over a map to addresses.
    SnatBy(Key, Name),
    /// `ip saddr vmap @map`, over a map to verdicts.
    VerdictBy(Key, Name),
}

impl Statement {
    /// The map that it looks into.
    pub fn map(&self) -> Option<&Name> {
        match self {
            Self::SnatBy(_, map) | Self::VerdictBy(_, map) => Some(map),
            Self::Counter | Self::Return | Self::Accept | Self::Jump(_) | Self::Snat(_) => None,
        }
    }

    /// The chain that it names.
    pub fn chain(&self) -> Option<&Name> {
        match self {
            Self::Jump(chain) => Some(chain),
            Self::Counter | Self::Return | Self::Accept | Self::Snat(_) | Self::SnatBy(..) | Self::VerdictBy(..) => {
                None
            }
        }
    }
}
