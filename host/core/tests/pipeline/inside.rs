//! What is inside follows the newest state, whatever changed and in which order: gathered anew only where something
//! matters, it is what gathering everything gives.

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{
    ChangeKey, ClusterFacts, Completeness, Connected, EarlierNodeData, Endpoint, ManagedBy, Node, Readiness, Selection,
    Slice, Snapshot, SubjectKey, Surroundings,
};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Settings};
use egressd_core::testkit::{a, context, n, service, settings};
use proptest::collection::vec;
use proptest::prelude::*;

/// Known, connected, neither; and public.
const ADDRESSES: [&str; 5] = ["10.0.0.7", "172.30.1.7", "192.168.7.7", "10.96.0.7", "203.0.113.7"];

#[derive(Clone, Debug)]
enum Step {
    Service { name: u8, cluster_address: usize, selection: Selection },
    Slice { name: u8, pods: Vec<usize>, made_by: ManagedBy },
    Gone(u8),
    Node(Completeness),
    NoNode,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let selection = prop_oneof![Just(Selection::of([("app", "web")].into())), Just(Selection::ByHand)];
    let made_by = prop_oneof![4 => Just(ManagedBy::Controller), 1 => Just(ManagedBy::Other)];
    let at = 0..ADDRESSES.len();
    let one = prop_oneof![
        3 => (0..3u8, at.clone(), selection)
            .prop_map(|(name, cluster_address, selection)| Step::Service { name, cluster_address, selection }),
        3 => (0..3u8, vec(at, 0..3), made_by).prop_map(|(name, pods, made_by)| Step::Slice { name, pods, made_by }),
        1 => (0..3u8).prop_map(Step::Gone),
        1 => prop_oneof![Just(Completeness::Whole), Just(Completeness::Partial)].prop_map(Step::Node),
        1 => Just(Step::NoNode),
    ];
    vec(one, 1..12)
}

fn key(name: u8) -> SubjectKey {
    SubjectKey::service("default", format!("s{name}"))
}

fn endpoint(address: IpAddr) -> Endpoint {
    let pod = Some(egressd_core::model::ObjectReference::new("default", "pod"));
    Endpoint { address, node: Some(context().node.into()), pod, ready: None, serving: None, terminating: None }
}

fn apply(step: &Step, snapshot: &mut Snapshot) -> ChangeKey {
    match step {
        Step::Service { name, cluster_address, selection } => {
            let mut one = service(&format!("s{name}"), &["11.0.0.2"]);
            one.cluster_addresses = vec![a(ADDRESSES[*cluster_address])];
            one.selection.clone_from(selection);
            snapshot.services.insert(key(*name), Arc::new(one));
            ChangeKey::Subject(key(*name))
        }
        Step::Slice { name, pods, made_by } => {
            let endpoints = pods.iter().map(|pod| endpoint(a(ADDRESSES[*pod]))).collect();
            let slice = Slice { service: key(*name), made_by: *made_by, endpoints };
            snapshot.slices.insert(key(*name), [("one".to_owned(), Arc::new(slice))].into_iter().collect());
            ChangeKey::Subject(key(*name))
        }
        Step::Gone(name) => {
            snapshot.services.remove(&key(*name));
            snapshot.slices.remove(&key(*name));
            ChangeKey::Subject(key(*name))
        }
        Step::Node(completeness) => {
            let pod_networks = vec![n("10.0.0.0/24")];
            let node = Node { pod_networks, completeness: *completeness, ..Node::default() };
            snapshot.nodes.insert(context().node, Arc::new(node));
            ChangeKey::Cluster
        }
        Step::NoNode => {
            snapshot.nodes.remove(&context().node);
            ChangeKey::Cluster
        }
    }
}

/// The same where this node's Node was there once.
fn with_own_node(snapshot: &Snapshot) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let gone = || {
        let before = EarlierNodeData { pod_networks: vec![n("10.0.0.0/24")], ..EarlierNodeData::default() };
        Arc::new(Node { before, readiness: Readiness::NotReady, ..Node::default() })
    };
    snapshot.nodes.entry(context().node).or_insert_with(gone);
    snapshot
}

proptest! {
    /// Where two objects of files have one identity, what one hides comes without a key of its own.
    #[test]
    fn what_is_inside_is_the_same_as_gathered_anew(steps in steps(), is_named in vec(any::<bool>(), 12)) {
        let settings = Settings { cluster: Default::default(), ..settings(Owner::Any) };
        let connected = vec![Connected { interface: "cni0".to_owned(), network: n("172.30.1.0/24") }];
        let around = Surroundings { node: context().node, connected: connected.clone(), ..Surroundings::default() };
        let (mut pipeline, mut snapshot) = (Pipeline::new(settings.clone(), [].into()), Snapshot::default());
        let mut had_node = false;
        pipeline.connect(connected);
        for (step, is_named) in steps.iter().zip(is_named) {
            let key = Some(apply(step, &mut snapshot)).filter(|key| is_named || *key == ChangeKey::Cluster);
            drop(pipeline.update(&snapshot, &key.into_iter().collect()));
            prop_assert_eq!(pipeline.stale(), Vec::<String>::new());
            had_node |= snapshot.nodes.contains_key(&context().node);
            let state = if had_node { with_own_node(&snapshot) } else { snapshot.clone() };
            prop_assert_eq!(&*pipeline.round().inside, &ClusterFacts::gather(&state, &settings.cluster, &around));
        }
    }
}
