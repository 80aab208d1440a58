//! What a subject has to do with the tunnel between nodes: which of its addresses other nodes hold, and which of its pods
//! run there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::settle::NodeContext;
use super::{SubjectPlan, TunnelSettings};
use crate::finding::Finding;
use crate::model::{GatewayClaim, GatewayRefusal, SubjectView, TunnelEnd, TunnelIndex, gateway};
use crate::net::Family;

/// The tunnel as a node sees it whose own end is accepted. Of one whose end is not, no other node takes packets.
#[derive(Clone, Copy, Debug)]
pub struct TunnelContext<'a> {
    settings: &'a TunnelSettings,
    node: &'a str,
    own: &'a TunnelEnd,
    ends: &'a TunnelIndex,
}

/// What a subject adds to a node's part in the tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectTunnel {
    /// Its addresses that this node holds.
    pub held: BTreeSet<IpAddr>,
    /// Its addresses that another node holds and rules of this node have, and where packets to them go.
    pub gateways: BTreeMap<IpAddr, IpAddr>,
    /// The pods of other nodes that it translates here, and where answers to them go.
    pub homes: BTreeMap<IpAddr, IpAddr>,
    /// Those of them that are not known to be pods of its namespace.
    pub foreign: BTreeSet<IpAddr>,
}

impl TunnelSettings {
    /// The end of a node, where packets of this tunnel go.
    pub fn end<'a>(&self, ends: &'a TunnelIndex, node: &str) -> Option<&'a TunnelEnd> {
        ends.tunnel_end(node, self.kind).filter(|end| self.fits(end))
    }

    /// Whether an end is one of this tunnel.
    pub fn fits(&self, end: &TunnelEnd) -> bool {
        (end.kind(), end.port()) == (self.kind, self.port)
    }
}

impl<'a> TunnelContext<'a> {
    /// None while there is no tunnel, or this node has no part in it.
    pub fn of(settings: Option<&'a TunnelSettings>, node: &'a str, ends: &'a TunnelIndex) -> Option<Self> {
        let settings = settings?;
        Some(Self { settings, node, own: settings.end(ends, node)?, ends })
    }

    /// Where packets of a family go to another node: to its address of that family, or else of the other one, if both nodes
    /// have one.
    pub fn way_to(self, node: &str, family: Family) -> Option<IpAddr> {
        let end = self.settings.end(self.ends, node).filter(|_| node != self.node)?;
        let both = |family: Family| end.address(family).filter(|_| self.own.address(family).is_some());
        both(family).or_else(|| Family::ALL.into_iter().find_map(both))
    }

    /// What an annotation comes to about an address; none where there is none, or it names this node.
    fn gateway(self, view: &SubjectView, address: IpAddr) -> Option<Result<IpAddr, GatewayRefusal>> {
        let family = Family::of(address);
        let text = view.gateways.get(family).filter(|name| *name != self.node)?;
        Some(match gateway(text, address, self.settings.kind, self.ends)? {
            GatewayClaim::Refused(refusal) => Err(refusal),
            GatewayClaim::Accepted(accepted) => self
                .way_to(&accepted.node, family)
                .ok_or_else(|| GatewayRefusal::no_end(&accepted.node, family, self.settings.kind)),
        })
    }
}

impl NodeContext<'_> {
    /// Why no packets of this node get `address` as their source, if they do not: the same for what is planned and for what
    /// may stay.
    pub(super) fn why_not_owner(self, view: &SubjectView, address: IpAddr) -> Option<Finding> {
        let not_held = || self.ownership.why_not_owner(&view.subject, address);
        let not_reached = || not_held().filter(|_| self.way_to_holder(view, address).is_none());
        let taken = || self.sharing.why_not_owner(view.subject.key(), address);
        self.facts.refusal(address).or_else(not_reached).or_else(taken)
    }

    /// Where packets go that get an address from another node; none where this node holds it, or none is known to.
    pub fn way_to_holder(self, view: &SubjectView, address: IpAddr) -> Option<IpAddr> {
        self.gateway(view, address)?.ok()
    }

    /// The same, where this node does not hold the address.
    fn gateway(self, view: &SubjectView, address: IpAddr) -> Option<Result<IpAddr, GatewayRefusal>> {
        let is_away = |_: &Result<IpAddr, GatewayRefusal>| !self.ownership.holds(&view.subject, address);
        self.tunnel?.gateway(view, address).filter(is_away)
    }

    /// About an annotation that names a gateway for an address which is none.
    pub(super) fn refused_gateway(self, view: &SubjectView, address: IpAddr) -> Option<Finding> {
        self.gateway(view, address)?.err().map(|refusal| gateway_refused(&refusal))
    }
}

/// About a node that is named as a gateway and is none.
pub fn gateway_refused(refusal: &GatewayRefusal) -> Finding {
    let consequence = "pods of this node do not leave with the address";
    let remedy = "egressd on the node that holds it corrects the annotation; if it does not, remove it";
    Finding::warning("gateway-refused", format!("{refusal}: {consequence}; {remedy}"))
}

impl SubjectTunnel {
    /// What follows from a subject and from what is in force of it.
    pub fn of(here: NodeContext<'_>, view: &SubjectView, plan: Option<&SubjectPlan>) -> Self {
        let Some(tunnel) = here.tunnel else { return Self::default() };
        let addresses = view.subject.addresses.iter().copied();
        let holds =
            |address: &IpAddr| here.ownership.holds(&view.subject, *address) && here.facts.refusal(*address).is_none();
        let rules = || plan.into_iter().flat_map(|plan| &plan.rules);
        let used: BTreeSet<IpAddr> = rules().map(|rule| rule.address()).collect();
        let away = |address: IpAddr| Some((address, here.way_to_holder(view, address)?));
        let homes = homes(tunnel, view, plan);
        let foreign = plan.into_iter().flat_map(|plan| &plan.foreign).filter(|pod| homes.contains_key(pod));
        Self {
            held: addresses.filter(holds).collect(),
            gateways: used.into_iter().filter_map(away).collect(),
            foreign: foreign.copied().collect(),
            homes,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.gateways.is_empty() && self.homes.is_empty()
    }
}

fn homes(tunnel: TunnelContext<'_>, view: &SubjectView, plan: Option<&SubjectPlan>) -> BTreeMap<IpAddr, IpAddr> {
    if view.remote.is_empty() {
        return BTreeMap::new();
    }
    let sources: BTreeSet<IpAddr> = plan.into_iter().flat_map(SubjectPlan::sources).collect();
    let remote = view.subject.endpoints.iter().filter(|endpoint| view.remote.contains(&endpoint.address));
    let translated = remote.filter(|endpoint| sources.contains(&endpoint.address));
    let home = |pod: IpAddr, node: &str| Some((pod, tunnel.way_to(node, Family::of(pod))?));
    translated.filter_map(|endpoint| home(endpoint.address, endpoint.node.as_deref()?)).collect()
}
