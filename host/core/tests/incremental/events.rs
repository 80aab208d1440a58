//! What can happen: in a world so small that everything meets.

use std::net::IpAddr;

use egressd_core::model::{ClusterSettings, Origin, PrivateDestinations, Readiness, ServiceKind};
use egressd_core::owner::{Held, Owner, Standing};
use egressd_core::pipeline::Settings;
use egressd_core::plan::{Limits, Room, ServiceLimits, SharedAddresses};
use egressd_core::testkit::{a, settings};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::policies::{Policies, WISHES};

/// The Services of the world.
pub(crate) const SERVICES: [(&str, &str); 6] =
    [("red", "one"), ("red", "two"), ("red", "three"), ("blue", "one"), ("blue", "two"), ("green", "one")];
pub(crate) const NAMESPACES: [&str; 3] = ["red", "blue", "green"];
pub(crate) const NODES: [&str; 3] = ["node-a", "node-b", "node-c"];
/// Endpoints; some are nodes' addresses, or in no pod network.
const PODS: [&str; 8] =
    ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.1", "10.9.0.1", "172.20.0.5", "fd00:10:244::1", "fd00:10:244::2"];
/// What Services translate to; some are on interfaces, or in networks of the cluster.
const ADDRESSES: [&str; 6] = ["11.0.0.1", "11.0.0.2", "11.0.0.3", "10.0.1.200", "172.20.0.5", "fc00:11::1"];
const NETWORKS: [&str; 5] = ["10.0.0.0/24", "10.0.1.0/24", "10.9.0.0/16", "172.20.0.0/16", "fd00:10:244::/64"];

/// One Service, as it is.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) wish: Option<&'static str>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) created: i64,
    pub(crate) life: u8,
    pub(crate) kind: ServiceKind,
    pub(crate) vip_host: Option<&'static str>,
    pub(crate) asks_kube_vip: Option<&'static str>,
    pub(crate) cluster_address: Option<IpAddr>,
}

/// An endpoint, where it is, and whose pod it says that it is.
pub(crate) type Listed = (IpAddr, Option<&'static str>, Option<&'static str>);

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Service(usize, Spec),
    Gone(usize),
    Unreadable(usize),
    Endpoints(usize, Vec<Listed>),
    Node(&'static str, Vec<IpAddr>, Vec<&'static str>, Readiness),
    NodeGone(&'static str),
    ServiceNetworks(Vec<&'static str>),
    Labels(&'static str, Option<&'static str>),
    Held(Held),
    Connected(Vec<&'static str>),
    Foreign(Option<&'static str>),
    Pods(Option<Vec<(&'static str, IpAddr)>>),
    Policies(Policies),
    Later(u64),
    MemoryIsLost,
}

/// How many of the questions are answered before the next round.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answered {
    All,
    First(usize),
}

/// How many slices of a change the kernel takes, and how large they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) slices: usize,
    pub(crate) most: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) event: Event,
    pub(crate) answered: Answered,
    pub(crate) fate: Fate,
}

/// The node as it is set.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) settings: Settings,
    pub(crate) private: PrivateDestinations,
    /// What was there before anything happened.
    pub(crate) beginning: Vec<Event>,
}

pub(crate) fn scenes() -> impl Strategy<Value = Scene> {
    let owners = select(vec![Owner::Any, Owner::Auto, Owner::Address, Owner::VipHost]);
    let shared = select(vec![SharedAddresses::Allow, SharedAddresses::Oldest]);
    let narrow = Limits {
        service: ServiceLimits { rules: 4, networks: 2, endpoints: 3 },
        namespace: Room { elements: 4, networks: 3 },
        node: Room { elements: 7, networks: 4 },
    };
    let roomy = Limits { node: Room { elements: 100, networks: 100 }, ..narrow };
    let limits = select(vec![narrow, roomy, Limits::default(), Limits::default()]);
    let detected = |origin| Some(ClusterSettings { origin, ..ClusterSettings::default() });
    let clusters = select(vec![None, detected(Origin::Cluster), detected(Origin::Manifests)]);
    let private = select(vec![PrivateDestinations::Withheld, PrivateDestinations::AsBefore]);
    (owners, shared, limits, clusters, private, beginnings()).prop_map(
        |(owner, shared, limits, cluster, private, beginning)| {
            let known = settings(owner);
            let cluster = cluster.unwrap_or_else(|| known.cluster.clone());
            Scene { settings: Settings { shared, limits, cluster, ..known }, private, beginning }
        },
    )
}

/// Services that translate on a node that holds their addresses, mostly: else little of what happens would matter.
fn beginnings() -> impl Strategy<Value = Vec<Event>> {
    let usable = || addresses(&ADDRESSES[..3], 1);
    let spec = (specs(), usable(), select(WISHES[..7].to_vec())).prop_map(|(spec, addresses, wish)| Spec {
        wish: Some(wish),
        addresses,
        kind: ServiceKind::LoadBalancer,
        vip_host: None,
        ..spec
    });
    let pods = addresses_of(&PODS[..4], 1..=3)
        .prop_map(|pods| pods.into_iter().map(|pod| (pod, Some("node-a"), None)).collect());
    let services = vec((spec, pods), SERVICES.len()..=SERVICES.len());
    services.prop_map(|services| {
        let held = all(&ADDRESSES).into_iter().map(|address| (address, Standing::Usable)).collect();
        let node = Event::Node("node-a", all(&["172.20.0.5"]), vec!["10.0.0.0/24", "10.0.1.0/24"], Readiness::Ready);
        let of = |(who, (spec, pods)): (usize, (Spec, Vec<Listed>))| {
            [Event::Endpoints(who, pods), Event::Service(who, spec)]
        };
        [Event::Held(held), node].into_iter().chain(services.into_iter().enumerate().flat_map(of)).collect()
    })
}

pub(crate) fn happenings() -> impl Strategy<Value = Happening> {
    let answered = prop_oneof![4 => Just(Answered::All), 1 => (0..3usize).prop_map(Answered::First)];
    let slices = prop_oneof![4 => Just(usize::MAX), 1 => 0..3usize];
    let most = prop_oneof![2 => Just(usize::MAX), 1 => 1..6usize];
    let fate = (slices, most).prop_map(|(slices, most)| Fate { slices, most });
    (events(), answered, fate).prop_map(|(event, answered, fate)| Happening { event, answered, fate })
}

fn events() -> impl Strategy<Value = Event> {
    let who = || 0..SERVICES.len();
    let node = || select(NODES.to_vec());
    let ready = select(vec![Readiness::Ready, Readiness::NotReady]);
    let standing = select(vec![Standing::Usable, Standing::Usable, Standing::Tentative, Standing::Duplicate]);
    let pods = vec((select(NAMESPACES.to_vec()), addresses(&PODS, 1).prop_map(|all| all[0])), 0..4);
    prop_oneof![
        8 => (who(), specs()).prop_map(|(who, spec)| Event::Service(who, spec)),
        2 => who().prop_map(Event::Gone),
        1 => who().prop_map(Event::Unreadable),
        6 => (who(), vec(listed(), 0..5)).prop_map(|(who, listed)| Event::Endpoints(who, listed)),
        3 => (node(), addresses_up_to(&PODS, 2), subsequence(NETWORKS.to_vec(), 0..=2), ready)
            .prop_map(|(name, addresses, networks, ready)| Event::Node(name, addresses, networks, ready)),
        1 => node().prop_map(Event::NodeGone),
        1 => subsequence(vec!["10.96.0.0/12", "11.0.0.0/30"], 0..=2).prop_map(Event::ServiceNetworks),
        1 => (select(NAMESPACES.to_vec()), select(vec![None, Some("guarded")])).prop_map(|(name, label)| Event::Labels(name, label)),
        2 => btree_map(select(all(&ADDRESSES)), standing, 0..7).prop_map(Event::Held),
        1 => subsequence(NETWORKS.to_vec(), 0..=2).prop_map(Event::Connected),
        1 => select(vec![None, Some("kube_vip_v4")]).prop_map(Event::Foreign),
        1 => proptest::option::of(pods).prop_map(Event::Pods),
        1 => select(vec![Policies::Obedient, Policies::Guarded, Policies::Shadowed, Policies::Narrowed]).prop_map(Event::Policies),
        2 => select(vec![1u64, 3, 15, 700]).prop_map(Event::Later),
        1 => Just(Event::MemoryIsLost),
    ]
}

fn specs() -> impl Strategy<Value = Spec> {
    let wish = proptest::option::weighted(0.9, select(WISHES.to_vec()));
    let kind = prop_oneof![6 => Just(ServiceKind::LoadBalancer), 1 => Just(ServiceKind::ClusterIp)];
    let vip_host = select(vec![None, None, Some("node-a"), Some("Node-A"), Some("node-b")]);
    let asks_kube_vip = select(vec![None, None, Some("true")]);
    let cluster_address = proptest::option::of(select(all(&["10.96.0.7", "192.0.2.77"])));
    let some = prop_oneof![2 => addresses_of(&ADDRESSES[..3], 1..=2), 1 => addresses_up_to(&ADDRESSES, 3)];
    let life = prop_oneof![4 => Just(0u8), 1 => Just(1u8)];
    let many = (some, 0..3i64, life);
    (wish, many, kind, vip_host, asks_kube_vip, cluster_address).prop_map(
        |(wish, (addresses, created, life), kind, vip_host, asks_kube_vip, cluster_address)| Spec {
            wish,
            addresses,
            created,
            life,
            kind,
            vip_host,
            asks_kube_vip,
            cluster_address,
        },
    )
}

fn listed() -> impl Strategy<Value = Listed> {
    let node = select(vec![Some("node-a"), Some("node-a"), Some("node-b"), None]);
    (select(all(&PODS)), node, proptest::option::of(select(NAMESPACES.to_vec())))
}

fn all(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| a(text)).collect()
}

fn addresses(texts: &[&str], count: usize) -> impl Strategy<Value = Vec<IpAddr>> + use<> {
    subsequence(all(texts), count)
}

fn addresses_of(texts: &[&str], count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<IpAddr>> + use<> {
    subsequence(all(texts), count)
}

fn addresses_up_to(texts: &[&str], most: usize) -> impl Strategy<Value = Vec<IpAddr>> + use<> {
    subsequence(all(texts), 0..=most)
}
