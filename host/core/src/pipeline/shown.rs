//! The part of a subject that policies are shown. Their answer follows from it alone, so a subject is evaluated again
//! only when it changes.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::model::{
    Endpoint, EndpointScope, Interest, Labels, Namespace, Service, ServicePort, ServiceType, Subject, SubjectKey,
    SubjectView, TrafficPolicy, Uid,
};
use crate::net::Family;

/// Who looks: the policies that read no more than this, on this node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Viewer<'a> {
    pub(super) node: &'a str,
    pub(super) interest: &'a Interest,
}

/// Whether two views of a subject are the same to those who look.
pub(super) fn are_alike(one: &SubjectView, other: &SubjectView, looking: Viewer<'_>) -> bool {
    ShownView::of(one, looking) == ShownView::of(other, looking)
}

/// A hash of what was shown, for which no other view can be found that a tenant could have instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ViewHash([u8; 32]);

impl ViewHash {
    pub(super) fn of(view: &SubjectView, looking: Viewer<'_>) -> Self {
        let mut bytes = Bytes(Sha256::new());
        ShownView::of(view, looking).hash(&mut bytes);
        Self(bytes.0.finalize().into())
    }
}

/// A view cut to what policies read.
#[derive(PartialEq, Eq, Hash)]
struct ShownView<'a> {
    key: &'a SubjectKey,
    uid: &'a Uid,
    labels: Vec<(&'a str, &'a str)>,
    annotations: Vec<(&'a str, &'a str)>,
    namespace_labels: &'a Labels,
    namespace_annotations: Vec<(&'a str, &'a str)>,
    addresses: &'a [IpAddr],
    endpoints: Endpoints<'a>,
    service: Option<OfService<'a>>,
}

impl<'a> ShownView<'a> {
    /// What is left out is the host's alone: whatever comes into a view has to be decided on here.
    fn of(view: &'a SubjectView, Viewer { node, interest }: Viewer<'a>) -> Self {
        let SubjectView { subject, namespace, withheld: _, held_back: _, remote, gateways: _, findings: _ } = view;
        let Subject { object, addresses, endpoints } = subject;
        let Namespace { labels, annotations } = &**namespace;
        Self {
            key: object.key(),
            uid: object.uid(),
            labels: shown(object.labels(), |name| interest.depends_on_label(name)),
            annotations: shown(object.annotations(), |name| interest.shows_annotation(name)),
            namespace_labels: labels,
            namespace_annotations: shown(annotations, |name| interest.shows_namespace_annotation(name)),
            addresses,
            endpoints: Endpoints { all: endpoints, remote, node, scope: interest.endpoints() },
            service: object.service().map(|service| OfService::of(service)),
        }
    }
}

fn shown(labels: &Labels, is_shown: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
    labels.iter().filter(|(name, _)| is_shown(name)).collect()
}

/// What only a Service has.
#[derive(PartialEq, Eq, Hash)]
struct OfService<'a> {
    kind: ServiceType,
    load_balancer_class: Option<&'a str>,
    cluster_addresses: &'a [IpAddr],
    traffic_policy: TrafficPolicy,
    families: &'a [Family],
    ports: &'a [ServicePort],
}

impl<'a> OfService<'a> {
    fn of(service: &'a Service) -> Self {
        let Service {
            key: _,
            uid: _,
            created: _,
            kind,
            labels: _,
            annotations: _,
            load_balancer_class,
            status_addresses: _,
            status_hostnames: _,
            spec_address: _,
            cluster_addresses,
            selection: _,
            traffic_policy,
            families,
            ports,
            kube_vip_wrote: _,
        } = service;
        Self {
            kind: *kind,
            load_balancer_class: load_balancer_class.as_deref(),
            cluster_addresses,
            traffic_policy: *traffic_policy,
            families,
            ports,
        }
    }
}

/// The endpoints that are shown, and the number of the others. Nothing is made of them, since there can be thousands.
struct Endpoints<'a> {
    all: &'a [Endpoint],
    /// Those of other nodes that are shown as endpoints here.
    remote: &'a BTreeSet<IpAddr>,
    node: &'a str,
    scope: EndpointScope,
}

impl<'a> Endpoints<'a> {
    fn shown(&self) -> impl Iterator<Item = &'a Endpoint> {
        let Self { all, remote, node, scope } = *self;
        all.iter().filter(move |endpoint| match scope {
            EndpointScope::All => true,
            EndpointScope::Here => endpoint.is_on(node) || remote.contains(&endpoint.address),
        })
    }
}

impl PartialEq for Endpoints<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.all.len() == other.all.len() && self.remote == other.remote && self.shown().eq(other.shown())
    }
}

impl Eq for Endpoints<'_> {}

impl Hash for Endpoints<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.all.len().hash(state);
        self.remote.hash(state);
        self.shown().for_each(|endpoint| endpoint.hash(state));
    }
}

/// All bytes that a value hashes, which distinguish it from every other of its type.
struct Bytes(Sha256);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the whole digest is.
    fn finish(&self) -> u64 {
        0
    }
}
