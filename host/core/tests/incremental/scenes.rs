//! The node before anything happens.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use egressd_core::decision::OnUnavailable;
use egressd_core::model::{
    ClusterSettings, Completeness, ManagedBy, Origin, PrivateDestinations, Readiness, ServiceType, TunnelKind,
};
use egressd_core::net::TunnelMarks;
use egressd_core::owner::{AddressState, Owner};
use egressd_core::pipeline::Settings;
use egressd_core::plan::{Capacity, Limits, ServiceLimits, SharedAddresses, TunnelSettings, UnknownPods};
use egressd_core::testkit::settings;
use proptest::collection::vec;
use proptest::option::{self, of};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::events::{
    ADDRESSES, Event, Listed, NAMESPACES, OfHost, OfNode, OfPods, OfService, PODS, Published, SERVICES, SLICES,
    Scenario, Spec, all,
};
use crate::happenings::known_pods;
use crate::policies::WISHES;

pub(crate) fn scenes() -> impl Strategy<Value = Scenario> {
    let owners = select(vec![Owner::Any, Owner::Auto, Owner::Address, Owner::VipHost]);
    let shared = select(vec![SharedAddresses::Allow, SharedAddresses::Oldest]);
    let detected = |origin| Some(ClusterSettings { origin, ..ClusterSettings::default() });
    let clusters = select(vec![None, detected(Origin::Cluster), detected(Origin::Manifests)]);
    let private = select(vec![PrivateDestinations::Withheld, PrivateDestinations::AsBefore]);
    let unavailable = select(vec![OnUnavailable::Pass, OnUnavailable::Pass, OnUnavailable::Drop]);
    let unknown = select(vec![UnknownPods::Pass, UnknownPods::Drop]);
    let tunnels = option::weighted(0.6, Just(tunnel()));
    (owners, shared, limits(), clusters, private, (unavailable, unknown, tunnels), beginnings()).prop_map(
        |(owner, shared, limits, cluster, private, (on_unavailable, unknown_pods, tunnel), beginning)| {
            let known = settings(owner);
            let cluster = cluster.unwrap_or_else(|| known.cluster.clone());
            Scenario {
                settings: Settings { shared, limits, cluster, on_unavailable, unknown_pods, tunnel, ..known },
                private,
                beginning,
            }
        },
    )
}

fn tunnel() -> TunnelSettings {
    let kind = TunnelKind::VxlanGpe;
    TunnelSettings { kind, port: kind.port(), marks: TunnelMarks::DEFAULT }
}

fn limits() -> impl Strategy<Value = Limits> {
    let narrow = Limits {
        service: ServiceLimits { rules: 4, networks: 2, endpoints: 3 },
        namespace: Capacity { elements: 4, networks: 3, chains: 2 },
        node: Capacity { elements: 7, networks: 4, chains: 3 },
    };
    let roomy = Limits { node: Capacity { elements: 100, networks: 100, chains: 100 }, ..narrow };
    select(vec![narrow, roomy, Limits::default(), Limits::default()])
}

/// Services that translate on a node that holds their addresses, mostly: else little of what happens would matter.
fn beginnings() -> impl Strategy<Value = Vec<Event>> {
    let spec = (specs(), addresses(&ADDRESSES[..3], 1..=1), select(WISHES[..7].to_vec()));
    let spec = spec.prop_map(|(spec, addresses, wish)| Spec {
        wish: Some(wish),
        addresses,
        kind: ServiceType::LoadBalancer,
        vip_host: None,
        ..spec
    });
    let here = |pods: Vec<IpAddr>| pods.into_iter().map(|pod| (pod, Some("node-a"), None)).collect();
    let services = vec((spec, addresses(&PODS[..4], 1..=3).prop_map(here)), SERVICES.len());
    let pods = of(known_pods().prop_map(|pods| Event::Pods(OfPods::Are(pods))));
    (services, pods).prop_map(|(services, pods)| {
        let services = services.into_iter().enumerate().flat_map(|(who, service)| beginning_of(who, service));
        node_that_holds_all().into_iter().chain(services).chain(pods).collect()
    })
}

/// With another node beside it, to which a tunnel leads.
fn node_that_holds_all() -> [Event; 5] {
    let held = all(&ADDRESSES).into_iter().map(|address| (address, AddressState::Usable)).collect();
    let (own, other) = (all(&["172.20.0.5", "172.20.0.11"]), all(&["172.20.0.12"]));
    let node = OfNode::Is(own, vec!["10.0.0.0/24", "10.0.1.0/24"], Readiness::Ready);
    let publishes = |end, held| {
        let (addresses, completeness) = (Vec::new(), Completeness::Whole);
        OfNode::Publishes(Some(Published { addresses, ends: all(&[end]), held, completeness }))
    };
    [
        Event::Host(OfHost::LocalAddresses(held)),
        Event::Node("node-a", node),
        Event::Node("node-a", publishes("172.20.0.11", Vec::new())),
        Event::Node("node-b", OfNode::Is(other, Vec::new(), Readiness::Ready)),
        Event::Node("node-b", publishes("172.20.0.12", all(&ADDRESSES[..2]))),
    ]
}

fn beginning_of(who: usize, (spec, pods): (Spec, Vec<Listed>)) -> [Event; 2] {
    let slice = OfService::Slice(SLICES[0], ManagedBy::Controller, pods);
    [Event::Service(who, slice), Event::Service(who, OfService::Is(spec))]
}

pub(crate) fn specs() -> impl Strategy<Value = Spec> {
    let kind = prop_oneof![
        6 => Just(ServiceType::LoadBalancer),
        1 => Just(ServiceType::ClusterIp),
        1 => Just(ServiceType::ExternalName),
    ];
    let class = select(vec![None, None, None, Some("io.cilium/l2-announcer"), Some("metallb.io/metallb")]);
    let vip_host = select(vec![None, None, Some("node-a"), Some("Node-A"), Some("node-b")]);
    let gateway = select(vec![None, Some("node-a"), Some("node-b"), Some("node-b"), Some("node-c")]);
    let asks_kube_vip = select(vec![None, None, Some("true")]);
    let on_unavailable = select(vec![None, None, Some("drop"), Some("pass"), Some("dorp")]);
    let cluster_address = of(select(all(&["10.96.0.7", "192.0.2.77"])));
    let some = prop_oneof![2 => addresses(&ADDRESSES[..3], 1..=2), 1 => addresses(&ADDRESSES, 0..=3)];
    let life = prop_oneof![4 => Just(0u8), 1 => Just(1u8)];
    let wish = option::weighted(0.9, select(WISHES.to_vec()));
    (wish, (some, 0..3i64, life), (kind, class), (vip_host, gateway), (asks_kube_vip, on_unavailable), cluster_address)
        .prop_map(
            |(
                wish,
                (addresses, created, life),
                (kind, class),
                (vip_host, gateway),
                (asks_kube_vip, on_unavailable),
                cluster_address,
            )| Spec {
                wish,
                addresses,
                created,
                life,
                kind,
                class,
                vip_host,
                gateway,
                asks_kube_vip,
                on_unavailable,
                cluster_address,
            },
        )
}

pub(crate) fn listed() -> impl Strategy<Value = Listed> {
    let node = select(vec![Some("node-a"), Some("node-a"), Some("node-b"), None]);
    (select(all(&PODS)), node, of(select(NAMESPACES.to_vec())))
}

/// A number of these addresses.
pub(crate) fn addresses(texts: &[&str], count: RangeInclusive<usize>) -> impl Strategy<Value = Vec<IpAddr>> + use<> {
    subsequence(all(texts), count)
}
