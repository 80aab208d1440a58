//! What policies are shown of a Service, and what decides which of them are asked: their answer follows from that and from
//! nothing else, so nothing is asked again while it is the same.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::model::{
    Endpoint, Interest, Labels, Service, ServiceKey, ServiceKind, ServicePort, ServiceView, TrafficPolicy, Uid,
};
use crate::net::Family;

/// Whether two views of a Service are the same to policies that read no more than this.
pub(super) fn are_alike(one: &ServiceView, other: &ServiceView, interest: &Interest) -> bool {
    Sight::of(one, interest) == Sight::of(other, interest)
}

/// A hash of what was shown, for which no other view can be found that a tenant could have instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown([u8; 32]);

impl Shown {
    pub(super) fn of(view: &ServiceView, interest: &Interest) -> Self {
        let mut bytes = Bytes(Sha256::new());
        Sight::of(view, interest).hash(&mut bytes);
        Self(bytes.0.finalize().into())
    }
}

/// A view cut to what policies read.
#[derive(PartialEq, Eq, Hash)]
struct Sight<'a> {
    key: &'a ServiceKey,
    uid: &'a Uid,
    kind: ServiceKind,
    labels: Vec<(&'a str, &'a str)>,
    annotations: Vec<(&'a str, &'a str)>,
    namespace_labels: &'a Labels,
    load_balancer_class: Option<&'a str>,
    addresses: &'a [IpAddr],
    cluster_addresses: &'a [IpAddr],
    traffic_policy: TrafficPolicy,
    families: &'a [Family],
    ports: &'a [ServicePort],
    endpoints: &'a [Endpoint],
}

impl<'a> Sight<'a> {
    /// What is left out is the host's alone: whatever comes into a view has to be decided on here.
    fn of(view: &'a ServiceView, interest: &Interest) -> Self {
        let ServiceView { service, namespace_labels, addresses, endpoints, withheld: _, findings: _ } = view;
        let Service {
            key,
            uid,
            created: _,
            kind,
            labels,
            annotations,
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
        } = &**service;
        Self {
            key,
            uid,
            kind: *kind,
            labels: labels.iter().filter(|(name, _)| interest.depends_on_label(name)).collect(),
            annotations: annotations.iter().filter(|(name, _)| interest.shows_annotation(name)).collect(),
            namespace_labels,
            load_balancer_class: load_balancer_class.as_deref(),
            addresses,
            cluster_addresses,
            traffic_policy: *traffic_policy,
            families,
            ports,
            endpoints,
        }
    }
}

/// All bytes that a value hashes, which tell it from every other of its type.
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
