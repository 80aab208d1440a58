//! A kernel's tunnel in memory: its device, rules and routes.

use std::net::IpAddr;

use super::Refused;
use crate::net::Family;
use crate::node::{
    Adapter, Certainty, Foreign, PacketOrigin, Readback, RouteKind, RoutingRule, RuleAction, Tunnel, TunnelChange,
    TunnelMaker, TunnelOperation, TunnelRoute, TunnelState,
};

/// What holds a tunnel, and refuses what the kernel refuses. As the kernel does, it goes on with a change after an
/// operation that it refused.
#[derive(Clone, Debug)]
pub struct FakeTunnel {
    pub state: TunnelState,
    /// What other programs have in egressd's tables and among its rules, as a message names it.
    pub foreign: Vec<String>,
    /// How many rules and routes there is memory for.
    pub room: usize,
    /// How many changes it was given.
    pub changes: usize,
    /// How often it was read.
    pub reads: usize,
}

impl Default for FakeTunnel {
    fn default() -> Self {
        Self::left(TunnelState::default())
    }
}

/// What rules look at of a packet, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedPacket {
    pub mark: u32,
    pub origin: PacketOrigin,
    pub destination: IpAddr,
}

/// Where a packet is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// By the node's other routes.
    Ordinarily,
    /// Into the tunnel, to the node with this address.
    Tunnelled(IpAddr),
    Refused,
}

impl FakeTunnel {
    /// As a process left it.
    pub fn left(state: TunnelState) -> Self {
        Self { state, foreign: Vec::new(), room: usize::MAX, changes: 0, reads: 0 }
    }

    /// Where a packet goes.
    pub fn route(&self, packet: MarkedPacket) -> Routed {
        let family = Family::of(packet.destination);
        let mut rules: Vec<&RoutingRule> = self.state.rules.iter().filter(|rule| rule.family == family).collect();
        rules.sort_by_key(|rule| rule.preference);
        let end = rules.iter().any(|rule| rule.action == RuleAction::Nop);
        for rule in rules.into_iter().filter(|rule| matches(rule, packet)) {
            match rule.action {
                RuleAction::Unreachable => return Routed::Refused,
                RuleAction::Goto if end => return Routed::Ordinarily,
                RuleAction::Lookup(_) => {
                    if let Some(found) = self.look_up(rule, packet.destination) {
                        return found;
                    }
                }
                // The kernel passes over a rule that leads to none.
                RuleAction::Goto | RuleAction::Nop => {}
            }
        }
        Routed::Ordinarily
    }

    fn look_up(&self, rule: &RoutingRule, destination: IpAddr) -> Option<Routed> {
        let here = self.state.routes.iter().filter(|(place, _)| rule.action == RuleAction::Lookup(place.table));
        let matching = here.filter(|(place, _)| place.destination.contains(&destination));
        let best = matching
            .min_by_key(|(place, _)| (u8::MAX - place.destination.prefix_len(), place.metric))
            .map(|(_, kind)| kind);
        best.map(|kind| match kind {
            RouteKind::Unreachable => Routed::Refused,
            RouteKind::Encapsulated { to, .. } => Routed::Tunnelled(*to),
        })
    }

    fn is_full(&self) -> bool {
        self.state.rules.len() + self.state.routes.len() >= self.room
    }

    fn change(&mut self, operation: TunnelOperation) -> Result<(), &'static str> {
        let state = &self.state;
        match operation {
            TunnelOperation::AddRule(rule) if state.rules.contains(&rule) => Err("File exists"),
            TunnelOperation::AddRoute(route) if state.routes.contains_key(&route.place) => Err("File exists"),
            TunnelOperation::AddRoute(route) | TunnelOperation::ReplaceRoute(route) if !self.can_lead(route) => {
                Err("No such device")
            }
            TunnelOperation::AddRule(_) | TunnelOperation::AddRoute(_) | TunnelOperation::ReplaceRoute(_)
                if self.is_full() =>
            {
                Err("Cannot allocate memory")
            }
            TunnelOperation::AddRule(rule) => {
                self.state.rules.insert(rule);
                Ok(())
            }
            TunnelOperation::AddRoute(route) | TunnelOperation::ReplaceRoute(route) => {
                self.state.routes.insert(route.place, route.kind);
                Ok(())
            }
            TunnelOperation::DeleteRule(rule) => {
                self.state.rules.remove(&rule).then_some(()).ok_or("No such file or directory")
            }
            TunnelOperation::DeleteRoute(place) => self.state.routes.remove(&place).map(drop).ok_or("No such process"),
            TunnelOperation::CreateDevice(_) | TunnelOperation::SetDevice(_) | TunnelOperation::DeleteDevice => {
                self.change_device(operation)
            }
        }
    }

    fn can_lead(&self, route: TunnelRoute) -> bool {
        route.kind == RouteKind::Unreachable || self.state.device.is_some()
    }

    /// Only operations on the device.
    fn change_device(&mut self, operation: TunnelOperation) -> Result<(), &'static str> {
        let device = &mut self.state.device;
        match (operation, *device) {
            (TunnelOperation::CreateDevice(_), Some(_)) => Err("File exists"),
            (TunnelOperation::CreateDevice(new), None) => {
                *device = Some(new);
                Ok(())
            }
            (TunnelOperation::SetDevice(new), Some(old)) if new.kind == old.kind && new.port == old.port => {
                *device = Some(new);
                Ok(())
            }
            (TunnelOperation::SetDevice(_), Some(_)) => Err("Operation not supported"),
            (TunnelOperation::DeleteDevice, Some(_)) => {
                *device = None;
                self.state.routes.retain(|_, kind| *kind == RouteKind::Unreachable);
                Ok(())
            }
            (_, None) => Err("No such device"),
            (_, Some(_)) => Err("Invalid argument"),
        }
    }
}

fn matches(rule: &RoutingRule, packet: MarkedPacket) -> bool {
    let comes = rule.packets.origin == PacketOrigin::Any || rule.packets.origin == packet.origin;
    comes && packet.mark & rule.packets.mask == rule.packets.mark
}

/// Rules and routes are known by their number, so there is nothing to adopt.
impl Adapter for FakeTunnel {
    type Part = Tunnel;
    type OwnObjects = TunnelMaker;
    type Error = Refused;

    fn adopt(&mut self, _: &TunnelMaker) -> Result<(), Refused> {
        Ok(())
    }

    fn read(&mut self, _: &TunnelMaker) -> Result<Readback<Tunnel>, Refused> {
        self.reads += 1;
        let foreign = self.foreign.iter().map(|what| Foreign { what: what.clone(), removal: None }).collect();
        Ok(Readback { state: self.state.clone(), foreign, certainty: Certainty::Settled })
    }

    fn commit(&mut self, change: &TunnelChange) -> Result<(), Refused> {
        self.changes += 1;
        let results = change.operations.iter().map(|operation| (*operation, self.change(*operation)));
        let all: Vec<_> = results.collect();
        let refused = |operation: TunnelOperation, why| Refused { change: operation.to_string(), why };
        all.into_iter().try_for_each(|(operation, result)| result.map_err(|why| refused(operation, why)))
    }
}
