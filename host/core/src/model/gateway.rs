//! The annotation by which the node that holds a Service's address says that it translates for pods of other nodes. It is
//! a claim: whoever may write Services may write it, so it counts only where the EgressNode of that node agrees.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Holding, Labels, TunnelEnd, TunnelIndex, TunnelKind};
use crate::net::{ByFamily, Family};
use crate::text::{cut, quoted};

/// How much of an annotation is kept: more than any node's name has, so that what is longer stays another one.
const MAX_KEPT_LENGTH: usize = 256;

/// The name of the annotation, for the Service's address of a family.
pub fn gateway_annotation(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "egressd.io/gateway",
        Family::Ipv6 => "egressd.io/gateway-ipv6",
    }
}

/// Whether an annotation has one of these names.
pub(super) fn is_gateway_annotation(name: &str) -> bool {
    Family::ALL.into_iter().any(|family| gateway_annotation(family) == name)
}

/// What the annotations of an object say about gateways. Nearly all objects have none, and then it takes one pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayTexts(Option<Box<ByFamily<Box<str>>>>);

impl GatewayTexts {
    /// Those that are there, without blanks around them; an empty one says nothing.
    pub fn on(annotations: &Labels) -> Self {
        let on = |family: Family| {
            let text = annotations.get(gateway_annotation(family))?.trim_ascii();
            let mut kept = text[..text.floor_char_boundary(2 * MAX_KEPT_LENGTH)].to_owned();
            cut(&mut kept, MAX_KEPT_LENGTH);
            (!kept.is_empty()).then(|| (family, kept.into_boxed_str()))
        };
        let texts: ByFamily<Box<str>> = Family::ALL.into_iter().filter_map(on).collect();
        Self((!texts.is_empty()).then(|| Box::new(texts)))
    }

    /// The text about the address of a family.
    pub fn get(&self, family: Family) -> Option<&str> {
        self.0.as_ref()?.get(family).map(|text| &**text)
    }

    /// All texts, IPv4 first.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|texts| texts.values()).map(|text| &**text)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
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

impl GatewayRefusal {
    /// That a node has no end of a kind.
    pub fn no_end(node: &str, family: Family, kind: TunnelKind) -> Self {
        Self::NoEnd { annotation: gateway_annotation(family), node: quoted(node), kind }
    }
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
        return Some(GatewayClaim::Refused(GatewayRefusal::no_end(name, Family::of(address), kind)));
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
