//! Changes of a tunnel, as `ip` takes them.

use std::fmt::{self, Display, Formatter};

use super::{
    PacketOrigin, RouteKind, RoutePlace, RoutingRule, RuleAction, Tunnel, TunnelDevice, TunnelKind, TunnelRoute,
};
use crate::net::Family;

/// Operations of one kind. For the kernel each is a step of its own, and none of a change leans on another one of it but
/// on those of the device; a refused one leaves what the next reading has to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelChange {
    /// In the order in which they are carried out.
    pub operations: Vec<TunnelOperation>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelOperation {
    AddRule(RoutingRule),
    DeleteRule(RoutingRule),
    AddRoute(TunnelRoute),
    /// What is at its place goes and this comes, and no packet finds neither.
    ReplaceRoute(TunnelRoute),
    DeleteRoute(RoutePlace),
    /// Makes it with all that it needs.
    CreateDevice(TunnelDevice),
    /// Gives the device that is there its MTU, and all that it needs.
    SetDevice(TunnelDevice),
    /// Deletes it, and with it all routes that lead over it.
    DeleteDevice,
}

impl Display for TunnelChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.operations.iter().try_for_each(|operation| writeln!(f, "{operation}"))
    }
}

impl Display for TunnelOperation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddRule(rule) => write!(f, "ip {}rule add {rule}", option(rule.family)),
            Self::DeleteRule(rule) => write!(f, "ip {}rule del {rule}", option(rule.family)),
            Self::AddRoute(route) => write!(f, "ip {}route add {route}", option(route.place.family())),
            Self::ReplaceRoute(route) => write!(f, "ip {}route replace {route}", option(route.place.family())),
            Self::DeleteRoute(place) => write!(f, "ip {}route del {place}", option(place.family())),
            Self::CreateDevice(device) => write!(f, "{}\n{}", Creation(*device), Setting(*device)),
            Self::SetDevice(device) => Setting(*device).fmt(f),
            Self::DeleteDevice => write!(f, "ip link del {}", Tunnel::DEVICE),
        }
    }
}

fn option(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "",
        Family::Ipv6 => "-6 ",
    }
}

impl Display for RoutingRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "pref {} protocol {}", self.preference, Tunnel::PROTOCOL)?;
        match self.packets.origin {
            PacketOrigin::Any => {}
            PacketOrigin::Tunnel => write!(f, " iif {} tun_id {}", Tunnel::DEVICE, Tunnel::NETWORK)?,
        }
        if self.packets.mask != 0 {
            write!(f, " fwmark {:#x}/{:#x}", self.packets.mark, self.packets.mask)?;
        }
        match self.action {
            RuleAction::Nop => f.write_str(" nop"),
            RuleAction::Goto => write!(f, " goto {}", Self::END),
            RuleAction::Unreachable => f.write_str(" unreachable"),
            RuleAction::Lookup(table) => write!(f, " lookup {}", table.number()),
        }
    }
}

impl Display for RoutePlace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.destination.prefix_len() == 0 {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.destination)?;
        }
        write!(f, " table {} metric {}", self.table.number(), self.metric)
    }
}

impl Display for TunnelRoute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let protocol = Tunnel::PROTOCOL;
        match self.kind {
            RouteKind::Unreachable => write!(f, "unreachable {} protocol {protocol}", self.place),
            RouteKind::Encapsulated { to, id } => {
                // Over IPv6 the other end drops packets without a UDP checksum, which is left out by default.
                let (outer, checksum) = if to.is_ipv4() { ("ip", "") } else { ("ip6", " csum") };
                let way = format!("encap {outer} id {id} dst {to}{checksum} dev {}", Tunnel::DEVICE);
                write!(f, "{} protocol {protocol} {way}", self.place)
            }
        }
    }
}

struct Creation(TunnelDevice);

impl Display for Creation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.0.kind {
            TunnelKind::VxlanGpe => "vxlan external gpe",
            TunnelKind::Vxlan => "vxlan external",
        };
        write!(f, "ip link add {} group {} type {kind} dstport {}", Tunnel::DEVICE, self.0.maker.group(), self.0.port)
    }
}

/// It is up when all else is there.
struct Setting(TunnelDevice);

impl Display for Setting {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let device = Tunnel::DEVICE;
        let conf = format!("net.ipv4.conf.{device}");
        writeln!(f, "sysctl -qw {conf}.rp_filter=2 {conf}.src_valid_mark=1")?;
        writeln!(f, "ip addr replace {}/32 dev {device} scope link noprefixroute", Tunnel::ADDRESS)?;
        write!(f, "ip link set {device} mtu {} up", self.0.mtu)
    }
}
