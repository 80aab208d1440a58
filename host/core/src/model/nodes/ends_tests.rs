//! What is accepted of tunnel ends is what going through all objects gives, over any history, and nothing that a look at
//! each condition alone refuses.
#![expect(clippy::expect_used, reason = "tests")]

use std::net::IpAddr;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::kept::KeptNodes;
use super::{AcceptedEnds, Nodes, TunnelFacts, TunnelIndex, believed_pod_networks};
use crate::finding::Finding;
use crate::model::{
    Completeness, EarlierNodeData, EgressNode, HeldAddresses, Holding, Node, PublishedNodes, PublishedTunnels,
    TunnelEnd, TunnelKind,
};

fn a(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn end(kind: TunnelKind, addresses: &[IpAddr]) -> TunnelEnd {
    TunnelEnd::new(kind, addresses.iter().copied(), kind.port(), None).expect("an end")
}

fn egress_node(ends: Vec<TunnelEnd>, held: Vec<IpAddr>) -> Arc<EgressNode> {
    let tunnels = PublishedTunnels::new(ends, 0);
    let held = HeldAddresses::new(held, Completeness::Whole);
    Arc::new(EgressNode { tunnels, held, ..EgressNode::default() })
}

/// Few, so that claims meet; one of them is impossible.
fn address() -> impl Strategy<Value = IpAddr> {
    let one = (1..7u8).prop_map(|number| IpAddr::from([10, 0, 0, number]));
    prop_oneof![8 => one, 1 => Just(a("127.0.0.1"))]
}

fn v6() -> impl Strategy<Value = IpAddr> {
    (1..3u16).prop_map(|last| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, last]))
}

fn listed() -> impl Strategy<Value = IpAddr> {
    prop_oneof![4 => address(), 1 => v6()]
}

fn node() -> impl Strategy<Value = Node> {
    let network = prop_oneof![
        6 => Just(vec![]),
        1 => Just(vec!["10.0.0.4/30"]),
        1 => Just(vec!["10.0.0.0/30", "10.0.0.0/29"]),
        1 => Just(vec!["10.0.0.5/32"]),
        1 => Just(vec!["0.0.0.0/0"]),
    ];
    let before = prop_oneof![3 => Just(vec![]), 1 => vec(listed(), 1)];
    (vec(listed(), 0..3), vec(listed(), 0..2), network, before).prop_map(|(addresses, external, networks, before)| {
        let pod_networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
        let before = EarlierNodeData { addresses: before, ..EarlierNodeData::default() };
        Node { addresses, external, pod_networks, before, ..Node::default() }
    })
}

fn published() -> impl Strategy<Value = Arc<EgressNode>> {
    let v6 = prop::option::weighted(0.3, v6());
    let kind = prop::sample::select(&TunnelKind::ALL[..]);
    let one = (kind, address(), v6)
        .prop_map(|(kind, v4, v6)| end(kind, &[Some(v4), v6].into_iter().flatten().collect::<Vec<_>>()));
    (vec(one, 0..3), vec(address(), 0..2)).prop_map(|(ends, held)| egress_node(ends, held))
}

#[derive(Clone, Debug)]
enum Event {
    Node(u8, Node),
    NodeGone(u8),
    Publishes(u8, Arc<EgressNode>),
    PublishesNothing(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let number = || 0..3u8;
    prop_oneof![
        5 => (number(), node()).prop_map(|(number, node)| Event::Node(number, node)),
        1 => number().prop_map(Event::NodeGone),
        6 => (number(), published()).prop_map(|(number, node)| Event::Publishes(number, node)),
        1 => number().prop_map(Event::PublishesNothing),
    ]
}

/// All objects of one moment.
#[derive(Clone, Debug, Default)]
struct Cluster {
    nodes: Nodes,
    published: PublishedNodes,
}

impl Cluster {
    fn meet(&mut self, event: Event) {
        let name = |number: u8| format!("n{number}");
        match event {
            Event::Node(number, node) => drop(self.nodes.insert(name(number), Arc::new(node))),
            Event::NodeGone(number) => drop(self.nodes.remove(&name(number))),
            Event::Publishes(number, node) => drop(self.published.insert(name(number), node)),
            Event::PublishesNothing(number) => drop(self.published.remove(&name(number))),
        }
    }

    /// The conditions of P18, each by itself.
    fn may_be_accepted(&self, name: &str, address: IpAddr) -> bool {
        let lists = |node: &Node| node.addresses.iter().chain(&node.before.addresses).any(|own| *own == address);
        let is_internal = |node: &Arc<Node>| lists(node) && !node.external.contains(&address);
        let in_pods =
            self.nodes.values().flat_map(|node| believed_pod_networks(node)).any(|net| net.contains(&address));
        let names = |node: &EgressNode| node.tunnels.ends().iter().any(|end| end.addresses().any(|own| own == address));
        let others = self.nodes.iter().filter(|(other, _)| *other != name);
        let mut others =
            others.map(|(other, node)| lists(node) || self.published.get(other).is_some_and(|node| names(node)));
        self.nodes.get(name).is_some_and(is_internal)
            && !in_pods
            && !others.any(|claims| claims)
            && address != a("127.0.0.1")
    }

    fn index(&self) -> TunnelIndex {
        TunnelIndex::of(&KeptNodes::of(&self.nodes), &self.published)
    }
}

fn is_accepted(ends: &AcceptedEnds, name: &str, kind: TunnelKind, address: IpAddr) -> bool {
    let end = ends.get(name).and_then(|ends| ends.iter().find(|end| end.kind() == kind));
    end.is_some_and(|end| end.addresses().any(|own| own == address))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 20_000 }))]

    /// Some come with one look, as at a start and after an outage.
    #[test]
    fn what_is_kept_of_tunnel_ends_is_what_all_objects_give(history in vec(vec(event(), 1..4), 1..10)) {
        let (mut cluster, mut nodes) = (Cluster::default(), KeptNodes::default());
        let mut index = TunnelIndex::default();
        for events in history {
            let before = index.clone();
            events.into_iter().for_each(|event| cluster.meet(event));
            nodes.follow(&cluster.nodes);
            let changed = index.follow(&nodes, &cluster.published);
            let TunnelFacts { ends, findings } = TunnelFacts::of(&cluster.nodes, &cluster.published);
            prop_assert_eq!(index.accepted(), &ends);
            prop_assert_eq!(index.findings(), findings);
            prop_assert_eq!(&index, &cluster.index(), "whatever was before");
            for name in ["n0", "n1", "n2"].into_iter().filter(|name| !changed.contains(*name)) {
                prop_assert_eq!(index.accepted().get(name), before.accepted().get(name));
                let holds = |index: &TunnelIndex| (1..7u8).map(|last| index.holds(name, [10, 0, 0, last].into())).collect::<Vec<_>>();
                prop_assert_eq!(holds(&index), holds(&before));
            }
        }
    }

    #[test]
    fn an_end_is_accepted_exactly_where_every_condition_holds_whatever_came_first(
        events in vec(event(), 1..12),
        order in any::<prop::sample::Index>(),
    ) {
        let mut cluster = Cluster::default();
        events.into_iter().for_each(|event| cluster.meet(event));
        let nodes = KeptNodes::of(&cluster.nodes);
        let mut index = TunnelIndex::default();
        let mut some = cluster.published.clone();
        if let Some(first) = some.keys().nth(order.index(some.len().max(1))).cloned() {
            some.remove(&first);
        }
        index.follow(&KeptNodes::default(), &some);
        index.follow(&nodes, &some);
        index.follow(&nodes, &cluster.published);
        for (name, node) in &cluster.published {
            for end in node.tunnels.ends() {
                for address in end.addresses() {
                    let accepted = is_accepted(index.accepted(), name, end.kind(), address);
                    prop_assert_eq!(accepted, cluster.may_be_accepted(name, address), "{} {}", name, address);
                }
            }
        }
    }
}

/// `node-a` is as it should be; `node-b` publishes an end with this address.
fn beside(address: &str, change: impl FnOnce(&mut Node)) -> Cluster {
    let mut cluster = Cluster::default();
    for (name, own) in [("node-a", "192.0.2.1"), ("node-b", "192.0.2.2")] {
        let node = Node { addresses: vec![a(own), a("2001:db8::1")], ..Node::default() };
        cluster.nodes.insert(name.to_owned(), Arc::new(node));
    }
    change(Arc::make_mut(cluster.nodes.get_mut("node-b").expect("it is there")));
    for (name, address) in [("node-a", "192.0.2.1"), ("node-b", address)] {
        let ends = vec![end(TunnelKind::VxlanGpe, &[a(address)])];
        cluster.published.insert(name.to_owned(), egress_node(ends, vec![]));
    }
    cluster
}

fn refused(cluster: &Cluster) -> (Vec<String>, Vec<String>) {
    let index = cluster.index();
    let ends = index.tunnel_ends().map(|(name, _)| name.to_string()).collect();
    let message = |finding: &Finding| format!("{}: {}", finding.code.as_str(), finding.message.as_str());
    (ends, index.findings().iter().map(message).collect())
}

#[test]
fn an_end_at_an_internal_address_of_its_own_node_alone_is_accepted() {
    assert_eq!(refused(&beside("192.0.2.2", |_| ())), (vec!["node-a".to_owned(), "node-b".to_owned()], vec![]));
}

#[test]
fn an_end_that_fails_a_condition_is_reported_with_what_would_be_right() {
    let external = |node: &mut Node| node.external = vec![a("192.0.2.2")];
    let pods = |node: &mut Node| node.pod_networks = vec!["192.0.2.0/31".parse().expect("a network")];
    let lists = |node: &mut Node| node.addresses.push(a("192.0.2.1"));
    for (cluster, accepted, finding) in [
        (
            beside("192.0.2.2", external),
            vec!["node-a"],
            "tunnel-end-not-of-node: EgressNode node-b names 192.0.2.2 in spec.tunnels, which is no InternalIP of its Node \
             (it has 2001:db8::1): no tunnel leads there; a tunnel end has to be an InternalIP in status.addresses of the \
             Node of its name",
        ),
        (
            beside("192.0.2.2", pods),
            vec!["node-b"],
            "tunnel-end-in-pod-network: EgressNode node-a names 192.0.2.1 in spec.tunnels, which lies in 192.0.2.0/31, the \
             pod network of Node node-b: no tunnel leads there, since a pod could have the address; correct the \
             EgressNode, or spec.podCIDRs of that Node",
        ),
        (
            beside("192.0.2.2", lists),
            vec!["node-b"],
            "tunnel-end-duplicate: EgressNode node-a names 192.0.2.1 in spec.tunnels, which Node node-b has as well: no \
             tunnel leads there until one node alone has the address; one of the two is wrong or outdated",
        ),
    ] {
        let (ends, findings) = refused(&cluster);
        assert_eq!((ends, findings), (accepted.into_iter().map(str::to_owned).collect(), vec![finding.to_owned()]));
    }
}

/// Though one of them is not even an address of its own node: whoever lies, packets may go to the wrong machine.
#[test]
fn of_two_nodes_with_one_end_neither_counts_and_one_without_a_node_takes_nothing_away() {
    let mut cluster = beside("192.0.2.1", |_| ());
    let (ends, findings) = refused(&cluster);
    assert_eq!(ends, Vec::<String>::new());
    assert!(findings[0].starts_with("tunnel-end-not-of-node: EgressNode node-b names 192.0.2.1"), "{findings:?}");
    assert!(findings[1].contains("EgressNode node-a names 192.0.2.1 in spec.tunnels, which EgressNode node-b has"));
    cluster.nodes.remove("node-b");
    let (ends, findings) = refused(&cluster);
    assert_eq!(ends, ["node-a"]);
    assert!(findings[0].starts_with("tunnel-end-without-node: EgressNode node-b names"), "{findings:?}");
}

#[test]
fn of_an_end_with_two_addresses_the_one_that_is_accepted_counts() {
    let mut cluster = beside("192.0.2.2", |_| ());
    let ends = vec![end(TunnelKind::VxlanGpe, &[a("192.0.2.2"), a("2001:db8::1")])];
    cluster.published.insert("node-b".to_owned(), egress_node(ends, vec![]));
    let index = cluster.index();
    let end = index.tunnel_end("node-b", TunnelKind::VxlanGpe).expect("it is accepted");
    assert!(end.addresses().eq([a("192.0.2.2")]), "both Nodes list the other one");
    assert_eq!(index.tunnel_end("node-b", TunnelKind::Vxlan), None);
}

#[test]
fn a_held_address_that_moves_names_both_nodes_and_changes_no_end() {
    let mut cluster = beside("192.0.2.2", |_| ());
    let (nodes, held) = (KeptNodes::of(&cluster.nodes), a("11.0.0.2"));
    let mut index = cluster.index();
    let ends = index.accepted().clone();
    for holder in ["node-a", "node-b"] {
        for name in ["node-a", "node-b"] {
            let old = cluster.published.get(name).expect("it is there");
            let held = HeldAddresses::new((name == holder).then_some(held), Completeness::Whole);
            cluster.published.insert(name.to_owned(), Arc::new(EgressNode { held, ..EgressNode::clone(old) }));
        }
        let changed = index.follow(&nodes, &cluster.published);
        assert!(changed.iter().any(|name| **name == *holder));
        assert!(index.holders(held).eq([holder]) && *index.accepted() == ends);
        assert_eq!(index.holds("node-c", held), Holding::HoldsNot);
    }
}
