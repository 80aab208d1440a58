//! The holder of each address of a Service, for the whole cluster: claims of load balancers, `vipHost` and the
//! interfaces of this node, combined into one answer that is the same on all nodes.
//!
//! # Which claim decides (`--owner auto`)
//!
//! The first line that names a node:
//!
//! 1. Something that cannot be read and may be about any Service: a ServiceL2Status without a legible Service, a
//!    manifest that names such a kind. It names an unknown node.
//! 2. The Lease of the Service: Cilium's or kube-vip's. Of two the one that was acquired later.
//! 3. MetalLB's ServiceL2Status of the Service. Of several the one that was created last.
//! 4. kube-vip's Lease for all Services, where the Service has `vipHost`.
//! 5. `vipHost`.
//! 6. This node's interfaces.
//!
//! Cilium's Lease is called as that of another Service may be. Where it may be of several that are there, it counts for
//! none of them, and comes after line 4: unless a load balancer says more, it is unknown which node holds the
//! addresses.
//!
//! Of equal times the node that is first by name decides, so that all nodes choose the same. A Lease that was released
//! or has ended names no node, and the next line decides. A claim that cannot be read names an unknown node: nothing is
//! translated until it can, since unknown is not absent.
//!
//! MetalLB and Cilium answer for addresses that are on no interface, so the node that they name translates as it is.
//! kube-vip puts them on an interface, so the node that it names translates once the address is there.

mod claim;
mod concerned;
mod decide;
mod holding;
mod lease;
mod seen;
mod sentences;

use std::net::IpAddr;
use std::sync::Arc;

pub use claim::{Claimant, cilium_lease, kube_vip_lease, services_lease};
pub use concerned::is_of_a_load_balancer;
pub(crate) use concerned::{ClaimChanges, CommonChanges};
pub use holding::{AddressHolder, Certainty};
pub use lease::{CLOCKS_DIFFER, LeaseRecord, Moment, ObservedLease, RENEWAL_GRACE, RENEWED_AT_LEAST};
pub(crate) use seen::PlacementInput;

use crate::finding::Finding;
use crate::model::{AnnotationPrefix, Service, Snapshot, Subject};
use crate::owner::{AddressState, HolderCount, LocalAddresses, Owner};
use claim::{Claim, VIP_HOST};
use decide::{ClaimDecision, decide};

/// One node's view of who holds addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct AddressOwnership {
    owner: Owner,
    node: String,
    prefix: AnnotationPrefix,
    held: LocalAddresses,
    seen: PlacementInput,
}

/// Why this node does not translate to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NotOwner<'a> {
    /// A claim names another node.
    OtherNode(Claim<'a>),
    /// A claim cannot be read, or may be about another Service.
    Unknown(Claim<'a>),
    /// `vipHost` names none, and it alone decides.
    NoNode,
    /// It is on no interface; with the claim that would do without one, had it not ended.
    Absent(Option<Claim<'a>>),
    /// It is on an interface, and the kernel does not answer for it.
    Unusable(AddressState),
}

impl AddressOwnership {
    /// A node of this name, whose interfaces have nothing so far, in a cluster of which nothing is known.
    pub fn new(owner: Owner, node: &str, prefix: &AnnotationPrefix) -> Self {
        let (node, prefix) = (node.to_owned(), prefix.clone());
        Self { owner, node, prefix, held: LocalAddresses::new(), seen: PlacementInput::default() }
    }

    /// Takes in what this node's interfaces have now; returns the addresses that stand otherwise than before.
    pub fn set_local_addresses(&mut self, held: LocalAddresses) -> Vec<IpAddr> {
        let before = std::mem::replace(&mut self.held, held);
        let all = before.keys().chain(self.held.keys().filter(|address| !before.contains_key(address)));
        all.copied().filter(|address| before.get(address) != self.held.get(address)).collect()
    }

    /// Takes in a newer state of the cluster.
    pub fn see(&mut self, snapshot: &Snapshot) {
        self.seen = PlacementInput::of(snapshot);
    }

    /// What of the cluster was taken in last.
    pub(crate) fn seen(&self) -> &PlacementInput {
        &self.seen
    }

    /// Whether kube-vip has named a node on a Service.
    pub(crate) fn is_kube_vips(&self, service: &Service) -> bool {
        self.vip_host(service).is_some()
    }

    /// Whether it matters what load balancers write.
    pub(crate) fn asks_load_balancers(&self) -> bool {
        match self.owner {
            Owner::Auto => true,
            Owner::Address | Owner::VipHost | Owner::Any => false,
        }
    }

    /// Whether other nodes may hold what this one holds.
    pub(crate) fn share(&self) -> HolderCount {
        match self.owner {
            Owner::Auto | Owner::VipHost => HolderCount::Alone,
            Owner::Any => HolderCount::Assumed,
            Owner::Address => HolderCount::Shared,
        }
    }

    /// Whether this node translates to one of a subject's addresses.
    pub fn holds(&self, subject: &Subject, address: IpAddr) -> bool {
        self.obstacle(subject, address).is_none()
    }

    /// Why this node does not translate to one of a subject's addresses; none when it does.
    pub fn why_not_owner(&self, subject: &Subject, address: IpAddr) -> Option<Finding> {
        let on_interface = self.held.get(&address).copied();
        self.obstacle(subject, address).map(|obstacle| match obstacle {
            NotOwner::OtherNode(claim) => sentences::other_node(address, &claim, on_interface),
            NotOwner::Unknown(claim) => sentences::unknown(address, &claim),
            NotOwner::NoNode => sentences::no_node(address, &self.prefix.name(VIP_HOST)),
            NotOwner::Absent(ended) => sentences::absent(address, ended.as_ref()),
            NotOwner::Unusable(AddressState::Duplicate) => sentences::duplicate(address),
            NotOwner::Unusable(AddressState::Tentative | AddressState::Usable) => sentences::tentative(address),
        })
    }

    /// Whether an interface of this node has an address, used or not.
    pub(crate) fn is_on_an_interface(&self, address: IpAddr) -> bool {
        self.held.contains_key(&address)
    }

    /// Who holds one of a subject's addresses, as far as this node sees. All nodes that see equal claims name the same
    /// node, and where no claim names one, only what a node's own interfaces have is known to it.
    pub fn holding(&self, subject: &Subject, address: IpAddr) -> AddressHolder {
        let decided = match self.owner {
            Owner::Any => return AddressHolder::assumed(&self.node),
            Owner::Address => ClaimDecision::default(),
            Owner::VipHost => ClaimDecision::of(subject.service().and_then(|service| self.vip_host(service))),
            Owner::Auto => self.decided_of(subject),
        };
        AddressHolder::of(&decided).unwrap_or_else(|| match self.held.get(&address) {
            Some(AddressState::Usable) if self.owner.looks_at_interfaces() => AddressHolder::certain(&self.node),
            Some(_) | None => AddressHolder::unknown(),
        })
    }

    /// The node that is named as the holder of a Service's addresses.
    pub(crate) fn named_by(&self, service: &Service) -> Option<Arc<str>> {
        let claim = match self.owner {
            Owner::Auto => self.decided(service).claim,
            Owner::Address | Owner::VipHost | Owner::Any => self.vip_host(service),
        };
        claim.and_then(|claim| claim.node().map(Arc::from))
    }

    /// What people are to know about the claims of a subject, whoever holds its addresses.
    pub(crate) fn notes(&self, subject: &Subject) -> Vec<Finding> {
        let Some(service) = subject.service() else { return Vec::new() };
        let decided = if self.owner == Owner::Auto { self.decided(service) } else { ClaimDecision::default() };
        sentences::contradicting(&decided).into_iter().chain(self.other_case(service)).collect()
    }

    /// A name that is taken for this node's and is not written so.
    fn other_case(&self, service: &Service) -> Option<Finding> {
        let claim = self.vip_host(service)?;
        let named = claim.node()?;
        (named != self.node && self.is_named(named)).then(|| sentences::other_case(&claim, named, &self.node))
    }

    fn obstacle<'a>(&'a self, subject: &'a Subject, address: IpAddr) -> Option<NotOwner<'a>> {
        match self.owner {
            Owner::Any => None,
            Owner::Address => self.not_on_an_interface(address, None),
            Owner::VipHost => match subject.service().and_then(|service| self.vip_host(service)) {
                None => Some(NotOwner::NoNode),
                Some(claim) => self.not_named(claim),
            },
            Owner::Auto => self.obstacle_by_claims(subject, address),
        }
    }

    fn obstacle_by_claims<'a>(&'a self, subject: &'a Subject, address: IpAddr) -> Option<NotOwner<'a>> {
        let decided = self.decided_of(subject);
        let Some(claim) = decided.claim else { return self.not_on_an_interface(address, decided.ended) };
        let needs_interface = claim.needs_an_interface();
        let not_here = || if needs_interface { self.not_on_an_interface(address, None) } else { None };
        self.not_named(claim).or_else(not_here)
    }

    fn not_named<'a>(&self, claim: Claim<'a>) -> Option<NotOwner<'a>> {
        match claim.node() {
            Some(node) if self.is_named(node) => None,
            Some(_) => Some(NotOwner::OtherNode(claim)),
            None => Some(NotOwner::Unknown(claim)),
        }
    }

    fn not_on_an_interface<'a>(&self, address: IpAddr, ended: Option<Claim<'a>>) -> Option<NotOwner<'a>> {
        match self.held.get(&address) {
            Some(AddressState::Usable) => None,
            Some(standing) => Some(NotOwner::Unusable(*standing)),
            None => Some(NotOwner::Absent(ended)),
        }
    }

    /// Whether a name is this node's. Host names may have capitals, and kube-vip writes what the host is called; the
    /// names of Nodes have none, so no two of them differ by that alone.
    fn is_named(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.node)
    }

    /// Load balancers write about Services alone: of a subject of another kind none claims anything.
    fn decided_of<'a>(&'a self, subject: &'a Subject) -> ClaimDecision<'a> {
        subject.service().map(|service| self.decided(service)).unwrap_or_default()
    }

    fn decided<'a>(&'a self, service: &'a Service) -> ClaimDecision<'a> {
        decide(Claim::all(&self.seen, service, self.vip_host(service)))
    }

    /// What kube-vip writes on the Service. It empties the annotation when no node holds the addresses.
    fn vip_host<'a>(&self, service: &'a Service) -> Option<Claim<'a>> {
        let (annotation, node) = self.prefix.of_load_balancer(&service.annotations, VIP_HOST)?;
        Some(Claim::of_annotation(annotation, node.trim()))
    }
}
