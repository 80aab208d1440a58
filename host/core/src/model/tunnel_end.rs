//! Where a node takes packets of other nodes' pods, as it publishes it.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;

use super::Completeness;
use crate::net::{ByFamily, Family};

/// How many tunnel ends of one EgressNode are looked at: the definition of the kind has the same bound.
pub const MOST_TUNNELS: usize = 4;
/// The smallest packet that every tunnel takes, in bytes: what every host of IPv4 takes (RFC 791).
pub const SMALLEST_TUNNEL_MTU: u16 = 576;

/// How packets are encapsulated. A type that is none of these is of a newer release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelKind {
    /// VXLAN with the generic protocol extension: the packet itself, without an Ethernet header.
    VxlanGpe,
    /// VXLAN: the packet with an Ethernet header.
    Vxlan,
}

/// A place where a node takes packets of others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelEnd {
    kind: TunnelKind,
    addresses: ByFamily<IpAddr>,
    port: NonZeroU16,
    mtu: Option<u16>,
}

/// Why there is no such tunnel end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TunnelEndError {
    #[error("a tunnel end without an address")]
    NoAddress,
    #[error("two addresses of the same family")]
    SeveralAddresses,
    #[error("an MTU below {SMALLEST_TUNNEL_MTU}")]
    SmallMtu,
}

/// `spec.tunnels` of an EgressNode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedTunnels {
    /// One of each kind at most, in the order of kinds.
    ends: Box<[TunnelEnd]>,
    /// How many have a type that this release does not know: they are passed over.
    unknown: u8,
    /// The kinds of which an end may be there that cannot be read, in order.
    unread: Box<[TunnelKind]>,
}

impl TunnelKind {
    /// Each of them, in order.
    pub const ALL: [Self; 2] = [Self::VxlanGpe, Self::Vxlan];

    /// The type as an EgressNode says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VxlanGpe => "vxlan-gpe",
            Self::Vxlan => "vxlan",
        }
    }

    /// The kind of a type; none of a type that this release does not know.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The UDP port that IANA has for it, where an end names none.
    pub fn port(self) -> NonZeroU16 {
        const GPE: NonZeroU16 = NonZeroU16::new(4790).unwrap();
        const VXLAN: NonZeroU16 = NonZeroU16::new(4789).unwrap();
        match self {
            Self::VxlanGpe => GPE,
            Self::Vxlan => VXLAN,
        }
    }
}

impl fmt::Display for TunnelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl TunnelEnd {
    /// An end with one address of each family at most.
    ///
    /// # Errors
    /// Without an address, with two of a family, or with an MTU below [`SMALLEST_TUNNEL_MTU`].
    pub fn new(
        kind: TunnelKind,
        all: impl IntoIterator<Item = IpAddr>,
        port: NonZeroU16,
        mtu: Option<u16>,
    ) -> Result<Self, TunnelEndError> {
        let mut addresses = ByFamily::new();
        for address in all {
            let family = Family::of(address);
            if addresses.get(family).is_some() {
                return Err(TunnelEndError::SeveralAddresses);
            }
            addresses.insert(family, address);
        }
        if addresses.is_empty() {
            return Err(TunnelEndError::NoAddress);
        }
        if mtu.is_some_and(|mtu| mtu < SMALLEST_TUNNEL_MTU) {
            return Err(TunnelEndError::SmallMtu);
        }
        Ok(Self { kind, addresses, port, mtu })
    }

    pub fn kind(&self) -> TunnelKind {
        self.kind
    }

    /// Where to send packets to, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.values().copied()
    }

    /// The address of a family.
    pub fn address(&self, family: Family) -> Option<IpAddr> {
        self.addresses.get(family).copied()
    }

    /// The UDP port.
    pub fn port(&self) -> NonZeroU16 {
        self.port
    }

    /// The largest packet that fits into the tunnel, in bytes, where the node says it.
    pub fn mtu(&self) -> Option<u16> {
        self.mtu
    }

    /// The same end with those addresses alone for which this holds; none where none is left.
    pub(super) fn with(&self, holds: impl Fn(IpAddr) -> bool) -> Option<Self> {
        let addresses = self.addresses().filter(|address| holds(*address));
        Self::new(self.kind, addresses, self.port, self.mtu).ok()
    }
}

impl PublishedTunnels {
    /// These ends, of which the first of each kind counts, and so many of unknown types.
    pub fn new(ends: impl IntoIterator<Item = TunnelEnd>, unknown: u8) -> Self {
        let mut ends: Vec<TunnelEnd> = ends.into_iter().collect();
        ends.sort_by_key(TunnelEnd::kind);
        ends.dedup_by_key(|end| end.kind);
        Self { ends: ends.into(), unknown, unread: Box::default() }
    }

    /// The same, where ends of these kinds may be there that cannot be read.
    #[must_use]
    pub fn with_unread(self, kinds: impl IntoIterator<Item = TunnelKind>) -> Self {
        let mut unread: Vec<TunnelKind> = kinds.into_iter().collect();
        unread.sort_unstable();
        unread.dedup();
        Self { unread: unread.into(), ..self }
    }

    /// In the order of kinds.
    pub fn ends(&self) -> &[TunnelEnd] {
        &self.ends
    }

    /// How many have a type that this release does not know.
    pub fn unknown(&self) -> u8 {
        self.unknown
    }

    /// The kinds of which an end may be there that cannot be read, in order.
    pub fn unread(&self) -> &[TunnelKind] {
        &self.unread
    }

    /// Whether all of them could be read.
    pub fn completeness(&self) -> Completeness {
        if self.unread.is_empty() { Completeness::Whole } else { Completeness::Partial }
    }

    /// The same with what was known of the kinds that cannot be read, and of no other: one that is read and is not there
    /// was removed.
    #[must_use]
    pub(super) fn keeping(self, known: &Self) -> Self {
        let of_unread = known.ends.iter().filter(|end| self.unread.contains(&end.kind));
        let all: Vec<TunnelEnd> = self.ends.iter().chain(of_unread).cloned().collect();
        Self::new(all, self.unknown).with_unread(self.unread)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn a(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn end(kind: TunnelKind, address: &str) -> TunnelEnd {
        TunnelEnd::new(kind, [a(address)], kind.port(), None).unwrap()
    }

    #[test]
    fn an_end_has_one_address_of_each_family_at_most_and_its_mtu_is_one() {
        let new = |addresses: &[&str], mtu| {
            TunnelEnd::new(TunnelKind::VxlanGpe, addresses.iter().map(|text| a(text)), TunnelKind::VxlanGpe.port(), mtu)
        };
        let both = new(&["2001:db8::1", "192.0.2.1"], Some(1464)).unwrap();
        assert!(both.addresses().eq([a("192.0.2.1"), a("2001:db8::1")]), "IPv4 first");
        assert_eq!(new(&[], None), Err(TunnelEndError::NoAddress));
        assert_eq!(new(&["192.0.2.1", "192.0.2.1"], None), Err(TunnelEndError::SeveralAddresses));
        assert_eq!(new(&["192.0.2.1"], Some(575)), Err(TunnelEndError::SmallMtu));
        assert!(new(&["192.0.2.1"], Some(576)).is_ok());
    }

    #[test]
    fn a_type_is_the_text_of_its_kind() {
        for kind in TunnelKind::ALL {
            assert_eq!(TunnelKind::of(kind.as_str()), Some(kind));
        }
        assert_eq!(["geneve", "VXLAN", ""].map(TunnelKind::of), [None; 3]);
    }

    #[test]
    fn an_end_that_cannot_be_read_stays_and_one_that_is_absent_is_none() {
        let (gpe, vxlan) = (end(TunnelKind::VxlanGpe, "192.0.2.1"), end(TunnelKind::Vxlan, "192.0.2.1"));
        let known = PublishedTunnels::new([vxlan.clone(), gpe.clone()], 0);
        assert_eq!(known.ends(), [gpe, vxlan.clone()]);
        let moved = end(TunnelKind::VxlanGpe, "192.0.2.9");
        let read = |unread: &[TunnelKind]| {
            PublishedTunnels::new([moved.clone()], 0).with_unread(unread.iter().copied()).keeping(&known)
        };
        assert_eq!(read(&[]).ends(), std::slice::from_ref(&moved));
        assert_eq!(read(&[TunnelKind::VxlanGpe]).ends(), std::slice::from_ref(&moved), "the other kind was removed");
        assert_eq!(read(&[TunnelKind::Vxlan]).ends(), [moved.clone(), vxlan.clone()]);
        assert_eq!(read(&TunnelKind::ALL).keeping(&known).ends(), [moved.clone(), vxlan]);
        assert_eq!(PublishedTunnels::default().keeping(&known).ends(), []);
    }
}
