//! The annotation by which the node that holds a Service's address says that it translates for pods of other nodes. It is
//! a claim: whoever may write Services may write it, so it counts only where the EgressNode of that node agrees.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Holding, Labels, TunnelEnd, TunnelIndex, TunnelKind};
use crate::net::{ByFamily, Family};
use crate::text::quoted;

/// The name of the annotation, for the Service's address of a family.
pub fn gateway_annotation(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "egressd.io/gateway",
        Family::Ipv6 => "egressd.io/gateway-ipv6",
    }
}

/// A node that translates for pods of others, and where it takes their packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its name.
    pub node: Arc<str>,
    pub end: TunnelEnd,
}

/// What an annotation comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayClaim {
    /// The node holds the address, and its tunnel end is accepted.
    Accepted(Gateway),
    /// Nothing is sent there.
    Refused(GatewayRefusal),
}

/// Why the node that an annotation names is no gateway for an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayRefusal {
    #[error("{annotation} names {node}, and there is no Node of this name")]
    NoNode { annotation: &'static str, node: String },
    #[error(
        "{annotation} names {node}, which has no accepted tunnel end of type {kind} (spec.tunnels of its EgressNode)"
    )]
    NoEnd { annotation: &'static str, node: String, kind: TunnelKind },
    #[error("{annotation} names {node}, which does not hold {address} (spec.held of its EgressNode)")]
    NotHeld { annotation: &'static str, node: String, address: IpAddr },
    #[error(
        "{annotation} names {node}, of which it is not known whether it holds {address}: spec.held of its EgressNode \
         cannot be read"
    )]
    HoldUnknown { annotation: &'static str, node: String, address: IpAddr },
}

/// What the annotations of a Service come to, for each family of which it has an address, among tunnels of a kind. A family
/// is left out where the annotation is missing or empty.
pub fn gateways(
    annotations: &Labels,
    addresses: &ByFamily<IpAddr>,
    kind: TunnelKind,
    tunnels: &TunnelIndex,
) -> ByFamily<GatewayClaim> {
    let claim = |(family, address): (Family, &IpAddr)| {
        let text = annotations.get(gateway_annotation(family))?;
        Some((family, gateway(text, *address, kind, tunnels)?))
    };
    addresses.iter().filter_map(claim).collect()
}

/// What one annotation comes to, about a Service's address; none where it is empty.
pub fn gateway(text: &str, address: IpAddr, kind: TunnelKind, tunnels: &TunnelIndex) -> Option<GatewayClaim> {
    let name = Some(text.trim_ascii()).filter(|name| !name.is_empty())?;
    let annotation = gateway_annotation(Family::of(address));
    let node = || quoted(name);
    if !tunnels.has_node(name) {
        return Some(GatewayClaim::Refused(GatewayRefusal::NoNode { annotation, node: node() }));
    }
    let Some(end) = tunnels.tunnel_end(name, kind) else {
        return Some(GatewayClaim::Refused(GatewayRefusal::NoEnd { annotation, node: node(), kind }));
    };
    Some(match tunnels.holds(name, address) {
        Holding::Holds => GatewayClaim::Accepted(Gateway { node: Arc::from(name), end: end.clone() }),
        Holding::HoldsNot => GatewayClaim::Refused(GatewayRefusal::NotHeld { annotation, node: node(), address }),
        Holding::Unknown => GatewayClaim::Refused(GatewayRefusal::HoldUnknown { annotation, node: node(), address }),
    })
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
