//! The fields of EgressNode objects that are used here; each node publishes one.

use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;
use sha2::{Digest, Sha256};

use super::{Completeness, HeldAddresses, PublishedTunnels};

/// How many addresses of one EgressNode count, and how many a node publishes: the definition of the kind has the same
/// bound.
pub const MOST_PUBLISHED_ADDRESSES: usize = 256;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressNode {
    /// `spec.addresses`: what the interfaces of the node have, [`MOST_PUBLISHED_ADDRESSES`] at most.
    pub addresses: Arc<[IpAddr]>,
    /// Whether all of those could be read.
    pub completeness: Completeness,
    /// `spec.held`: the addresses of Services that it translates to.
    pub held: HeldAddresses,
    /// `spec.tunnels`: where it takes packets of other nodes' pods.
    pub tunnels: PublishedTunnels,
    /// All that the object says, for the node that publishes it.
    pub mark: Mark,
}

impl EgressNode {
    /// The same, of which a part cannot be read, with what was known of that part alone: addresses stay inside, and tunnel
    /// ends stay ends. An address that it held is held by another node as soon as it moves, so of those only what is read
    /// now counts, and of the others it is unknown.
    #[must_use]
    pub fn keeping(self, known: &Self) -> Self {
        let addresses = match self.completeness {
            Completeness::Whole => self.addresses,
            Completeness::Partial => {
                let only_known = known.addresses.iter().filter(|address| !self.addresses.contains(address));
                self.addresses.iter().chain(only_known).take(MOST_PUBLISHED_ADDRESSES).copied().collect()
            }
        };
        let tunnels = self.tunnels.keeping(&known.tunnels);
        Self { addresses, tunnels, ..self }
    }
}

/// Stands for a text: two are equal where the texts are. 16 bytes, whatever the text has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark([u8; 16]);

impl Mark {
    /// The hash of a text.
    pub fn of(text: &str) -> Self {
        let mut mark = [0; 16];
        let digest = Sha256::digest(text);
        mark.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
        Self(mark)
    }
}

/// EgressNodes by name, which is the node's.
pub type PublishedNodes = OrdMap<String, Arc<EgressNode>>;

/// All EgressNodes that a source knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EgressNodes {
    /// Whether they are read now: what is not there is published only where that is known.
    pub followed: ReadState,
    /// The objects that were read last, by name.
    pub by_name: PublishedNodes,
}

/// Whether objects of a kind are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadState {
    /// The server does not let it be read now, or nothing was read yet.
    #[default]
    No,
    /// The server does not have the kind.
    Absent,
    /// What is known is what there is.
    Yes,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Holding;
    use crate::testkit::a;

    fn node(addresses: &[&str], completeness: Completeness, held: HeldAddresses) -> EgressNode {
        let addresses = addresses.iter().map(|text| a(text)).collect();
        EgressNode { addresses, completeness, held, ..EgressNode::default() }
    }

    fn held(addresses: &[&str], completeness: Completeness) -> HeldAddresses {
        HeldAddresses::new(addresses.iter().map(|text| a(text)), completeness)
    }

    #[test]
    fn of_each_field_what_was_known_stays_where_that_field_cannot_be_read() {
        let known = node(&["192.0.2.1", "192.0.2.2"], Completeness::Whole, held(&[], Completeness::Whole));
        let newest =
            |addresses, other| node(&["192.0.2.1"], addresses, held(&[], other)).keeping(&known).addresses.len();
        assert_eq!(newest(Completeness::Whole, Completeness::Partial), 1, "another field cannot be read");
        assert_eq!(newest(Completeness::Partial, Completeness::Whole), 2);
    }

    /// A node that published an address may have lost it since.
    #[test]
    fn an_address_that_was_held_is_not_held_for_what_cannot_be_read_now() {
        let known = node(&[], Completeness::Whole, held(&["11.0.0.1", "11.0.0.2"], Completeness::Whole));
        let newest = node(&[], Completeness::Whole, held(&["11.0.0.2"], Completeness::Partial)).keeping(&known);
        assert_eq!(["11.0.0.1", "11.0.0.2"].map(|text| newest.held.has(a(text))), [Holding::Unknown, Holding::Holds]);
    }
}
