//! Writes netlink messages: headers, attributes, nests.
//!
//! It knows the framing and never what a message means. An attribute that does not fit its 16-bit length does
//! not panic and is not cut: the writer remembers, and [`Writer::finish`] refuses.

use egressd_core::ruleset::TableFamily;
use rustables::sys;

use super::error::Error;

/// `struct nlmsghdr` and `struct nfgenmsg` before the attributes of every message.
pub(super) const HEADER: usize = 20;

/// `struct nlattr` before the value of every attribute.
pub(super) const ATTRIBUTE_HEADER: usize = 4;

/// What a message asks for (`NLM_F_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(pub(super) u16);

impl Flags {
    /// Change or look up one thing.
    pub(super) const REQUEST: Self = Self(sys::NLM_F_REQUEST as u16);
    /// Look up all things of a kind.
    pub(super) const DUMP: Self = Self((sys::NLM_F_REQUEST | sys::NLM_F_DUMP) as u16);
    /// Create, or change what is there.
    pub(super) const UPDATE: Self = Self((sys::NLM_F_REQUEST | sys::NLM_F_CREATE) as u16);
    /// Create, and fail when it is there: what we believe about the kernel must be so.
    pub(super) const CREATE: Self = Self((sys::NLM_F_REQUEST | sys::NLM_F_CREATE | sys::NLM_F_EXCL) as u16);
    /// Create at the end of a list. Rules have no names, so there is nothing to be exclusive about.
    pub(super) const APPEND: Self = Self((sys::NLM_F_REQUEST | sys::NLM_F_CREATE | sys::NLM_F_APPEND) as u16);
}

/// The first fields of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// `nlmsg_type`, the subsystem in its high byte.
    pub(super) kind: u16,
    /// `nlmsg_flags`.
    pub(super) flags: Flags,
    /// `nlmsg_seq`.
    pub(super) sequence: u32,
    /// `nfgen_family`.
    pub(super) protocol: u8,
    /// `res_id`.
    pub(super) resource: u16,
}

impl Header {
    /// A message of nf_tables (`NFT_MSG_*`) about a family.
    pub(super) fn nftables(message: u32, flags: Flags, family: Option<TableFamily>) -> Self {
        let kind = ((sys::NFNL_SUBSYS_NFTABLES << 8) | message) as u16;
        Self { kind, flags, sequence: 0, protocol: family.map_or(libc::NFPROTO_UNSPEC as u8, protocol), resource: 0 }
    }

    /// The begin or end of a batch (`NFNL_MSG_BATCH_*`).
    pub(super) fn envelope(message: u32) -> Self {
        let (kind, resource) = (message as u16, sys::NFNL_SUBSYS_NFTABLES as u16);
        Self { kind, flags: Flags::REQUEST, sequence: 0, protocol: libc::NFPROTO_UNSPEC as u8, resource }
    }
}

/// The number of a family (`NFPROTO_*`).
pub(super) fn protocol(family: TableFamily) -> u8 {
    match family {
        TableFamily::Ip => libc::NFPROTO_IPV4 as u8,
        TableFamily::Ip6 => libc::NFPROTO_IPV6 as u8,
        TableFamily::Inet => libc::NFPROTO_INET as u8,
        TableFamily::Arp => libc::NFPROTO_ARP as u8,
        TableFamily::Netdev => libc::NFPROTO_NETDEV as u8,
    }
}

/// Netlink bytes in the making.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    overflow: bool,
}

impl Writer {
    /// How long it is so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// One message.
    pub(super) fn message(&mut self, header: Header, attributes: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&header.kind.to_ne_bytes());
        self.bytes.extend_from_slice(&header.flags.0.to_ne_bytes());
        self.bytes.extend_from_slice(&header.sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]); // The kernel fills in who sent it.
        self.bytes.extend_from_slice(&[header.protocol, sys::NFNETLINK_V0 as u8]);
        self.bytes.extend_from_slice(&header.resource.to_be_bytes());
        attributes(self);
        match u32::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.overflow = true,
        }
    }

    /// An attribute with attributes in it.
    pub(super) fn nest(&mut self, kind: u16, attributes: impl FnOnce(&mut Self)) {
        let start = self.open(kind | sys::NLA_F_NESTED as u16);
        attributes(self);
        self.close(start);
    }

    /// An attribute of bytes.
    pub(super) fn bytes(&mut self, kind: u16, value: &[u8]) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value);
        self.close(start);
    }

    /// A number in network order, as nf_tables has all its numbers.
    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// A name, with its final NUL.
    pub(super) fn text(&mut self, kind: u16, value: &str) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.close(start);
    }

    /// Bytes that somebody else has framed.
    pub(super) fn raw(&mut self, framed: &[u8]) {
        self.bytes.extend_from_slice(framed);
        self.pad();
    }

    /// The bytes.
    ///
    /// # Errors
    /// When something was longer than its length field can say.
    pub(super) fn finish(self) -> Result<Vec<u8>, Error> {
        if self.overflow { Err(Error::TooLong) } else { Ok(self.bytes) }
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    /// The length covers the header and not the padding.
    fn close(&mut self, start: usize) {
        match u16::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.overflow = true,
        }
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(sys::NLMSG_ALIGNTO as usize), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_padded_but_its_length_is_not() {
        let mut writer = Writer::default();
        writer.text(3, "abcd");
        assert_eq!(writer.finish().ok(), Some([&9u16.to_ne_bytes()[..], &[3, 0], b"abcd\0\0\0\0"].concat()));
    }

    #[test]
    fn a_nest_longer_than_its_length_field_is_refused() {
        let mut writer = Writer::default();
        writer.nest(1, |w| (0..600).for_each(|_| w.bytes(1, &[0; 128])));
        assert!(matches!(writer.finish(), Err(Error::TooLong)));
    }
}
