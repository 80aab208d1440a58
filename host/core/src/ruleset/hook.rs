//! Hooks of base chains: the packets that they see, and their order.

use std::collections::BTreeSet;

use super::{Interface, TableFamily};

/// `type nat hook postrouting priority ...; policy accept`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// What its rules may do.
    pub kind: ChainKind,
    /// Which packets it sees.
    pub point: Point,
    /// Chains with smaller ones run first; `srcnat` is 100.
    pub priority: i32,
    /// What becomes of a packet that no rule ended.
    pub policy: Policy,
    /// Of which devices, where it is a chain of devices ([`Point::Ingress`], [`Point::Egress`]).
    pub devices: BTreeSet<Interface>,
}

/// What the rules of a base chain may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// `filter`: anything but translate.
    Filter,
    /// `nat`: translate; it sees the first packet of a connection only.
    Nat,
    /// `route`: the packet is routed again when its mark or addresses changed.
    Route,
}

/// A place in a packet's way through the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// As it comes from a device, before anything else.
    Ingress,
    /// Before it is routed.
    Prerouting,
    /// On its way to a process of the node.
    Input,
    /// From one device to another.
    Forward,
    /// From a process of the node.
    Output,
    /// Before it leaves, whoever sent it.
    Postrouting,
    /// As it goes to a device, after anything else.
    Egress,
}

/// What becomes of a packet that no rule of a base chain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// `accept`.
    Accept,
    /// `drop`.
    Drop,
}

impl Hook {
    /// `type nat hook postrouting priority ...; policy accept`.
    pub fn source_nat(priority: i32) -> Self {
        Self { kind: ChainKind::Nat, ..Self::filter(Point::Postrouting, priority) }
    }

    /// `type filter hook ... priority ...; policy accept`.
    pub fn filter(point: Point, priority: i32) -> Self {
        Self { kind: ChainKind::Filter, point, priority, policy: Policy::Accept, devices: BTreeSet::new() }
    }

    /// The same for one device.
    #[must_use]
    pub fn of_device(mut self, device: Interface) -> Self {
        self.devices.insert(device);
        self
    }

    /// Whether it translates sources.
    pub fn is_source_nat(&self) -> bool {
        (self.kind, self.point) == (ChainKind::Nat, Point::Postrouting)
    }

    /// Whether a table of this family can have it.
    pub fn is_of(&self, family: TableFamily) -> bool {
        let of_devices = matches!(self.point, Point::Ingress | Point::Egress);
        let kind = match self.kind {
            ChainKind::Filter => true,
            ChainKind::Nat => !matches!(self.point, Point::Ingress | Point::Egress | Point::Forward),
            ChainKind::Route => self.point == Point::Output,
        };
        let only_filter = !matches!(family, TableFamily::Arp | TableFamily::Netdev) || self.kind == ChainKind::Filter;
        self.point.is_of(family) && kind && only_filter && of_devices != self.devices.is_empty()
    }
}

impl ChainKind {
    pub const ALL: [Self; 3] = [Self::Filter, Self::Nat, Self::Route];

    pub fn keyword(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        }
    }
}

impl Point {
    /// All, in the order in which a packet meets them.
    pub const ALL: [Self; 7] =
        [Self::Ingress, Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting, Self::Egress];

    pub fn keyword(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
            Self::Egress => "egress",
        }
    }

    /// Whether tables of this family have chains there.
    pub fn is_of(self, family: TableFamily) -> bool {
        match family {
            TableFamily::Ip | TableFamily::Ip6 => !matches!(self, Self::Ingress | Self::Egress),
            TableFamily::Inet => self != Self::Egress,
            TableFamily::Arp => matches!(self, Self::Input | Self::Output),
            TableFamily::Netdev => matches!(self, Self::Ingress | Self::Egress),
        }
    }
}

impl Policy {
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        }
    }
}
