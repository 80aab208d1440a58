//! Objects as a source knows them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{
    AskedUnavailable, ClusterNetworks, Completeness, EgressNode, EgressPolicy, Endpoint, HeldAddresses, Labels,
    ManagedBy, Mark, Node, ObjectReference, Phase, Pod, PodNetwork, Pods, PublishedTunnels, Readiness, Selection,
    Service, Slice, SubjectKey, TunnelEnd, TunnelKind, Uid, gateway_annotation,
};
use egressd_core::net::Family;
use egressd_core::pipeline::PodAnnouncement;
use egressd_core::testkit::{n, service};
use ipnet::IpNet;

use crate::events::{APPS, Listed, OnePod, Published, SERVICES, Spec};

pub(crate) fn key(who: usize) -> SubjectKey {
    let (namespace, name) = SERVICES[who];
    SubjectKey::service(namespace, name)
}

pub(crate) fn uid(who: usize, life: u8) -> Uid {
    Uid::new(format!("uid-{who}-{life}")).expect("a uid")
}

pub(crate) fn as_service(who: usize, spec: &Spec) -> Service {
    let mut service = service("any", &[]);
    (service.key, service.uid) = (key(who), uid(who, spec.life));
    (service.created, service.kind) = (spec.created, spec.kind);
    service.selection = as_selection(Some(APPS[0]));
    service.families = if who.is_multiple_of(2) { vec![Family::Ipv4] } else { Family::ALL.to_vec() };
    service.load_balancer_class = spec.class.map(Into::into);
    service.status_addresses.clone_from(&spec.addresses);
    service.cluster_addresses = spec.cluster_address.into_iter().collect();
    let of = |name: &str, value: Option<&str>| value.map(|value| (name.to_owned(), value.to_owned()));
    service.annotations.extend(of("do", spec.wish));
    service.annotations.extend(of("kube-vip.io/vipHost", spec.vip_host));
    for family in Family::ALL {
        service.annotations.extend(of(gateway_annotation(family), spec.gateway));
    }
    service.annotations.extend(of("kube-vip.io/egress", spec.asks_kube_vip));
    service.annotations.extend(of(AskedUnavailable::NAME, spec.on_unavailable));
    service
}

pub(crate) fn as_egress_policy(key: &SubjectKey, uid: Uid, spec: &Spec, selected: &[Listed]) -> EgressPolicy {
    let by_address: BTreeMap<IpAddr, Endpoint> =
        selected.iter().map(|listed| (listed.0, as_endpoint(listed))).collect();
    let gateway = spec.gateway.map(|gateway| (gateway_annotation(Family::Ipv4), gateway));
    EgressPolicy {
        key: key.clone(),
        uid,
        created: spec.created,
        labels: Labels::new(),
        annotations: spec.wish.map(|wish| ("do", wish)).into_iter().chain(gateway).collect(),
        addresses: spec.addresses.clone(),
        endpoints: by_address.into_values().collect(),
    }
}

pub(crate) fn as_slice(key: &SubjectKey, made_by: ManagedBy, listed: &[Listed]) -> Slice {
    Slice { service: key.clone(), made_by, endpoints: listed.iter().map(as_endpoint).collect() }
}

fn as_endpoint((address, node, namespace): &Listed) -> Endpoint {
    Endpoint {
        address: *address,
        node: node.map(Into::into),
        pod: namespace.map(|namespace| ObjectReference { namespace: namespace.into(), name: "pod".into() }),
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
    }
}

pub(crate) fn as_node(addresses: &[IpAddr], pods: &[&str], readiness: Readiness) -> Node {
    Node { addresses: addresses.to_vec(), pod_networks: networks(pods), readiness, ..Node::default() }
}

pub(crate) fn as_egress_node(published: &Published) -> EgressNode {
    let kind = TunnelKind::VxlanGpe;
    let end = |address: &IpAddr| TunnelEnd::new(kind, [*address], kind.port(), None).expect("an end");
    EgressNode {
        addresses: published.addresses.clone().into(),
        held: HeldAddresses::new(published.held.iter().copied(), published.completeness),
        tunnels: PublishedTunnels::new(published.ends.iter().map(end), 0),
        mark: Mark::of(&format!("{published:?}")),
        ..EgressNode::default()
    }
}

pub(crate) fn as_plugin(pods: &[&str], completeness: Completeness) -> ClusterNetworks {
    ClusterNetworks { pods: networks(pods), completeness, ..ClusterNetworks::default() }
}

pub(crate) fn labels(label: Option<&str>) -> Labels {
    label.into_iter().map(|label| (label, "")).collect()
}

pub(crate) fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| n(text)).collect()
}

pub(crate) fn pod_name(namespace: &str, number: u8) -> ObjectReference {
    ObjectReference { namespace: namespace.into(), name: format!("pod-{number}").into() }
}

fn app(value: Option<&str>) -> Labels {
    value.into_iter().map(|value| ("app", value)).collect()
}

pub(crate) fn as_selection(by: Option<&str>) -> Selection {
    Selection::of(app(by))
}

pub(crate) fn as_pod(number: u8, pod: &OnePod) -> Pod {
    Pod {
        name: pod_name(pod.namespace, number),
        uid: Uid::new(format!("pod-{number}")).expect("a uid"),
        phase: pod.phase,
        network: pod.network,
        addresses: pod.addresses.clone(),
        labels: app(pod.label),
        started: None,
    }
}

/// With or without the life of the pod that it is about.
pub(crate) fn as_announcement(number: u8, pod: &OnePod) -> PodAnnouncement {
    let Pod { name, uid, addresses, .. } = as_pod(number, pod);
    PodAnnouncement { pod: name, uid: pod.label.map(|_| uid), addresses }
}

pub(crate) fn known(pods: &[(&'static str, IpAddr)]) -> Pods {
    let mut table = Pods::default();
    for (number, (namespace, address)) in (0..).zip(pods) {
        let (network, phase, label) = (PodNetwork::Own, Phase::Alive, Some(APPS[0]));
        let pod = OnePod { namespace, addresses: vec![*address], network, phase, label };
        table.insert(Arc::new(as_pod(number, &pod)));
    }
    table
}
