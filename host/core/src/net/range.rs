//! Ranges of addresses: the merged form of a set of CIDRs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use super::Family;

/// Addresses `first..=last` of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// Addresses `first..=last`; none when the families differ or `first` is greater.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        (Family::of(first) == Family::of(last) && first <= last).then_some(Self { first, last })
    }

    /// All addresses of a family.
    pub fn all_of(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self { first: Ipv4Addr::from_bits(0).into(), last: Ipv4Addr::from_bits(u32::MAX).into() },
            Family::Ipv6 => Self { first: Ipv6Addr::from_bits(0).into(), last: Ipv6Addr::from_bits(u128::MAX).into() },
        }
    }

    pub fn first(self) -> IpAddr {
        self.first
    }

    pub fn last(self) -> IpAddr {
        self.last
    }

    pub fn family(self) -> Family {
        Family::of(self.first)
    }

    pub fn contains(self, address: IpAddr) -> bool {
        Family::of(address) == self.family() && self.first <= address && address <= self.last
    }

    /// The CIDR with exactly these addresses, if there is one.
    pub fn network(self) -> Option<IpNet> {
        let (first, last, bits) = match (self.first, self.last) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        };
        // Equal high bits, then all zeros in `first` and all ones in `last`.
        let differing = 128 - (first ^ last).leading_zeros();
        let low = 1u128.checked_shl(differing).map_or(u128::MAX, |bit| bit - 1);
        let aligned = first & low == 0 && last & low == low;
        let length = u8::try_from(bits - differing).ok()?;
        aligned.then(|| IpNet::new(self.first, length).ok()).flatten()
    }

    /// The fewest CIDRs with exactly these addresses, in order.
    pub fn networks(self) -> Vec<IpNet> {
        match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect(),
            (IpAddr::V6(first), IpAddr::V6(last)) => Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Vec::new(),
        }
    }
}

impl From<IpNet> for AddressRange {
    fn from(network: IpNet) -> Self {
        Self { first: network.network(), last: network.broadcast() }
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self { first: address, last: address }
    }
}

/// As nft prints it: an address, a CIDR, or `first-last`.
impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return self.first.fmt(f);
        }
        match self.network() {
            Some(network) => network.fmt(f),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// The same addresses as the fewest ranges, in order. The kernel refuses overlaps inside one interval set, so
/// everything that becomes one goes through here.
pub fn merge_ranges(ranges: impl IntoIterator<Item = AddressRange>) -> Vec<AddressRange> {
    let mut sorted: Vec<AddressRange> = ranges.into_iter().collect();
    // Mostly some sorted ones one after the other, which it makes use of.
    sorted.sort();
    let mut merged: Vec<AddressRange> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(previous) if touches(previous.last, range.first) => previous.last = previous.last.max(range.last),
            Some(_) | None => merged.push(range),
        }
    }
    merged
}

/// Whether these ranges are as from [`merge_ranges`].
pub fn are_merged(ranges: &[AddressRange]) -> bool {
    ranges.iter().zip(ranges.iter().skip(1)).all(|(one, next)| one.last < next.first && !touches(one.last, next.first))
}

/// Whether an address lies in one of these ranges, which are as from [`merge_ranges`].
pub fn is_within(ranges: &[AddressRange], address: IpAddr) -> bool {
    let after = ranges.partition_point(|range| range.first() <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|range| range.contains(address))
}

/// Without what both begin with and what both end with: what is left is all in which they differ.
pub fn differing<'a>(these: &'a [AddressRange], those: &'a [AddressRange]) -> (&'a [AddressRange], &'a [AddressRange]) {
    let first = these.iter().zip(those).take_while(|(one, other)| one == other).count();
    let (these, those) = (&these[first..], &those[first..]);
    let last = these.iter().rev().zip(those.iter().rev()).take_while(|(one, other)| one == other).count();
    (&these[..these.len() - last], &those[..those.len() - last])
}

/// The addresses of these ranges of one family that are in none of those; both are as from [`merge_ranges`].
pub fn subtract(these: &[AddressRange], those: &[AddressRange]) -> Vec<AddressRange> {
    let (these, those) = differing(these, those);
    let mut left = Vec::new();
    for range in these {
        let mut next = Some(range.first);
        let behind = those.partition_point(|other| other.last < range.first);
        for other in those[behind..].iter().take_while(|other| other.first <= range.last) {
            left.extend(next.zip(predecessor(other.first)).and_then(|(first, last)| AddressRange::new(first, last)));
            next = successor(other.last);
        }
        left.extend(next.and_then(|first| AddressRange::new(first, range.last)));
    }
    left
}

/// What lies between these ranges of one family, which are as from [`merge_ranges`], before the first and after the
/// last.
pub fn between(family: Family, ranges: &[AddressRange]) -> Vec<AddressRange> {
    let AddressRange { first, last } = AddressRange::all_of(family);
    let (mut next, mut between) = (Some(first), Vec::new());
    for range in ranges {
        let before = predecessor(range.first);
        between.extend(next.zip(before).and_then(|(first, last)| AddressRange::new(first, last)));
        next = successor(range.last);
    }
    between.extend(next.and_then(|first| AddressRange::new(first, last)));
    between
}

/// The address before, but for the first of a family.
pub fn predecessor(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(address) => address.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

fn successor(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_add(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(address) => address.to_bits().checked_add(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

/// Whether a range that begins at `first` continues one that ends at `last`.
fn touches(last: IpAddr, first: IpAddr) -> bool {
    // After the last address of a family there is none that does not.
    match (last, first) {
        (IpAddr::V4(last), IpAddr::V4(first)) => {
            last.to_bits().checked_add(1).is_none_or(|next| first.to_bits() <= next)
        }
        (IpAddr::V6(last), IpAddr::V6(first)) => {
            last.to_bits().checked_add(1).is_none_or(|next| first.to_bits() <= next)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// Near both ends, where there is no next address.
    fn address() -> impl Strategy<Value = u8> {
        prop_oneof![0u8..6, 250u8..=255]
    }

    fn range(first: u8, last: u8) -> AddressRange {
        let of = |number: u8| IpAddr::from(if number < 128 { [0, 0, 0, number] } else { [255, 255, 255, number] });
        AddressRange::new(of(first.min(last)), of(first.max(last))).unwrap()
    }

    proptest! {
        #[test]
        fn each_address_is_in_a_range_or_between(
            ranges in prop::collection::vec((address(), address()), 0..5),
            number in address(),
        ) {
            let ranges = merge_ranges(ranges.into_iter().map(|(first, last)| range(first, last)));
            let between = between(Family::Ipv4, &ranges);
            prop_assert_eq!(&between, &merge_ranges(between.clone()));
            let address = range(number, number).first();
            prop_assert_ne!(is_within(&ranges, address), is_within(&between, address));
        }
    }

    proptest! {
        #[test]
        fn what_is_left_of_ranges_without_others_is_each_address_that_those_have_not(
            these in prop::collection::vec((address(), address()), 0..5),
            those in prop::collection::vec((address(), address()), 0..5),
        ) {
            let [these, those] = [these, those]
                .map(|ranges| merge_ranges(ranges.into_iter().map(|(first, last)| range(first, last))));
            let left = subtract(&these, &those);
            prop_assert_eq!(&left, &merge_ranges(left.clone()));
            for number in (0..8).chain(248..=255) {
                let address = range(number, number).first();
                let expected = is_within(&these, address) && !is_within(&those, address);
                prop_assert_eq!(is_within(&left, address), expected, "{}", address);
            }
        }
    }

    proptest! {
        #[test]
        fn the_networks_of_a_range_have_its_addresses_and_no_others(first in address(), last in address()) {
            let range = range(first, last);
            let networks = range.networks();
            prop_assert!(networks.iter().all(|network| range.contains(network.network())));
            prop_assert_eq!(merge_ranges(networks.into_iter().map(AddressRange::from)), vec![range]);
        }
    }

    #[test]
    fn between_no_ranges_is_everything_and_between_everything_is_nothing() {
        for family in Family::ALL {
            let all = AddressRange::all_of(family);
            assert_eq!((between(family, &[]), between(family, &[all])), (vec![all], vec![]));
        }
    }
}
