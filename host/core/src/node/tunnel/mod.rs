//! The part for the tunnel between nodes: its device, the rules that choose a table by a packet's mark, and the routes
//! in those tables that lead to other nodes.
//!
//! Packets are marked by egressd's tables. A mark leads to a gateway's own table, in which one route sends into the
//! tunnel and another refuses; what has a mark of egressd's and no route is refused, and what has none passes by in one
//! rule. So a packet that is to leave by another node never leaves by this one, whatever of all this is missing.

mod change;
mod desired;
mod device;
mod diff;
mod remark;
mod route;
mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub use change::{TunnelChange, TunnelOperation};
pub use desired::{TunnelSettings, TunnelWays};
pub use device::{DeviceSetup, MtuLimits, TunnelDevice, TunnelKind, TunnelMaker, TunnelMtu};
pub use route::{RouteKind, RoutePlace, TunnelRoute, TunnelTable};
pub use rule::{PacketOrigin, RoutingRule, RuleAction, RuleMatch};

use super::Part;
use crate::effect::Effect;

/// The tunnel of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tunnel;

impl Tunnel {
    /// The name of its device.
    pub const DEVICE: &'static str = "egressd0";
    /// The address of the device, the same on all nodes, which has no other use: without one the kernel refuses IPv4
    /// packets that arrive by it, where it verifies sources (`rp_filter`).
    pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 69, 69);
    /// The number of the virtual network (VNI) in each of its packets.
    pub const NETWORK: u32 = 69;
    /// By which rules and routes are known as egressd's (`ip rule add ... protocol 69`).
    pub const PROTOCOL: u8 = 69;
}

/// What the kernel has of a tunnel, or is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelState {
    pub device: Option<TunnelDevice>,
    /// In the order in which they are added.
    pub rules: BTreeSet<RoutingRule>,
    pub routes: BTreeMap<RoutePlace, RouteKind>,
}

impl TunnelState {
    /// Takes in a change that was made.
    pub fn take(&mut self, change: &TunnelChange) {
        change.operations.iter().for_each(|operation| self.take_one(*operation));
    }

    fn take_one(&mut self, operation: TunnelOperation) {
        match operation {
            TunnelOperation::AddRule(rule) => drop(self.rules.insert(rule)),
            TunnelOperation::DeleteRule(rule) => drop(self.rules.remove(&rule)),
            TunnelOperation::AddRoute(route) | TunnelOperation::ReplaceRoute(route) => {
                self.routes.insert(route.place, route.kind);
            }
            TunnelOperation::DeleteRoute(place) => drop(self.routes.remove(&place)),
            TunnelOperation::CreateDevice(device) | TunnelOperation::SetDevice(device) => self.device = Some(device),
            TunnelOperation::DeleteDevice => {
                self.device = None;
                self.routes.retain(|_, kind| *kind == RouteKind::Unreachable);
            }
        }
    }

    /// How many things it is made of.
    pub fn objects(&self) -> usize {
        self.device.iter().len() + self.rules.len() + self.routes.len()
    }
}

impl Part for Tunnel {
    const NAME: &'static str = "tunnel";

    type State = TunnelState;
    type Change = TunnelChange;

    /// What refuses comes first and goes last. Between any two operations a packet goes as before or as desired, or is
    /// refused.
    fn diff(applied: &TunnelState, desired: &TunnelState) -> Vec<Effect<TunnelChange>> {
        diff::diff(applied, desired)
    }

    fn text(state: &TunnelState) -> String {
        let nothing = TunnelState::default();
        Self::diff(&nothing, state).iter().map(|effect| effect.change.to_string()).collect()
    }
}
