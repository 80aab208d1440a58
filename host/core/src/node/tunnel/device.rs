//! The device of the tunnel.

use std::num::NonZeroU16;

/// A VXLAN device that takes the other end from the route of each packet (`external`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelDevice {
    pub kind: TunnelKind,
    /// The UDP port on which the other nodes listen, and this one.
    pub port: NonZeroU16,
    /// In bytes. One that was read may be any; [`TunnelMtu`] is for what is desired.
    pub mtu: u32,
    pub setup: DeviceSetup,
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

/// How long a packet in the tunnel may be, in bytes: 1280 to 65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelMtu(u16);

impl TunnelMtu {
    /// The smallest: with less the kernel removes IPv6 from a device, and all IPv6 routes that lead over it.
    pub const MIN: u16 = 1280;

    /// None when IPv6 would not work with it.
    pub fn new(bytes: u16) -> Option<Self> {
        (bytes >= Self::MIN).then_some(Self(bytes))
    }

    pub fn bytes(self) -> u16 {
        self.0
    }
}
