//! How netfilter frames its messages: a header of its own before the attributes, and numbers in network order.

use egressd_core::ruleset::TableFamily;
use rustables::sys;

use super::error::Error;
use crate::kernel::netlink;
pub(super) use crate::kernel::netlink::{ATTRIBUTE_HEADER, Flags, Writer};

/// `struct nfgenmsg`.
pub(super) const FAMILY_HEADER: usize = 4;

/// `struct nlmsghdr` and `struct nfgenmsg` before the attributes of every message.
pub(super) const HEADER: usize = netlink::MESSAGE_HEADER + FAMILY_HEADER;

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

    /// What every netlink message begins with.
    pub(super) fn common(self) -> netlink::Header {
        netlink::Header { kind: self.kind, flags: self.flags, sequence: self.sequence }
    }

    /// `struct nfgenmsg`.
    pub(super) fn fixed(self) -> [u8; FAMILY_HEADER] {
        let [high, low] = self.resource.to_be_bytes();
        [self.protocol, sys::NFNETLINK_V0 as u8, high, low]
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

/// What messages of nf_tables are written with.
impl Writer {
    pub(super) fn message(&mut self, header: Header, attributes: impl FnOnce(&mut Self)) {
        self.frame(header.common(), &header.fixed(), attributes);
    }

    /// A number in network order, as nf_tables has all its numbers.
    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// The bytes.
    ///
    /// # Errors
    /// When something was longer than its length field can say.
    pub(super) fn finish(self) -> Result<Vec<u8>, Error> {
        self.framed().map_err(|netlink::TooLong| Error::TooLong)
    }
}
