//! What can happen: in a world so small that everything meets.

use std::net::IpAddr;

use egressd_core::model::{
    Completeness, LeaseTerm, ManagedBy, NamedNode, Phase, PodNetwork, PrivateDestinations, Readiness, ServiceType,
    Writer,
};
use egressd_core::owner::LocalAddresses;
use egressd_core::pipeline::Settings;
use egressd_core::testkit::a;

use crate::policies::Policies;

/// The Services of the world. Two of them have one Lease of Cilium's.
pub(crate) const SERVICES: [(&str, &str); 6] =
    [("red", "one"), ("red", "two"), ("red", "blue-one"), ("blue", "one"), ("blue", "two"), ("red-blue", "one")];
pub(crate) const NAMESPACES: [&str; 3] = ["red", "blue", "red-blue"];
pub(crate) const NODES: [&str; 3] = ["node-a", "node-b", "node-c"];
/// Endpoints; some are nodes' addresses, or in no pod network.
pub(crate) const PODS: [&str; 8] =
    ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.1", "10.9.0.1", "172.20.0.5", "fd00:10:244::1", "fd00:10:244::2"];
/// What nodes have beside those.
pub(crate) const NODE_ADDRESSES: [&str; 3] = ["172.20.0.11", "172.20.0.12", "fd00:7::13"];
/// What Services translate to; some are on interfaces, or in networks of the cluster.
pub(crate) const ADDRESSES: [&str; 6] = ["11.0.0.1", "11.0.0.2", "11.0.0.3", "10.0.1.200", "172.20.0.5", "fc00:11::1"];
pub(crate) const NETWORKS: [&str; 5] =
    ["10.0.0.0/24", "10.0.1.0/24", "10.9.0.0/16", "172.20.0.0/16", "fd00:10:244::/64"];

/// Which Services select a pod, by the value of a label. Services select the first, unless another is set.
pub(crate) const APPS: [&str; 2] = ["web", "db"];

/// The slices of a Service; the first is there from the beginning.
pub(crate) const SLICES: [&str; 3] = ["slice", "b", "c"];

/// One Service, as it is.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) wish: Option<&'static str>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) created: i64,
    pub(crate) life: u8,
    pub(crate) kind: ServiceType,
    pub(crate) class: Option<&'static str>,
    pub(crate) vip_host: Option<&'static str>,
    /// Which node says that it translates for others.
    pub(crate) gateway: Option<&'static str>,
    pub(crate) asks_kube_vip: Option<&'static str>,
    pub(crate) on_unavailable: Option<&'static str>,
    pub(crate) cluster_address: Option<IpAddr>,
}

/// An endpoint, where it is, and whose pod it says that it is.
pub(crate) type Listed = (IpAddr, Option<&'static str>, Option<&'static str>);

/// What a policy that reads no more than it needs knows nothing of.
pub(crate) const NOTE: &str = "note";

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Service(usize, OfService),
    Node(&'static str, OfNode),
    Cluster(OfCluster),
    Pods(OfPods),
    Host(OfHost),
    Announced(OfAnnounced),
    Policies(Policies),
    Later(u64),
    /// The loop is busy: so many updates wait for the one after them, and their keys add up. No source hands over a
    /// snapshot without the keys of all that is new in it.
    Delay(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum OfService {
    Is(Spec),
    Gone,
    /// It is there and cannot be read: the life that was known, or this one.
    Unreadable(Option<u8>),
    Slice(&'static str, ManagedBy, Vec<Listed>),
    SliceGone(&'static str),
    /// Another makes the same slice.
    SliceBy(&'static str, ManagedBy),
    /// By this label, or by hand.
    Selected(Option<&'static str>),
    /// The endpoint at this place among those that are listed, and who wrote it.
    Publishes(Option<usize>, Writer),
    Note(Option<&'static str>),
    /// Which node says that it translates for others.
    Gateway(Option<&'static str>),
    /// What the EgressPolicy of its name is and selects; none where there is none.
    Policy(Option<(Spec, Vec<Listed>)>),
}

#[derive(Clone, Debug)]
pub(crate) enum OfNode {
    Is(Vec<IpAddr>, Vec<&'static str>, Readiness),
    Gone,
    /// How much of it can be read, and what it had before.
    Part(Completeness, Vec<IpAddr>, Vec<&'static str>),
    Label(Option<&'static str>),
    Readiness(Readiness),
    /// What it publishes about itself; nothing any more.
    Publishes(Option<Published>),
}

/// What a node says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) addresses: Vec<IpAddr>,
    /// Where it takes packets of others, each as an end of its own.
    pub(crate) ends: Vec<IpAddr>,
    pub(crate) held: Vec<IpAddr>,
    /// Whether all of these could be read.
    pub(crate) completeness: Completeness,
}

#[derive(Clone, Debug)]
pub(crate) enum OfCluster {
    ServiceNetworks(Vec<&'static str>),
    /// What a network plugin says of pods.
    Plugin(Option<(Vec<&'static str>, Completeness)>),
    /// Of a namespace.
    Labels(&'static str, Option<&'static str>),
    /// Whether it has [`NOTE`], and what that says.
    Notes(&'static str, Option<&'static str>),
}

#[derive(Clone, Debug)]
pub(crate) enum OfPods {
    Are(Vec<(&'static str, IpAddr)>),
    NotWatched,
    /// They cannot be read now, or can be again.
    LastKnown,
    One(u8, OnePod),
    /// The addresses of this pod are announced.
    Announced(u8, OnePod),
    OneGone(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct OnePod {
    pub(crate) namespace: &'static str,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) network: PodNetwork,
    pub(crate) phase: Phase,
    pub(crate) label: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) enum OfHost {
    LocalAddresses(LocalAddresses),
    Connected(Vec<&'static str>),
    Foreign(Option<&'static str>),
    MemoryIsLost,
    Damaged(Damage),
}

/// What load balancers write: which node announces the addresses of a Service, if they write it at all.
#[derive(Clone, Debug)]
pub(crate) enum OfAnnounced {
    /// MetalLB, in the object of this name.
    Status(usize, &'static str, Option<(NamedNode, i64)>),
    Lease(LeaseOf, Option<(NamedNode, i64, LeaseTerm)>),
    /// What may be about any Service.
    Unreadable(Option<&'static str>),
}

/// Whose Lease it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LeaseOf {
    Cilium(usize),
    KubeVip(usize),
    /// kube-vip, for all Services.
    All,
}

/// What another program does to the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    ElementGone,
    ChainMore,
    RuleGone,
}

/// How many of the questions are answered before the next round.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answered {
    All,
    First(usize),
}

/// How many slices of a change the kernel takes, how large they are, and what is known of it where it refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitLimits {
    pub(crate) slices: usize,
    pub(crate) most: usize,
    pub(crate) then: Knowledge,
}

/// What is known of what the kernel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knowledge {
    Sure,
    /// It is read before it is written to.
    Doubtful,
}

#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) event: Event,
    pub(crate) answered: Answered,
    pub(crate) limits: CommitLimits,
}

/// The node as it is set.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) settings: Settings,
    pub(crate) private: PrivateDestinations,
    /// What was there before anything happened.
    pub(crate) beginning: Vec<Event>,
}

pub(crate) fn all(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| a(text)).collect()
}
