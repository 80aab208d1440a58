//! Claims about the Service `default/web` in a cluster of three nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::model::{
    AnnotationPrefix, Announcements, L2Status, Lease, LeaseTerm, NamedNode, ObjectReference, Snapshot, Subject,
    SubjectKey, SubjectObject, UnixTime,
};
use egressd_core::owner::{AddressState, LocalAddresses, Owner};
use egressd_core::placement::{AddressOwnership, cilium_lease, services_lease};
use egressd_core::testkit::{a, service};
use proptest::prelude::*;

pub(crate) const V4: &str = "11.0.0.2";
pub(crate) const NODES: [&str; 3] = ["a", "b", "c"];
const VIP_HOST: &str = "kube-vip.io/vipHost";

/// The claims about the Service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    statuses: Vec<(String, L2Status)>,
    leases: Vec<(ObjectReference, Lease)>,
    annotations: BTreeMap<String, String>,
    unreadable: Option<&'static str>,
    interfaces: BTreeMap<String, AddressState>,
}

/// A Lease and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Called(ObjectReference, Lease);

pub(crate) fn metallb(node: &str, since: i64) -> L2Status {
    L2Status { named: NamedNode::Node(node.into()), since: Some(UnixTime(since)) }
}

pub(crate) fn unreadable(since: i64) -> L2Status {
    L2Status { named: NamedNode::Unreadable, since: Some(UnixTime(since)) }
}

pub(crate) fn no_node(since: i64) -> L2Status {
    L2Status { named: NamedNode::NoNode, since: Some(UnixTime(since)) }
}

pub(crate) fn cilium(node: &str, since: i64) -> Called {
    Called(cilium_lease(&service("web", &[])).unwrap(), lease(node, since))
}

pub(crate) fn kube_vip(node: &str, since: i64) -> Called {
    Called(ObjectReference::new("default", "kubevip-web"), lease(node, since))
}

pub(crate) fn annotated(name: &str, value: &str) -> Claims {
    let annotations = [(name.to_owned(), value.to_owned())].into();
    Claims { annotations, ..Claims::default() }
}

fn lease(node: &str, since: i64) -> Lease {
    Lease { named: NamedNode::Node(node.into()), since: Some(UnixTime(since)), term: LeaseTerm::Running }
}

impl Called {
    pub(crate) fn naming(self, named: NamedNode) -> Self {
        Self(self.0, Lease { named, ..self.1 })
    }

    pub(crate) fn term(self, term: LeaseTerm) -> Self {
        Self(self.0, Lease { term, ..self.1 })
    }
}

impl Claims {
    pub(crate) fn status(mut self, name: &str, status: L2Status) -> Self {
        self.statuses.push((name.to_owned(), status));
        self
    }

    pub(crate) fn lease(mut self, Called(name, lease): Called) -> Self {
        self.leases.push((name, lease));
        self
    }

    /// And something that cannot be read and may be about any Service.
    pub(crate) fn unreadable(self, title: &'static str) -> Self {
        Self { unreadable: Some(title), ..self }
    }

    /// The same Lease, for all Services of kube-vip.
    pub(crate) fn for_all(self, Called(_, lease): Called) -> Self {
        self.lease(Called(services_lease(), lease))
    }

    pub(crate) fn vip_host(mut self, node: &str) -> Self {
        self.annotations.insert(VIP_HOST.to_owned(), node.to_owned());
        self
    }

    pub(crate) fn on(self, node: &str) -> Self {
        self.standing(node, AddressState::Usable)
    }

    pub(crate) fn standing(mut self, node: &str, standing: AddressState) -> Self {
        self.interfaces.insert(node.to_owned(), standing);
        self
    }

    pub(crate) fn without_interfaces(&self) -> Self {
        Self { interfaces: BTreeMap::new(), ..self.clone() }
    }

    /// The same, with nothing of it readable but the annotation.
    pub(crate) fn all_unreadable(&self) -> Self {
        let mut all = self.clone();
        all.statuses.iter_mut().for_each(|(_, status)| status.named = NamedNode::Unreadable);
        all.leases.iter_mut().for_each(|(_, lease)| lease.named = NamedNode::Unreadable);
        all
    }

    pub(crate) fn subject(&self) -> Subject {
        let mut service = service("web", &[V4]);
        service.annotations.extend(self.annotations.clone());
        let object = SubjectObject::Service(Arc::new(service));
        Subject { object, addresses: vec![a(V4)], endpoints: [].into() }
    }

    /// As a node sees it.
    pub(crate) fn seen_from(&self, node: &str, owner: Owner) -> AddressOwnership {
        let mut ownership = AddressOwnership::new(owner, node, &AnnotationPrefix::default());
        let held: LocalAddresses = self.interfaces.get(node).map(|standing| (a(V4), *standing)).into_iter().collect();
        ownership.set_local_addresses(held);
        ownership.see(&Snapshot { announced: self.announced(), ..Snapshot::default() });
        ownership
    }

    /// The nodes that translate.
    pub(crate) fn translating(&self, owner: Owner) -> Vec<&'static str> {
        let subject = self.subject();
        NODES.into_iter().filter(|node| self.seen_from(node, owner).holds(&subject, a(V4))).collect()
    }

    /// Whether a load balancer names a node, readable or not.
    pub(crate) fn is_announced(&self) -> bool {
        let runs = |(name, lease): &(ObjectReference, Lease)| {
            let counts = *name != services_lease() || self.annotations.contains_key(VIP_HOST);
            counts && lease.term == LeaseTerm::Running
        };
        !self.statuses.is_empty() || self.unreadable.is_some() || self.leases.iter().any(runs)
    }

    /// Whether anything but an interface names a node.
    pub(crate) fn is_claimed(&self) -> bool {
        let names = |named: &NamedNode| *named != NamedNode::NoNode;
        let status = self.statuses.iter().any(|(_, status)| names(&status.named));
        let runs = |(name, lease): &(ObjectReference, Lease)| {
            *name != services_lease() && lease.term == LeaseTerm::Running && names(&lease.named)
        };
        let others = self.annotations.contains_key(VIP_HOST) || self.unreadable.is_some();
        status || others || self.leases.iter().any(runs)
    }

    fn announced(&self) -> Announcements {
        let mut announced = Announcements::default();
        for (name, status) in &self.statuses {
            let key = SubjectKey::service("default", "web");
            announced.l2_statuses.entry(key).or_default().insert(name.as_str(), Arc::new(status.clone()));
        }
        announced.leases.extend(self.leases.iter().map(|(name, lease)| (name.clone(), Arc::new(lease.clone()))));
        announced.unreadable.extend(self.unreadable.map(Arc::from));
        announced
    }
}

/// Some claims of every kind, few of which agree.
pub(crate) fn any() -> impl Strategy<Value = Claims> {
    let statuses = prop::collection::vec((any_named(), 0..3_i64), 0..3);
    let leases = [any_lease(), any_lease(), any_lease()];
    let vip_host = prop::option::of(any_node());
    let on = prop::collection::vec(any_node(), 0..3);
    let unreadable = prop_oneof![4 => Just(None), 1 => Just(Some("ServiceL2Status l2-x"))];
    (statuses, leases, vip_host, on, unreadable).prop_map(|(statuses, leases, vip_host, on, unreadable)| {
        let mut claims = Claims { unreadable, ..Claims::default() };
        for (number, (named, since)) in statuses.into_iter().enumerate() {
            claims = claims.status(&format!("l2-{number}"), L2Status { named, since: Some(UnixTime(since)) });
        }
        let names = [cilium("a", 0).0, kube_vip("a", 0).0, services_lease()];
        claims.leases.extend(names.into_iter().zip(leases).filter_map(|(name, lease)| Some((name, lease?))));
        claims = vip_host.into_iter().fold(claims, |claims, node| claims.vip_host(&node));
        on.into_iter().fold(claims, |claims, node| claims.on(&node.to_ascii_lowercase()))
    })
}

fn any_node() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "B", "gone"]).prop_map(str::to_owned)
}

fn any_named() -> impl Strategy<Value = NamedNode> {
    prop_oneof![
        6 => any_node().prop_map(|node| NamedNode::Node(node.into())),
        1 => Just(NamedNode::NoNode),
        1 => Just(NamedNode::Unreadable),
    ]
}

fn any_lease() -> impl Strategy<Value = Option<Lease>> {
    let term = prop::sample::select(vec![LeaseTerm::Running, LeaseTerm::Running, LeaseTerm::Ended]);
    let lease = (any_named(), 0..3_i64, term);
    let lease = lease.prop_map(|(named, since, term)| Lease { named, since: Some(UnixTime(since)), term });
    prop::option::of(lease)
}
