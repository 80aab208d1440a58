//! Sets that hold for all pods.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Timeout;
use crate::net::{AddressRange, Family, is_within, merge_ranges};

/// A named set. Membership of single pods is a [`Map`](super::Map) without data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// With `flags interval`: as from [`crate::net::merge_ranges`], so no two ranges touch.
    Ranges(Family, Vec<AddressRange>),
    /// A hash table: one more or less costs the same however many there are.
    Addresses(Family, BTreeSet<IpAddr>),
    /// The same of other keys; of addresses it is [`Set::Addresses`].
    Keys(SetKeyKind, BTreeSet<SetKey>),
    /// With `flags dynamic,timeout`: its elements come by rules and changes and go by themselves, so they are not
    /// compared.
    Timed(SetKeyKind),
}

/// The types of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKind {
    /// [`Set::Ranges`].
    Ranges(Family),
    /// [`Set::Addresses`].
    Addresses(Family),
    /// [`Set::Keys`].
    Keys(SetKeyKind),
    /// [`Set::Timed`].
    Timed(SetKeyKind),
}

/// What the keys of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKeyKind {
    /// `ipv4_addr`.
    Address(Family),
    /// `ipv4_addr . ipv4_addr`.
    Pair(Family),
    /// `mark`.
    Mark,
    /// `typeof @th,64,128`: an IPv6 address in the form in which [`Field::NeighbourTarget`](super::Field) looks it up.
    NeighbourTarget,
}

/// A key of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKey {
    /// For [`SetKeyKind::Address`] and [`SetKeyKind::NeighbourTarget`].
    Address(IpAddr),
    /// For [`SetKeyKind::Pair`], in the order of the kernel's key.
    Pair(IpAddr, IpAddr),
    /// For [`SetKeyKind::Mark`].
    Mark(u32),
}

/// An element of a [`Set::Timed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimedKey {
    /// What is in the set.
    pub key: SetKey,
    /// How long it lasts, also when a rule begins its time anew without another.
    pub timeout: Timeout,
    /// How much of that is left; none for all of it.
    pub expires: Option<Timeout>,
}

impl Set {
    pub fn new(kind: SetKind) -> Self {
        match kind {
            SetKind::Ranges(family) => Self::Ranges(family, Vec::new()),
            SetKind::Addresses(family) | SetKind::Keys(SetKeyKind::Address(family)) => {
                Self::Addresses(family, BTreeSet::new())
            }
            SetKind::Keys(key) => Self::Keys(key, BTreeSet::new()),
            SetKind::Timed(key) => Self::Timed(key),
        }
    }

    pub fn kind(&self) -> SetKind {
        match self {
            Self::Ranges(family, _) => SetKind::Ranges(*family),
            Self::Addresses(family, _) => SetKind::Addresses(*family),
            Self::Keys(key, _) => SetKind::Keys(*key),
            Self::Timed(key) => SetKind::Timed(*key),
        }
    }

    /// What is in one of two sets of a kind; of different kinds the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Ranges(one, these), Self::Ranges(two, those)) if one == two => {
                Self::Ranges(*one, merge_ranges(these.iter().chain(those).copied()))
            }
            (Self::Addresses(one, these), Self::Addresses(two, those)) if one == two => {
                Self::Addresses(*one, these | those)
            }
            (Self::Keys(one, these), Self::Keys(two, those)) if one == two => Self::Keys(*one, these | those),
            (Self::Ranges(..) | Self::Addresses(..) | Self::Keys(..) | Self::Timed(_), _) => other.clone(),
        }
    }

    /// What is in both of two sets of single addresses; of others the other.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Addresses(one, these), Self::Addresses(two, those)) if one == two => {
                Self::Addresses(*one, these & those)
            }
            (Self::Ranges(..) | Self::Addresses(..) | Self::Keys(..) | Self::Timed(_), _) => other.clone(),
        }
    }

    /// A set of single addresses without these; others as they are.
    #[must_use]
    pub fn without(&self, gone: &BTreeSet<IpAddr>) -> Self {
        match self {
            Self::Addresses(family, addresses) => Self::Addresses(*family, addresses - gone),
            Self::Ranges(..) | Self::Keys(..) | Self::Timed(_) => self.clone(),
        }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Ranges(_, ranges) => is_within(ranges, address),
            Self::Addresses(_, addresses) => addresses.contains(&address),
            Self::Keys(_, keys) => keys.contains(&SetKey::Address(address)),
            Self::Timed(_) => false,
        }
    }

    /// Whether a key is in it, of a [`Set::Timed`] never.
    pub fn has(&self, key: SetKey) -> bool {
        match (self, key) {
            (Self::Ranges(..) | Self::Addresses(..), SetKey::Address(address)) => self.contains(address),
            (Self::Keys(_, keys), key) => keys.contains(&key),
            (Self::Ranges(..) | Self::Addresses(..) | Self::Timed(_), _) => false,
        }
    }
}

impl SetKey {
    /// Whether a set of this kind has keys like it.
    pub fn is_of(self, kind: SetKeyKind) -> bool {
        match (self, kind) {
            (Self::Address(address), SetKeyKind::Address(family)) => Family::of(address) == family,
            (Self::Address(address), SetKeyKind::NeighbourTarget) => address.is_ipv6(),
            (Self::Pair(one, other), SetKeyKind::Pair(family)) => {
                [one, other].into_iter().all(|address| Family::of(address) == family)
            }
            (Self::Mark(_), SetKeyKind::Mark) => true,
            (Self::Address(_) | Self::Pair(..) | Self::Mark(_), _) => false,
        }
    }
}
