//! Sets that hold for all pods.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::net::{AddressRange, Family, is_within, merge_ranges};

/// A named set of addresses. Membership of single pods is a [`Map`](super::Map) without data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// With `flags interval`: as from [`crate::net::merge_ranges`], so no two ranges touch.
    Ranges(Family, Vec<AddressRange>),
    /// A hash table: one more or less costs the same however many there are.
    Addresses(Family, BTreeSet<IpAddr>),
}

/// The types of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKind {
    /// [`Set::Ranges`].
    Ranges(Family),
    /// [`Set::Addresses`].
    Addresses(Family),
}

impl Set {
    /// An empty one.
    pub fn new(kind: SetKind) -> Self {
        match kind {
            SetKind::Ranges(family) => Self::Ranges(family, Vec::new()),
            SetKind::Addresses(family) => Self::Addresses(family, BTreeSet::new()),
        }
    }

    /// Its type.
    pub fn kind(&self) -> SetKind {
        match self {
            Self::Ranges(family, _) => SetKind::Ranges(*family),
            Self::Addresses(family, _) => SetKind::Addresses(*family),
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
            (Self::Ranges(..) | Self::Addresses(..), Self::Ranges(..) | Self::Addresses(..)) => other.clone(),
        }
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Ranges(_, ranges) => is_within(ranges, address),
            Self::Addresses(_, addresses) => addresses.contains(&address),
        }
    }
}
