//! What messages of netfilter are read with.

use super::wire::FAMILY_HEADER;
pub(super) use crate::kernel::netlink::{Attributes, Message, Messages, array, text};

impl<'a> Message<'a> {
    /// What follows `struct nfgenmsg`.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        self.attributes_behind(FAMILY_HEADER).unwrap_or_default()
    }

    /// `nfgen_family`.
    pub(super) fn protocol(&self) -> u8 {
        self.payload().first().copied().unwrap_or_default()
    }
}

impl Attributes<'_> {
    /// A number in network order, as nf_tables has all its numbers.
    pub(super) fn number(self, kind: u16) -> Option<u32> {
        self.get(kind).and_then(number)
    }
}

/// A number in network order.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}
