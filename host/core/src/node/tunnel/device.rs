//! The device of the tunnel.

use std::num::NonZeroU16;

use crate::net::Family;
use crate::node::maker::fingerprint;
use crate::ruleset::TableNames;

/// A VXLAN device that takes the other end from the route of each packet (`external`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelDevice {
    pub kind: TunnelKind,
    /// The UDP port on which the other nodes listen, and this one.
    pub port: NonZeroU16,
    /// In bytes. One that was read may be any; [`TunnelMtu`] is for what is desired.
    pub mtu: u32,
    pub setup: DeviceSetup,
    pub maker: TunnelMaker,
}

/// Which egressd of several on a node made the device. There is one tunnel in a network namespace, and rules and routes
/// belong to the egressd whose device is there. The kernel keeps no maker of a device, so it is a part of the number of the
/// group of interfaces that the device is in from its creation on (`ip link show group NUMBER`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelMaker(u16);

impl TunnelMaker {
    /// Where the groups of egressd's devices begin, for all makers: "EG" and a number of 16 bits.
    const GROUPS: u32 = 0x4547_0000;

    /// The egressd with these tables.
    pub fn of(tables: &TableNames) -> Self {
        Self(fingerprint(tables))
    }

    /// The group that its device is in.
    pub fn group(self) -> u32 {
        Self::GROUPS | u32::from(self.0)
    }

    /// Who made a device in this group; none when no egressd did.
    pub fn by(group: u32) -> Option<Self> {
        u16::try_from(group ^ Self::GROUPS).ok().map(Self)
    }
}

/// What its packets carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelKind {
    /// IP packets, without addresses of Ethernet (VXLAN-GPE).
    VxlanGpe,
    /// Ethernet frames. Routes of this part alone do not carry packets over it: each gateway's Ethernet address has to
    /// be known as well.
    Vxlan,
}

/// Whether a device has all that packets need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceSetup {
    /// It is up, has its IPv4 address, accepts sources that are not reached through it (`rp_filter` 2), and looks for
    /// them with the packet's mark (`src_valid_mark` 1).
    Complete,
    /// Some of that is missing.
    Incomplete,
}

/// How long a packet in the tunnel may be, in bytes: 1280 to 65,535. It is made from what is known of the node
/// ([`MtuLimits`]), so none is longer than what the node's interfaces and its pods take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelMtu(u16);

/// What bounds the packets in a tunnel. All are lengths of IP packets in bytes, as interfaces have them (`ip link`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MtuLimits {
    /// The smallest MTU of this node's interfaces that lead to the ends of the tunnel.
    pub uplink: u32,
    /// The family of those ends; IPv6 where there is one of each.
    pub outer: Family,
    /// The MTU of the pods' interfaces; none where it is not known. A longer packet is to be refused by the gateway: the
    /// message of the pod's own node about it would not reach the sender.
    pub pods: Option<u32>,
}

impl TunnelMtu {
    /// The smallest: with less the kernel removes IPv6 from a device, and all IPv6 routes that lead over it.
    pub const MIN: u16 = 1280;

    /// The greatest that all limits allow, for packets of this kind; none when IPv6 would not work with it.
    pub fn within(limits: MtuLimits, kind: TunnelKind) -> Option<Self> {
        let MtuLimits { uplink, outer, pods } = limits;
        let inner = uplink.checked_sub(kind.overhead(outer))?;
        let bytes = pods.map_or(inner, |pods| pods.min(inner)).min(u16::MAX.into());
        u16::try_from(bytes).ok().filter(|bytes| *bytes >= Self::MIN).map(Self)
    }

    /// In bytes.
    pub fn bytes(self) -> u16 {
        self.0
    }
}

impl TunnelKind {
    /// How much longer a packet is outside of the tunnel than in it, in bytes: the headers of IP, UDP and VXLAN, and of
    /// Ethernet where it carries frames.
    pub fn overhead(self, outer: Family) -> u32 {
        let ip = match outer {
            Family::Ipv4 => 20,
            Family::Ipv6 => 40,
        };
        let frame = match self {
            Self::VxlanGpe => 0,
            Self::Vxlan => 14,
        };
        ip + UDP + VXLAN + frame
    }
}

/// The lengths of these headers, in bytes.
const UDP: u32 = 8;
const VXLAN: u32 = 8;
