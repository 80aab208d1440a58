//! What an earlier process knew counts at the start, for what cannot be read then.

use egressd_core::model::{ClusterNetworks, Completeness, Unreadable};
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::source::cluster::memory::{RestoredState, lines, parse};
use crate::source::kind::NetworkKind;

const CILIUM: NetworkKind = NetworkKind::CiliumNodes;

/// The Node, CiliumNode or ServiceCIDR of a name with one network, and whether a part of it cannot be read.
fn inside(kind: Kind, of: &str, number: u8, faults: &[&str]) -> Reading {
    let network: IpNet = format!("10.{number}.0.0/16").parse().expect("a network");
    let completeness = if faults.is_empty() { Completeness::Whole } else { Completeness::Partial };
    let object = match kind {
        Kind::ServiceNetworks => Object::ServiceNetworks(of.to_owned(), Arc::new(vec![network])),
        Kind::Networks(kind) => {
            let networks = ClusterNetworks { pods: vec![network], services: vec![], completeness };
            Object::Networks((Kind::Networks(kind), kind.called(of.to_owned())), Arc::new(networks))
        }
        Kind::EgressNodes => {
            let addresses = [[192, 168, 1, number].into()].into();
            let node = EgressNode { addresses, completeness, ..EgressNode::default() };
            Object::EgressNode(of.to_owned(), Arc::new(node))
        }
        Kind::Nodes
        | Kind::Services
        | Kind::Slices
        | Kind::Namespaces
        | Kind::Policies
        | Kind::Pods
        | Kind::Claims(_)
        | Kind::Endpoints => {
            let addresses = vec![[192, 168, 0, number].into()];
            let node = Node { addresses, pod_networks: vec![network], completeness, ..Node::default() };
            let networks = ClusterNetworks { pods: vec![network], services: vec![network], completeness };
            let arguments = [("k3s.io/node-args", Arc::new(networks))].into_iter().take(usize::from(number < 3));
            Object::Node(of.to_owned(), Arc::new(node), arguments.collect())
        }
    };
    let faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
    Reading { faults, ..good(name("", of), object) }
}

/// A state after a restart.
pub(super) fn restarted(before: &State) -> State {
    let objects = parse(lines(&before.facts()).as_bytes());
    State::of(Kind::FOLLOWED).recalling(RestoredState { objects, pods: before.facts().pods, unknown: None })
}

/// All networks and addresses of an object, as text, and whether that is all.
type Inside = BTreeMap<String, BTreeSet<String>>;

fn inside_of(state: &State) -> Inside {
    let Snapshot { nodes, egress_nodes, service_networks, cluster_networks, .. } = &state.snapshot;
    let unread = |completeness| (completeness == Completeness::Partial).then(|| "unread".to_owned());
    let nodes = nodes.iter().map(|(name, node)| {
        let addresses = node.addresses.iter().chain(&node.before.addresses).map(ToString::to_string);
        let networks = node.pod_networks.iter().chain(&node.before.pod_networks).map(ToString::to_string);
        (format!("node {name}"), addresses.chain(networks).chain(unread(node.completeness)).collect())
    });
    let of_cluster = cluster_networks.iter().map(|(title, known)| {
        let networks = known.pods.iter().chain(&known.services).map(ToString::to_string);
        (title.clone(), networks.chain(unread(known.completeness)).collect())
    });
    let networks = service_networks.iter();
    let networks = networks.map(|(name, all)| (name.clone(), all.iter().map(ToString::to_string).collect()));
    let published = egress_nodes.by_name.iter();
    let published = published
        .map(|(name, node)| (format!("published {name}"), node.addresses.iter().map(ToString::to_string).collect()));
    nodes.chain(published).chain(of_cluster).chain(networks).collect()
}

/// They are kept until the next of them is news, which may be never, and Services change all the time.
#[test]
fn what_the_next_process_has_to_know_holds_no_service() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Nodes, &[inside(Kind::Nodes, "a", 1, &[])]);
    list(&mut state, Kind::Services, &[service("web", "1")]);
    let Snapshot { services, nodes, .. } = state.facts().snapshot;
    assert_eq!((state.snapshot.services.len(), services.len(), nodes.len()), (1, 0, 1));
}

#[test]
fn a_node_that_cannot_be_read_at_the_start_keeps_what_was_inside_and_says_so() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Nodes, &[inside(Kind::Nodes, "a", 1, &[]), inside(Kind::Nodes, "b", 2, &[])]);
    let mut next = restarted(&state);
    list(&mut next, Kind::Nodes, &[unreadable(&inside(Kind::Nodes, "a", 1, &[]), "1")]);
    assert_eq!(
        inside_of(&next),
        [("node a", vec!["10.1.0.0/16", "192.168.0.1"]), ("Node a (k3s.io/node-args)", vec!["10.1.0.0/16"])]
            .map(|(of, all)| (of.to_owned(), all.into_iter().map(str::to_owned).collect()))
            .into()
    );
    assert!(next.findings()[0].message.ends_with("its last good state stays in force"));
    assert_eq!(keys(&mut next), ["cluster"]);
    // What was recalled was for the start: the Node of that name that comes later is another one.
    list(&mut next, Kind::Nodes, &[]);
    state.apply(Kind::Nodes, Event::Changed(unreadable(&inside(Kind::Nodes, "c", 1, &[]), "1")));
    next.apply(Kind::Nodes, Event::Changed(unreadable(&inside(Kind::Nodes, "b", 2, &[]), "1")));
    assert_eq!(inside_of(&next), [("node b".to_owned(), ["unread".to_owned()].into())].into());
    let message = |state: &State| state.findings()[0].message.clone();
    assert!(message(&next).ends_with("none of it is in force"), "{}", message(&next));
    next.apply(Kind::Nodes, Event::Changed(unreadable(&inside(Kind::Nodes, "b", 2, &[]), "1")));
    assert!(message(&next).ends_with("none of it is in force"), "{}", message(&next));
}

#[test]
fn a_node_that_was_never_read_is_in_doubt_for_the_next_process_too() {
    let in_doubt = |state: &State| state.snapshot.nodes.values().all(|node| node.completeness == Completeness::Partial);
    let mut state = State::of(Kind::FOLLOWED);
    let node = unreadable(&inside(Kind::Nodes, "a", 1, &[]), "1");
    list(&mut state, Kind::Nodes, std::slice::from_ref(&node));
    let mut next = restarted(&state);
    list(&mut next, Kind::Nodes, &[node]);
    assert!([&state, &next].into_iter().all(|state| state.snapshot.nodes.len() == 1 && in_doubt(state)));
}

#[test]
fn a_field_that_cannot_be_read_at_the_start_does_not_shrink_what_is_inside() {
    let mut state = State::of(Kind::FOLLOWED);
    let kinds = [Kind::Nodes, Kind::ServiceNetworks, Kind::Networks(CILIUM)];
    for kind in kinds {
        list(&mut state, kind, &[inside(kind, "a", 1, &[])]);
    }
    let mut next = restarted(&state);
    for kind in kinds {
        list(&mut next, kind, &[inside(kind, "a", 2, &["status.addresses[0].address \"\" is not an address"])]);
    }
    let all = inside_of(&next);
    assert!(
        all.values().all(|inside| ["10.1.0.0/16", "10.2.0.0/16"].iter().all(|one| inside.contains(*one))),
        "{all:?}"
    );
    assert_eq!(inside_of(&restarted(&next)), Inside::new(), "nothing counts before it is listed");
}

/// What a node published stays inside where its object cannot be read, in part or at all, and where none may be read any more.
#[test]
fn what_nodes_published_stays_inside_where_it_cannot_be_read_at_the_start() {
    let kind = Kind::EgressNodes;
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, kind, &["a", "b", "c"].map(|of| inside(kind, of, 1, &[])));
    let mut next = restarted(&state);
    let partly = inside(kind, "b", 2, &["spec.addresses[1] \"\" is not an address"]);
    list(&mut next, kind, &[unreadable(&inside(kind, "a", 1, &[]), "1"), partly]);
    let both = [("a", vec!["192.168.1.1"]), ("b", vec!["192.168.1.1", "192.168.1.2"])];
    let expected = both.map(|(of, all)| (format!("published {of}"), all.into_iter().map(str::to_owned).collect()));
    assert_eq!(inside_of(&next), expected.into(), "c is gone");
    let mut forbidden = restarted(&state);
    forbidden.forgo(kind);
    assert_eq!(inside_of(&forbidden), inside_of(&state));
    let mut absent = restarted(&state);
    absent.apply(kind, Event::Absent);
    assert_eq!(inside_of(&absent), Inside::new(), "the server answers that there are none");
}

/// Without the right to read them it is unknown whose an address is, so nothing new belongs to any.
#[test]
fn pods_that_an_earlier_process_could_read_are_last_known_where_this_one_may_not() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Pods, &[pod("hr", "x", 1)]);
    let known = |state: &State| whose_is(&state.snapshot, [10, 0, 0, 1].into());
    let mut next = restarted(&state);
    assert_eq!(known(&next), "not watched");
    next.forgo(Kind::Pods);
    assert_eq!((known(&next).as_str(), keys(&mut next)), ("last Unknown", vec!["pods".to_owned()]));
    next.resumed(Kind::Pods);
    let mut after = restarted(&next);
    after.forgo(Kind::Pods);
    assert_eq!((known(&next).as_str(), known(&after).as_str()), ("last Unknown", "last Unknown"));
    list(&mut next, Kind::Pods, &[pod("hr", "x", 1)]);
    assert_eq!(known(&next), "Foreign(\"hr\")");
    let others = || Kind::FOLLOWED.into_iter().filter(|kind| *kind != Kind::Pods);
    let mut unasked =
        State::of(others()).recalling(RestoredState { pods: state.facts().pods, ..RestoredState::default() });
    unasked.forgo(Kind::Pods);
    assert_eq!(known(&unasked), "not watched");
}

#[derive(Clone, Debug)]
enum Step {
    Put(Kind, Reading),
    Delete(Kind, &'static str),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let kind = || prop::sample::select(&[Kind::Nodes, Kind::ServiceNetworks, Kind::Networks(CILIUM)][..]);
    let named = move || (kind(), prop::sample::select(&["a", "b"][..]));
    let partly = &["a field is not what it should be"];
    prop_oneof![
        3 => (named(), 1..4_u8).prop_map(|((kind, of), number)| Step::Put(kind, inside(kind, of, number, &[]))),
        3 => (named(), 1..4_u8).prop_map(|((kind, of), number)| Step::Put(kind, inside(kind, of, number, partly))),
        2 => named().prop_map(|(kind, of)| Step::Put(kind, unreadable(&inside(kind, of, 1, &[]), "1"))),
        1 => named().prop_map(|(kind, of)| Step::Delete(kind, of)),
        4 => Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever can be read of Nodes, ServiceCIDRs and network plugins and when: who was started anew sees the same inside.
    #[test]
    fn a_restart_at_any_time_leaves_the_same_inside(steps in prop::collection::vec(any_step(), 0..20)) {
        let mut objects: BTreeMap<(Kind, String), Reading> = BTreeMap::new();
        let (mut lasting, mut other) = (State::of(Kind::FOLLOWED), State::of(Kind::FOLLOWED));
        for step in steps {
            match step {
                Step::Put(kind, reading) => {
                    objects.insert((kind, reading.name.name.to_string()), reading.clone());
                    [&mut lasting, &mut other].into_iter().for_each(|state| state.apply(kind, Event::Changed(reading.clone())));
                }
                Step::Delete(kind, of) => {
                    objects.remove(&(kind, of.to_owned()));
                    [&mut lasting, &mut other].into_iter().for_each(|state| state.apply(kind, Event::Gone(name("", of))));
                }
                Step::Restart => {
                    other = restarted(&other);
                    for kind in Kind::FOLLOWED {
                        let listed = objects.iter().filter(|((of, _), _)| *of == kind);
                        list(&mut other, kind, &listed.map(|(_, reading)| reading.clone()).collect::<Vec<_>>());
                    }
                }
            }
            prop_assert_eq!(inside_of(&lasting), inside_of(&other));
        }
    }
}

#[test]
fn a_service_and_a_guard_that_cannot_be_read_from_the_start_are_there_all_the_same() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Services, &[unreadable(&service("web", "1"), "1")]);
    list(&mut state, Kind::Policies, &[unreadable(&policy("guard", ""), "2")]);
    let key = SubjectKey::service("shop", "web");
    let lost = &state.snapshot.unreadable;
    assert_eq!((lost.services[&key].uid.as_str(), lost.policies.contains("guard")), ("1", true));
    assert_eq!(keys(&mut state), ["shop/web", "policy guard"]);
    assert!(state.findings()[0].message.ends_with("; its last good state is unknown"));
    list(&mut state, Kind::Services, &[unreadable(&service("web", "1"), "1")]);
    assert_eq!(state.update().map(|update| update.keys), None, "no news");
    list(&mut state, Kind::Services, &[service("web", "1")]);
    list(&mut state, Kind::Policies, &[]);
    assert_eq!(keys(&mut state), ["shop/web", "policy guard"]);
    assert_eq!(state.snapshot.unreadable, Unreadable::default());
    state.apply(Kind::Services, Event::Changed(unreadable(&service("web", "1"), "1")));
    assert_eq!(state.snapshot.unreadable, Unreadable::default(), "its last good state is known");
    state.apply(Kind::Services, Event::Changed(unreadable(&service("web", "2"), "2")));
    assert_eq!(state.snapshot.unreadable.services[&key].uid.as_str(), "2");
}
