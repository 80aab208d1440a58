//! The rules that choose a table by a packet's mark.

use std::ops::RangeInclusive;

use super::TunnelTable;
use crate::net::Family;

/// A rule of policy routing. In their order those that others lean on come first: they are added in it, and deleted in
/// reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingRule {
    pub action: RuleAction,
    pub family: Family,
    /// The kernel looks at the smallest first.
    pub preference: u16,
    pub packets: RuleMatch,
}

/// What becomes of packets that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleAction {
    /// Nothing: where [`Self::Goto`] leads.
    Nop,
    /// They go on behind all rules of the tunnel, which is [`RoutingRule::END`].
    Goto,
    /// They are refused, and the sender learns of it.
    Unreachable,
    /// They are routed by this table, or go on where it has no route.
    Lookup(TunnelTable),
}

/// The packets of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleMatch {
    /// What the bits of `mask` have to be.
    pub mark: u32,
    /// 0: any mark.
    pub mask: u32,
    pub origin: PacketOrigin,
}

/// Where packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketOrigin {
    Any,
    /// Out of the tunnel: from its device and with its number. The device alone is not enough, since the kernel asks for
    /// the way back of a packet that goes *into* the tunnel as if it had come from there.
    Tunnel,
}

impl RoutingRule {
    /// Where the preferences of the tunnel's rules begin. They are behind the rule for the node's own addresses, and
    /// where no program is known to have any: a packet without a mark passes by whatever else is among them. Those
    /// known are Cilium (1 to 111), Calico (99), NetBird (105, 110), strongSwan (220), AWS (512, 1024, 1536), OVN-Kubernetes
    /// (3000 to 6000), Tailscale (5210 to 5270), and wg-quick and Mullvad (32764, 32765).
    pub const FIRST: u16 = 300;
    /// All of them.
    pub const PREFERENCES: RangeInclusive<u16> = Self::FIRST..=Self::END;
    /// The last of them, to which [`RuleAction::Goto`] leads.
    pub const END: u16 = Self::FIRST + 199;
}

impl RuleMatch {
    /// All packets.
    pub const ALL: Self = Self { mark: 0, mask: 0, origin: PacketOrigin::Any };

    /// Packets with this mark in the bits of the mask.
    pub fn marked(mark: u32, mask: u32) -> Self {
        Self { mark, mask, origin: PacketOrigin::Any }
    }
}
