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
    /// Those of the tunnel. They are behind the rule for the node's own addresses, and before those of most CNI plugins
    /// and VPNs.
    pub const PREFERENCES: RangeInclusive<u16> = 200..=399;
    /// The last of them, to which [`RuleAction::Goto`] leads.
    pub const END: u16 = 399;
}

impl RuleMatch {
    /// All packets.
    pub const ALL: Self = Self { mark: 0, mask: 0, origin: PacketOrigin::Any };

    /// Packets with this mark in the bits of the mask.
    pub fn marked(mark: u32, mask: u32) -> Self {
        Self { mark, mask, origin: PacketOrigin::Any }
    }
}
