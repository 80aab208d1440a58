//! How likely is what can happen.

use std::net::IpAddr;

use egressd_core::model::{Completeness, ManagedBy, Phase, PodNetwork, Readiness, Writer};
use egressd_core::owner::AddressState;
use egressd_core::testkit::a;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::announced::announced;
use crate::events::{
    ADDRESSES, APPS, Answered, CommitLimits, Damage, Event, Happening, Knowledge, NAMESPACES, NETWORKS, NODE_ADDRESSES,
    NODES, OfCluster, OfHost, OfNode, OfPods, OfService, OnePod, PODS, Published, SERVICES, SLICES, all,
};
use crate::policies::Policies;
use crate::scenes::{addresses, listed, specs};

pub(crate) fn happenings() -> impl Strategy<Value = Happening> {
    let answered = prop_oneof![4 => Just(Answered::All), 1 => (0..3usize).prop_map(Answered::First)];
    (events(), answered, commit_limits()).prop_map(|(event, answered, limits)| Happening { event, answered, limits })
}

fn commit_limits() -> impl Strategy<Value = CommitLimits> {
    let slices = prop_oneof![4 => Just(usize::MAX), 1 => 0..3usize];
    let most = prop_oneof![2 => Just(usize::MAX), 1 => 1..6usize];
    let then = select(vec![Knowledge::Sure, Knowledge::Doubtful]);
    (slices, most, then).prop_map(|(slices, most, then)| CommitLimits { slices, most, then })
}

fn events() -> impl Strategy<Value = Event> {
    let all = vec![Policies::Alone, Policies::Guarded, Policies::Shadowed, Policies::Narrowed, Policies::Tried];
    prop_oneof![
        24 => (0..SERVICES.len(), of_services()).prop_map(|(who, event)| Event::Service(who, event)),
        7 => (select(NODES.to_vec()), of_nodes()).prop_map(|(name, event)| Event::Node(name, event)),
        3 => of_cluster().prop_map(Event::Cluster),
        8 => of_pods().prop_map(Event::Pods),
        6 => of_host().prop_map(Event::Host),
        6 => announced().prop_map(Event::Announced),
        2 => select(all).prop_map(Event::Policies),
        3 => select(vec![1u64, 2, 3, 15, 700]).prop_map(Event::Later),
        1 => (1..4usize).prop_map(Event::Delay),
    ]
}

fn of_services() -> impl Strategy<Value = OfService> {
    let made_by = || select(vec![ManagedBy::Controller, ManagedBy::Controller, ManagedBy::Other]);
    let writer = select(vec![Writer::Anybody, Writer::KubeVip]);
    prop_oneof![
        8 => specs().prop_map(OfService::Is),
        2 => Just(OfService::Gone),
        2 => of(0..3u8).prop_map(OfService::Unreadable),
        8 => (select(vec![SLICES[0], SLICES[0], SLICES[1], SLICES[2]]), made_by(), vec(listed(), 0..5))
            .prop_map(|(name, made_by, listed)| OfService::Slice(name, made_by, listed)),
        1 => select(SLICES.to_vec()).prop_map(OfService::SliceGone),
        2 => (select(SLICES.to_vec()), made_by()).prop_map(|(name, made_by)| OfService::SliceBy(name, made_by)),
        1 => of(select(APPS.to_vec())).prop_map(OfService::Selected),
        2 => (of(0..5usize), writer).prop_map(|(place, writer)| OfService::Publishes(place, writer)),
        1 => select(vec![None, Some("x"), Some("y")]).prop_map(OfService::Note),
        3 => of(select(NODES.to_vec())).prop_map(OfService::Gateway),
        3 => of((specs(), vec(listed(), 0..4))).prop_map(OfService::Policy),
    ]
}

fn of_nodes() -> impl Strategy<Value = OfNode> {
    let addresses = || {
        let listed = (addresses(&PODS, 0..=2), of(select(NODE_ADDRESSES.to_vec())));
        listed.prop_map(|(pods, own)| own.into_iter().map(a).chain(pods).collect::<Vec<_>>())
    };
    let networks = || subsequence(NETWORKS.to_vec(), 0..=2);
    let readiness = || select(vec![Readiness::Ready, Readiness::NotReady]);
    prop_oneof![
        3 => (addresses(), networks(), readiness())
            .prop_map(|(addresses, networks, ready)| OfNode::Is(addresses, networks, ready)),
        1 => Just(OfNode::Gone),
        2 => (completenesses(), addresses(), networks())
            .prop_map(|(completeness, addresses, networks)| OfNode::Part(completeness, addresses, networks)),
        1 => select(vec![None, Some("a"), Some("b")]).prop_map(OfNode::Label),
        2 => readiness().prop_map(OfNode::Readiness),
        2 => of(published()).prop_map(OfNode::Publishes),
    ]
}

/// Addresses of pods, of load balancers, unused and impossible ones.
fn published() -> impl Strategy<Value = Published> {
    let all = [&PODS[..], &ADDRESSES, &["192.0.2.7", "127.0.0.1"]].concat();
    let all = subsequence(all.into_iter().map(a).collect::<Vec<_>>(), 0..=3);
    let ends = of(select(NODE_ADDRESSES.to_vec())).prop_map(|end| end.into_iter().map(a).collect());
    let completeness = prop_oneof![5 => Just(Completeness::Whole), 1 => Just(Completeness::Partial)];
    (all, ends, addresses(&ADDRESSES, 0..=4), completeness)
        .prop_map(|(addresses, ends, held, completeness)| Published { addresses, ends, held, completeness })
}

fn completenesses() -> impl Strategy<Value = Completeness> {
    select(vec![Completeness::Whole, Completeness::Partial])
}

fn of_cluster() -> impl Strategy<Value = OfCluster> {
    let networks = subsequence(NETWORKS.to_vec(), 0..=2);
    prop_oneof![
        subsequence(vec!["10.96.0.0/12", "11.0.0.0/30"], 0..=2).prop_map(OfCluster::ServiceNetworks),
        of((networks, completenesses())).prop_map(OfCluster::Plugin),
        (select(NAMESPACES.to_vec()), select(vec![None, Some("guarded")]))
            .prop_map(|(name, label)| OfCluster::Labels(name, label)),
        (select(NAMESPACES.to_vec()), select(vec![None, Some("x"), Some("y")]))
            .prop_map(|(name, value)| OfCluster::Notes(name, value)),
    ]
}

pub(crate) fn known_pods() -> impl Strategy<Value = Vec<(&'static str, IpAddr)>> {
    vec((select(NAMESPACES.to_vec()), select(all(&PODS))), 0..4)
}

fn of_pods() -> impl Strategy<Value = OfPods> {
    prop_oneof![
        2 => known_pods().prop_map(OfPods::Are),
        1 => Just(OfPods::NotWatched),
        2 => Just(OfPods::LastKnown),
        8 => (0..4u8, one_pod()).prop_map(|(number, pod)| OfPods::One(number, pod)),
        2 => (0..4u8, one_pod()).prop_map(|(number, pod)| OfPods::Announced(number, pod)),
        1 => (0..4u8).prop_map(OfPods::OneGone),
    ]
}

fn one_pod() -> impl Strategy<Value = OnePod> {
    let network = prop_oneof![7 => Just(PodNetwork::Own), 1 => Just(PodNetwork::Host)];
    let phase = prop_oneof![7 => Just(Phase::Alive), 1 => Just(Phase::Ended)];
    let addresses = subsequence([&PODS[..], &ADDRESSES[..1]].concat(), 0..=2).prop_map(|texts| all(&texts));
    let label = of(select(APPS.to_vec()));
    (select(NAMESPACES.to_vec()), addresses, network, phase, label).prop_map(
        |(namespace, addresses, network, phase, label)| OnePod { namespace, addresses, network, phase, label },
    )
}

fn of_host() -> impl Strategy<Value = OfHost> {
    let standing =
        select(vec![AddressState::Usable, AddressState::Usable, AddressState::Tentative, AddressState::Duplicate]);
    let damage = select(vec![Damage::ElementGone, Damage::ChainMore, Damage::RuleGone]);
    prop_oneof![
        2 => btree_map(select(all(&ADDRESSES)), standing, 0..7).prop_map(OfHost::LocalAddresses),
        1 => subsequence(NETWORKS.to_vec(), 0..=2).prop_map(OfHost::Connected),
        1 => select(vec![None, Some("kube_vip_v4")]).prop_map(OfHost::Foreign),
        1 => Just(OfHost::MemoryIsLost),
        2 => damage.prop_map(OfHost::Damaged),
    ]
}
