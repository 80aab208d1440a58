//! Maps, whose elements belong to one pod each.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Name;
use crate::net::{Family, Protocol};

/// A named map; without data `nft` calls it a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// What its keys and data are.
    pub kind: MapKind,
    pub elements: BTreeMap<MapKey, Element>,
}

impl Map {
    pub fn new(kind: MapKind) -> Self {
        Self { kind, elements: BTreeMap::new() }
    }

    /// The elements of one pod.
    pub fn of_pod(&self, pod: IpAddr) -> impl Iterator<Item = (&MapKey, &Element)> {
        self.elements.range(MapKey::first_of(pod, self.kind.key)..).take_while(move |(key, _)| key.address() == pod)
    }
}

/// The types of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapKind {
    /// Of its addresses.
    pub family: Family,
    /// What its keys are.
    pub key: KeyKind,
    /// What they lead to.
    pub data: DataKind,
}

/// What the keys of a map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `ipv4_addr`: the pod.
    Address,
    /// `ipv4_addr`: a pod that is in no known pod network.
    Elsewhere,
    /// `ipv4_addr . inet_proto . inet_service`: the pod, and where it sends to.
    Port,
    /// `ipv4_addr . ipv4_addr`: the first so many bits of the destination, and the pod.
    Prefix(u8),
    /// `ipv4_addr . ipv4_addr . inet_proto . inet_service`: the same with the port.
    PrefixPort(u8),
    /// `ipv4_addr`: a pod whose packets leave the cluster with an allowed source or not at all.
    Guarded,
    /// `ipv4_addr . ipv4_addr`: such a pod, and a source that it may leave with.
    AllowedSource,
    /// `ipv4_addr`: a pod that is known, where what is not known does not leave the cluster.
    KnownPod,
}

/// What the keys of a map lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataKind {
    /// Nothing: a key is there or not.
    Nothing,
    /// `ipv4_addr`.
    Address,
    /// `verdict`.
    Verdict,
    /// `mark`.
    Mark,
}

impl MapKind {
    /// `ipv4_addr : ipv4_addr`.
    pub const fn addresses(family: Family) -> Self {
        Self { family, key: KeyKind::Address, data: DataKind::Address }
    }

    /// `ipv4_addr . inet_proto . inet_service : ipv4_addr`.
    pub const fn ports(family: Family) -> Self {
        Self { family, key: KeyKind::Port, data: DataKind::Address }
    }

    /// `ipv4_addr : verdict`.
    pub const fn chains(family: Family) -> Self {
        Self { family, key: KeyKind::Address, data: DataKind::Verdict }
    }

    /// `ipv4_addr : mark`.
    pub const fn marks(family: Family) -> Self {
        Self { family, key: KeyKind::Address, data: DataKind::Mark }
    }

    /// What its comment in the kernel is. Neither the number of bits nor that members are pods can be read from its
    /// type.
    pub fn comment(self) -> Option<String> {
        match (self.key, self.data) {
            (KeyKind::Prefix(bits) | KeyKind::PrefixPort(bits), _) => {
                Some(format!("by {bits} bits of the destination"))
            }
            (KeyKind::Elsewhere, _) => Some("pods outside of all known networks".to_owned()),
            (KeyKind::Guarded, _) => Some("guarded pods".to_owned()),
            (KeyKind::AllowedSource, _) => Some("guarded pods and their sources".to_owned()),
            (KeyKind::KnownPod, _) => Some("known pods".to_owned()),
            (KeyKind::Address | KeyKind::Port, DataKind::Nothing) => Some("pods".to_owned()),
            (KeyKind::Address | KeyKind::Port, DataKind::Address | DataKind::Verdict | DataKind::Mark) => None,
        }
    }

    /// Whether its elements count: what leads to an address the connections that it translates, what leads to a chain
    /// those that are looked at there, and a guarded pod its packets that are dropped.
    pub fn counts(self) -> bool {
        match (self.key, self.data) {
            (KeyKind::Guarded, _) | (_, DataKind::Address | DataKind::Verdict) => true,
            (_, DataKind::Nothing | DataKind::Mark) => false,
        }
    }

    /// Whether it holds traffic back, and not where it goes.
    pub fn is_of_the_guard(self) -> bool {
        match self.key {
            KeyKind::Guarded | KeyKind::AllowedSource | KeyKind::KnownPod => true,
            KeyKind::Address | KeyKind::Elsewhere | KeyKind::Port | KeyKind::Prefix(_) | KeyKind::PrefixPort(_) => {
                false
            }
        }
    }

    /// Whether it is in a table only while it has elements, or something looks into it.
    pub fn is_made_on_demand(self) -> bool {
        match self.key {
            KeyKind::Prefix(_) | KeyKind::PrefixPort(_) => true,
            KeyKind::Guarded | KeyKind::AllowedSource | KeyKind::KnownPod => true,
            KeyKind::Address | KeyKind::Elsewhere | KeyKind::Port => false,
        }
    }

    /// All that a map of this family with this comment can be.
    pub fn all(family: Family, comment: Option<&str>) -> impl Iterator<Item = Self> {
        let keys = (1..=family.bits()).flat_map(|bits| [KeyKind::Prefix(bits), KeyKind::PrefixPort(bits)]);
        let fixed = [KeyKind::Address, KeyKind::Elsewhere, KeyKind::Port];
        let of_the_guard = [KeyKind::Guarded, KeyKind::AllowedSource, KeyKind::KnownPod];
        let keys = fixed.into_iter().chain(of_the_guard).chain(keys);
        let data = [DataKind::Nothing, DataKind::Address, DataKind::Verdict, DataKind::Mark];
        let kinds = keys.flat_map(move |key| data.map(|data| Self { family, key, data }));
        kinds.filter(move |kind| kind.comment().as_deref() == comment)
    }

    /// `ipv4_addr`, of pods that are in no known pod network.
    pub const fn elsewhere(family: Family) -> Self {
        Self { family, key: KeyKind::Elsewhere, data: DataKind::Nothing }
    }

    /// `ipv4_addr`, of guarded pods.
    pub const fn guarded(family: Family) -> Self {
        Self { family, key: KeyKind::Guarded, data: DataKind::Nothing }
    }

    /// `ipv4_addr . ipv4_addr`, of guarded pods and the sources that they may leave with.
    pub const fn allowed_sources(family: Family) -> Self {
        Self { family, key: KeyKind::AllowedSource, data: DataKind::Nothing }
    }

    /// `ipv4_addr`, of known pods.
    pub const fn known_pods(family: Family) -> Self {
        Self { family, key: KeyKind::KnownPod, data: DataKind::Nothing }
    }

    /// `ipv4_addr`, of pods.
    pub const fn pods(family: Family) -> Self {
        Self { family, key: KeyKind::Address, data: DataKind::Nothing }
    }
}

/// The key of a map element. The pod comes first, whatever the order in the kernel: so the elements of one pod stand
/// beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapKey {
    /// For [`KeyKind::Address`], [`KeyKind::Elsewhere`], [`KeyKind::Guarded`] and [`KeyKind::KnownPod`].
    Address(IpAddr),
    /// For [`KeyKind::Port`].
    Port(IpAddr, Protocol, u16),
    /// For [`KeyKind::Prefix`]: the pod and the first address of the network.
    Prefix(IpAddr, IpAddr),
    /// For [`KeyKind::PrefixPort`].
    PrefixPort(IpAddr, IpAddr, Protocol, u16),
    /// For [`KeyKind::AllowedSource`]: the pod and the source.
    AllowedSource(IpAddr, IpAddr),
}

impl MapKey {
    /// The pod that it belongs to.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Address(pod)
            | Self::Port(pod, ..)
            | Self::Prefix(pod, _)
            | Self::PrefixPort(pod, ..)
            | Self::AllowedSource(pod, _) => pod,
        }
    }

    /// The first key that a pod can have in a map of this kind.
    pub fn first_of(pod: IpAddr, kind: KeyKind) -> Self {
        let lowest = Family::of(pod).lowest();
        match kind {
            KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::KnownPod => Self::Address(pod),
            KeyKind::Port => Self::Port(pod, Protocol::Tcp, 0),
            KeyKind::Prefix(_) => Self::Prefix(pod, lowest),
            KeyKind::PrefixPort(_) => Self::PrefixPort(pod, lowest, Protocol::Tcp, 0),
            KeyKind::AllowedSource => Self::AllowedSource(pod, lowest),
        }
    }

    /// Whether a map of this kind has keys like it.
    pub fn is_of(self, kind: KeyKind) -> bool {
        match (self, kind) {
            (Self::Address(_), KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::KnownPod)
            | (Self::AllowedSource(..), KeyKind::AllowedSource)
            | (Self::Port(..), KeyKind::Port)
            | (Self::Prefix(..), KeyKind::Prefix(_))
            | (Self::PrefixPort(..), KeyKind::PrefixPort(_)) => true,
            (
                Self::Address(_) | Self::Port(..) | Self::Prefix(..) | Self::PrefixPort(..) | Self::AllowedSource(..),
                _,
            ) => false,
        }
    }
}

/// What a map element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// What the key leads to.
    pub target: Target,
    /// For readers of `nft list`; at most [`LONGEST_COMMENT`](super::LONGEST_COMMENT) bytes.
    pub comment: Option<Arc<str>>,
}

/// The data of a map element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// For [`DataKind::Nothing`].
    Nothing,
    /// For [`DataKind::Address`].
    Address(IpAddr),
    /// For [`DataKind::Verdict`]. `jump`, never `goto`: what the chain does not match must come back.
    Jump(Name),
    /// For [`DataKind::Mark`].
    Mark(u32),
}

impl Target {
    /// Whether a map with such data can hold it.
    pub fn is_of(&self, kind: DataKind) -> bool {
        match (self, kind) {
            (Self::Nothing, DataKind::Nothing)
            | (Self::Address(_), DataKind::Address)
            | (Self::Jump(_), DataKind::Verdict)
            | (Self::Mark(_), DataKind::Mark) => true,
            (Self::Nothing | Self::Address(_) | Self::Jump(_) | Self::Mark(_), _) => false,
        }
    }

    /// The chain that it leads to.
    pub fn chain(&self) -> Option<&Name> {
        match self {
            Self::Jump(chain) => Some(chain),
            Self::Nothing | Self::Address(_) | Self::Mark(_) => None,
        }
    }
}
