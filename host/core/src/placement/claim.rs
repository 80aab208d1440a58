//! Claims: objects that name the node that holds the addresses of a Service.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::seen::{CiliumSelection, PlacementInput};
use crate::model::{L2Status, Lease, LeaseTerm, NamedNode, ObjectReference, Service, SubjectKey, UnixTime};

/// kube-vip's annotation that names the node which holds the addresses (kube-vip: `pkg/kubevip/annotations.go`).
pub(super) const VIP_HOST: &str = "vipHost";

/// kube-vip's annotation that gives the Lease of a Service another name (kube-vip v1.2.3:
/// `pkg/kubevip/annotations.go`).
const LEASE_NAME: &str = "kube-vip.io/leaseName";

/// Where Cilium's agents and kube-vip's pods run by default.
pub(super) const SYSTEM: &str = "kube-system";

/// How the name of a Lease for a Service begins that kube-vip makes.
pub(super) const KUBE_VIP: &str = "kubevip-";

/// The same of Cilium's.
pub(super) const CILIUM: &str = "cilium-l2announce-";

/// Who says it, and in what. From strong to weak: the first that names a node decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claimant {
    /// Cilium, by a Lease for the Service.
    Cilium(ObjectReference),
    /// kube-vip, by a Lease for the Service.
    KubeVip(ObjectReference),
    /// MetalLB, by the ServiceL2Status of this name.
    MetalLb(Arc<str>),
    /// What cannot be read and may be about any Service, by what messages call it.
    Unreadable(Arc<str>),
    /// kube-vip, by a Lease for all Services that have none of their own.
    KubeVipForAll(ObjectReference),
    /// The annotation of this name.
    VipHost(String),
}

/// One claim: it names a node, or cannot be read, or may be about another Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    pub(super) by: Claimant,
    named: Cow<'a, NamedNode>,
    pub(super) since: Option<UnixTime>,
    pub(super) term: LeaseTerm,
    pub(super) about: ClaimSubject,
}

/// Which Service a claim is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClaimSubject {
    /// The subject itself.
    This,
    /// The first of these two, which is looked at, or the other one.
    Either([SubjectKey; 2]),
    /// Any, since that cannot be read.
    Any,
}

/// The Lease by which Cilium's agents choose the one that announces a Service (`pkg/l2announcer/l2announcer.go`); none
/// where `spec.loadBalancerClass` is that of another load balancer.
pub fn cilium_lease(service: &Service) -> Option<ObjectReference> {
    (CiliumSelection::of(service) != CiliumSelection::Never).then(|| cilium_name(&service.key))
}

/// What Cilium's Lease of a Service is called.
pub(super) fn cilium_name(service: &SubjectKey) -> ObjectReference {
    ObjectReference::new(SYSTEM, format!("{CILIUM}{}-{}", service.namespace, service.name))
}

/// The Lease by which kube-vip chooses the node of a Service (`pkg/lease/lease.go`); none where the Service shares one
/// with others by an annotation, whose node is in `vipHost`.
pub fn kube_vip_lease(service: &Service) -> Option<ObjectReference> {
    let is_shared = service.annotations.get(LEASE_NAME).is_some_and(|name| !name.is_empty());
    let name = || format!("{KUBE_VIP}{}", service.key.name);
    (!is_shared).then(|| ObjectReference::new(Arc::clone(&service.key.namespace), name()))
}

/// The Lease by which kube-vip chooses the node of all Services that have none of their own (`cmd/kube-vip.go`).
pub fn services_lease() -> ObjectReference {
    ObjectReference::new(SYSTEM, "plndr-svcs-lock")
}

impl<'a> Claim<'a> {
    /// Everything that is claimed of a Service.
    pub(super) fn all(seen: &'a PlacementInput, service: &Service, vip_host: Option<Self>) -> Vec<Self> {
        let announced = &seen.announced;
        if announced.is_empty() {
            return vip_host.into_iter().collect();
        }
        let lease = |name: ObjectReference| Some((announced.leases.get(&name)?, name));
        let for_all = vip_host.as_ref().and_then(|_| lease(services_lease()));
        let leases = [
            cilium_lease(service).and_then(lease).map(|(lease, name)| Self::of_cilium(lease, name, seen, service)),
            kube_vip_lease(service).and_then(lease).map(|(lease, name)| Self::of_lease(lease, Claimant::KubeVip(name))),
            for_all.map(|(lease, name)| Self::of_lease(lease, Claimant::KubeVipForAll(name))),
        ];
        let statuses = announced.l2_statuses.get(&service.key).into_iter().flat_map(|statuses| statuses.iter());
        let statuses = statuses.map(|(name, status)| Self::of_status(name, status));
        // One is enough for nothing to be known.
        let unreadable = announced.unreadable.get_min().map(Self::of_any);
        leases.into_iter().flatten().chain(statuses).chain(unreadable).chain(vip_host).collect()
    }

    pub(super) fn of_annotation(annotation: String, node: &str) -> Self {
        let named = Cow::Owned(NamedNode::Node(node.into()));
        Self {
            by: Claimant::VipHost(annotation),
            named,
            since: None,
            term: LeaseTerm::Running,
            about: ClaimSubject::This,
        }
    }

    fn of_cilium(lease: &'a Lease, name: ObjectReference, seen: &PlacementInput, service: &Service) -> Self {
        let either = |other| ClaimSubject::Either([service.key.clone(), other]);
        let about = seen.other_of(&name, service).map_or(ClaimSubject::This, either);
        Self { about, ..Self::of_lease(lease, Claimant::Cilium(name)) }
    }

    fn of_any(title: &Arc<str>) -> Self {
        let (by, named) = (Claimant::Unreadable(Arc::clone(title)), Cow::Owned(NamedNode::Unreadable));
        Self { by, named, since: None, term: LeaseTerm::Running, about: ClaimSubject::Any }
    }

    #[cfg(test)]
    pub(super) fn new(by: Claimant, named: NamedNode, since: Option<UnixTime>, term: LeaseTerm) -> Self {
        Self { by, named: Cow::Owned(named), since, term, about: ClaimSubject::This }
    }

    fn of_lease(lease: &'a Lease, by: Claimant) -> Self {
        Self { by, named: Cow::Borrowed(&lease.named), since: lease.since, term: lease.term, about: ClaimSubject::This }
    }

    fn of_status(name: &Arc<str>, status: &'a L2Status) -> Self {
        let by = Claimant::MetalLb(Arc::clone(name));
        Self {
            by,
            named: Cow::Borrowed(&status.named),
            since: status.since,
            term: LeaseTerm::Running,
            about: ClaimSubject::This,
        }
    }

    /// The node that it names for this Service; none where that cannot be read, or it may be about another one.
    pub(super) fn node(&self) -> Option<&str> {
        match (&*self.named, &self.about) {
            (NamedNode::Node(node), ClaimSubject::This) => Some(node),
            (NamedNode::Node(_), ClaimSubject::Either(_) | ClaimSubject::Any)
            | (NamedNode::NoNode | NamedNode::Unreadable | NamedNode::NotRead | NamedNode::NotFollowed, _) => None,
        }
    }

    /// What it says about the node.
    pub(super) fn named(&self) -> &NamedNode {
        &self.named
    }

    /// Whether it says something about now.
    pub(super) fn is_in_force(&self) -> bool {
        *self.named != NamedNode::NoNode && self.term == LeaseTerm::Running
    }

    /// Whether the one who makes it puts the address on an interface of the node that it names.
    pub(super) fn needs_an_interface(&self) -> bool {
        match self.by {
            Claimant::Cilium(_) | Claimant::MetalLb(_) | Claimant::Unreadable(_) => false,
            Claimant::KubeVip(_) | Claimant::KubeVipForAll(_) | Claimant::VipHost(_) => true,
        }
    }

    /// How strong it is among others; the smallest decides. What may be about another Service, and a Lease that is not
    /// followed and may not even be there, come after whatever a load balancer says of this one alone. What cannot be
    /// read at all may be the strongest claim, and the newest.
    pub(super) fn rank(&self) -> u8 {
        match (&self.by, &self.about) {
            (Claimant::Cilium(_) | Claimant::KubeVip(_), ClaimSubject::This)
                if *self.named == NamedNode::NotFollowed =>
            {
                3
            }
            (Claimant::Unreadable(_), _) => 0,
            (Claimant::Cilium(_) | Claimant::KubeVip(_), ClaimSubject::This) => 0,
            (Claimant::MetalLb(_), _) => 1,
            (Claimant::KubeVipForAll(_), _) => 2,
            (Claimant::Cilium(_) | Claimant::KubeVip(_), ClaimSubject::Either(_) | ClaimSubject::Any) => 3,
            (Claimant::VipHost(_), _) => 4,
        }
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cilium(lease) | Self::KubeVip(lease) | Self::KubeVipForAll(lease) => {
                write!(f, "Lease {}/{}", lease.namespace, lease.name)
            }
            Self::MetalLb(status) => write!(f, "ServiceL2Status {status}"),
            Self::Unreadable(title) => f.write_str(title),
            Self::VipHost(annotation) => f.write_str(annotation),
        }
    }
}
