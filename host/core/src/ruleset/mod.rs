//! Our own small nft vocabulary as data. It knows no Kubernetes, and prints as a script that `nft -f` takes.

pub(crate) mod display;
mod marker;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub use marker::{Layout, MARKER};
pub use names::{Name, NameError, TableNames};

use crate::net::{AddressRange, Family, PortMatch, Protocol, is_within, merge_ranges};

/// Longest comment that nft reads back (`NFTNL_UDATA_COMMENT_MAXLEN` counts the final NUL).
pub const LONGEST_COMMENT: usize = 127;

/// All our tables: at most one a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// By family.
    pub tables: BTreeMap<Family, Table>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: Name,
    /// Sets of addresses.
    pub sets: BTreeMap<Name, Set>,
    /// Maps, whose elements carry counters.
    pub maps: BTreeMap<Name, Map>,
    /// Base chains and others.
    pub chains: BTreeMap<Name, Chain>,
}

impl Table {
    /// An empty table.
    pub fn new(name: Name) -> Self {
        Self { name, sets: BTreeMap::new(), maps: BTreeMap::new(), chains: BTreeMap::new() }
    }
}

/// A named set of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// With `flags interval`: as from [`crate::net::merge_ranges`], so no two ranges touch. It is replaced as a whole.
    Ranges(Vec<AddressRange>),
    /// A hash table: one more or less costs the same however many there are.
    Addresses(BTreeSet<IpAddr>),
}

/// The types of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKind {
    /// [`Set::Ranges`].
    Ranges,
    /// [`Set::Addresses`].
    Addresses,
}

impl Set {
    /// An empty one.
    pub fn new(kind: SetKind) -> Self {
        match kind {
            SetKind::Ranges => Self::Ranges(Vec::new()),
            SetKind::Addresses => Self::Addresses(BTreeSet::new()),
        }
    }

    /// Its type.
    pub fn kind(&self) -> SetKind {
        match self {
            Self::Ranges(_) => SetKind::Ranges,
            Self::Addresses(_) => SetKind::Addresses,
        }
    }

    /// What is in one of two sets of a kind; of different kinds the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Ranges(one), Self::Ranges(other)) => Self::Ranges(merge_ranges(one.iter().chain(other).copied())),
            (Self::Addresses(one), Self::Addresses(other)) => Self::Addresses(one | other),
            (Self::Ranges(_), Self::Addresses(_)) | (Self::Addresses(_), Self::Ranges(_)) => other.clone(),
        }
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Ranges(ranges) => is_within(ranges, address),
            Self::Addresses(addresses) => addresses.contains(&address),
        }
    }
}

/// A named map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// What its keys and data are.
    pub kind: MapKind,
    /// Its elements.
    pub elements: BTreeMap<MapKey, Element>,
}

impl Map {
    /// An empty map.
    pub fn new(kind: MapKind) -> Self {
        Self { kind, elements: BTreeMap::new() }
    }
}

/// The types of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapKind {
    /// `ipv4_addr : ipv4_addr`.
    Addresses,
    /// `ipv4_addr . inet_proto . inet_service : ipv4_addr`.
    Ports,
    /// `ipv4_addr : verdict`.
    Chains,
}

/// The key of a map element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapKey {
    /// For [`MapKind::Addresses`] and [`MapKind::Chains`].
    Address(IpAddr),
    /// For [`MapKind::Ports`].
    Port(IpAddr, Protocol, u16),
}

impl MapKey {
    /// The address it begins with.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Address(address) | Self::Port(address, _, _) => address,
        }
    }
}

/// What a map element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// What the key leads to.
    pub target: Target,
    /// For readers of `nft list`; at most [`LONGEST_COMMENT`] bytes.
    pub comment: Option<Arc<str>>,
}

/// The data of a map element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// For [`MapKind::Addresses`] and [`MapKind::Ports`].
    Address(IpAddr),
    /// For [`MapKind::Chains`]. `jump`, never `goto`: what the chain does not match must come back.
    Jump(Name),
}

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// A base chain's place; none for a chain that is only jumped to.
    pub hook: Option<Hook>,
    /// In order.
    pub rules: Vec<Rule>,
}

impl Chain {
    /// The chains that it jumps to by itself, in order.
    pub fn jumps(&self) -> impl Iterator<Item = &Name> {
        self.rules.iter().filter_map(|rule| match &rule.statement {
            Statement::Jump(name) => Some(name),
            Statement::Return
            | Statement::Snat(_)
            | Statement::SnatByAddress(_)
            | Statement::SnatByPort(_)
            | Statement::JumpByAddress(_) => None,
        })
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

/// A rule: all matches hold, then the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// In order.
    pub matches: Vec<Match>,
    /// What happens.
    pub statement: Statement,
}

/// A condition on the packet. Families are those of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `ip daddr @set`.
    DestinationIn(Name),
    /// `ct original ip daddr @set`: where the sender wanted to go, before any DNAT.
    OriginalDestinationIn(Name),
    /// `ip daddr 192.0.2.0/24`.
    Destination(AddressRange),
    /// `tcp sport 5060`; the protocol is matched too.
    SourcePort(PortMatch),
    /// `tcp dport 80-90`; the protocol is matched too.
    DestinationPort(PortMatch),
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `return`.
    Return,
    /// `jump chain`.
    Jump(Name),
    /// `counter snat to 192.0.2.1`: it counts connections, as elements do.
    Snat(IpAddr),
    /// `snat to ip saddr map @map`, over [`MapKind::Addresses`].
    SnatByAddress(Name),
    /// `snat to ip saddr . meta l4proto . th dport map @map`, over [`MapKind::Ports`].
    SnatByPort(Name),
    /// `ip saddr vmap @map`, over [`MapKind::Chains`].
    JumpByAddress(Name),
}
