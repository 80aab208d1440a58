//! The addresses of Services that a node holds, in as little memory as they take: a cluster may have thousands of nodes
//! with a thousand each.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Completeness;

/// How many held addresses of one EgressNode count, and how many a node publishes: the definition of the kind has the same
/// bound.
pub const MOST_HELD_ADDRESSES: usize = 1024;

/// `spec.held` of an EgressNode: sorted, each once, [`MOST_HELD_ADDRESSES`] at most; four bytes for one of IPv4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldAddresses {
    v4: Box<[Ipv4Addr]>,
    v6: Box<[Ipv6Addr]>,
    completeness: Completeness,
}

/// Whether a node holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holding {
    /// It publishes it.
    Holds,
    /// It publishes others, or none.
    HoldsNot,
    /// A part of what it publishes cannot be read, and the rest does not have the address.
    Unknown,
}

impl HeldAddresses {
    /// These addresses, in any order; of more than there may be, the first in order count.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>, completeness: Completeness) -> Self {
        let sorted: BTreeSet<IpAddr> = addresses.into_iter().collect();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in sorted.into_iter().take(MOST_HELD_ADDRESSES) {
            match address {
                IpAddr::V4(address) => v4.push(address),
                IpAddr::V6(address) => v6.push(address),
            }
        }
        Self { v4: v4.into(), v6: v6.into(), completeness }
    }

    /// In order, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.v4.iter().copied().map(IpAddr::V4).chain(self.v6.iter().copied().map(IpAddr::V6))
    }

    /// Whether an address is among them, in as many steps as the number of them has digits.
    pub fn has(&self, address: IpAddr) -> Holding {
        let found = match address {
            IpAddr::V4(address) => self.v4.binary_search(&address).is_ok(),
            IpAddr::V6(address) => self.v6.binary_search(&address).is_ok(),
        };
        match self.completeness {
            Completeness::Whole | Completeness::Partial if found => Holding::Holds,
            Completeness::Whole => Holding::HoldsNot,
            Completeness::Partial => Holding::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: u16) -> impl Iterator<Item = IpAddr> {
        (0..count).rev().map(|number| IpAddr::from([192, 0, (number >> 8) as u8, number as u8]))
    }

    #[test]
    fn they_are_sorted_each_once_and_bounded() {
        let v6 = IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 1]);
        let held = HeldAddresses::new([v6, v6].into_iter().chain(some(3)), Completeness::Whole);
        let mut sorted: Vec<IpAddr> = some(3).chain([v6]).collect();
        sorted.sort_unstable();
        assert!(held.iter().eq(sorted));
        assert_eq!([v6, IpAddr::from([192, 0, 0, 9])].map(|one| held.has(one)), [Holding::Holds, Holding::HoldsNot]);
        assert_eq!(HeldAddresses::new(some(2000), Completeness::Whole).iter().count(), MOST_HELD_ADDRESSES);
    }

    #[test]
    fn what_cannot_be_read_is_not_known_to_be_absent() {
        let read = |completeness| HeldAddresses::new(some(2), completeness);
        let address = |last: u8| IpAddr::from([192, 0, 0, last]);
        assert_eq!(read(Completeness::Whole).has(address(7)), Holding::HoldsNot);
        assert_eq!(read(Completeness::Partial).has(address(1)), Holding::Holds);
        assert_eq!(read(Completeness::Partial).has(address(7)), Holding::Unknown);
    }
}
