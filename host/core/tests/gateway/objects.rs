//! Two nodes that see the same objects make plans that agree: what one of them sends to the other leaves there with the
//! address that the first one chose, and what they do not agree about is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::chain::{Chain, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Draft, OnUnavailable, Outcome, Rule};
use egressd_core::model::{
    ChangeKey, Completeness, Context, EgressNode, Endpoint, HeldAddresses, ManagedBy, Node, ObjectReference,
    PublishedTunnels, Service, Slice, Snapshot, SubjectKey, SubjectView, TunnelEnd, TunnelKind, Uid,
    gateway_annotation,
};
use egressd_core::net::{Family, PortRange, Protocol, TunnelMarks};
use egressd_core::owner::{AddressState, Owner};
use egressd_core::pipeline::{Pipeline, Settings};
use egressd_core::plan::{Plan, TunnelSettings, guarded};
use egressd_core::testkit::{Packet, RuleParts, TestNode, TwoNodes, Universe, promised, service, settings};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::walk::{Outcome as Fate, Scene, Trip, answer_comes_home, masqueraded};

/// What a Service asks for, by the value of the annotation `do`.
const WISHES: [&str; 4] = ["plain", "port", "network", "all-but-one-network"];

#[derive(Clone, Debug)]
struct OneService {
    namespace: &'static str,
    created: i64,
    wish: &'static str,
    addresses: Vec<IpAddr>,
    pods: Vec<IpAddr>,
    drops: bool,
    /// Whether its endpoints say which pods of its namespace they are: if not, others take precedence for them.
    names_pods: bool,
    /// Which node is named as its gateway, by family.
    gateways: BTreeMap<Family, TestNode>,
}

/// What there is in a cluster of two nodes.
#[derive(Clone, Debug)]
struct Cluster {
    services: Vec<OneService>,
    /// What interfaces have.
    held: BTreeMap<IpAddr, TestNode>,
    /// What nodes publish of it.
    published: BTreeMap<IpAddr, TestNode>,
    /// Which of them take packets of others.
    with_end: BTreeSet<TestNode>,
}

fn name(node: TestNode) -> &'static str {
    match node {
        TestNode::First => "node-a",
        TestNode::Second => "node-b",
    }
}

/// The pods' nodes are those of the universe.
fn node_of(pod: IpAddr) -> TestNode {
    TwoNodes::new(&Universe::on_paper(), Plan::default(), BTreeMap::new()).node_of(pod)
}

struct WishPolicy;

impl Policy for WishPolicy {
    fn name(&self) -> &'static str {
        "wishes"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let sources: Vec<IpAddr> = view.local_endpoints(context).map(|endpoint| endpoint.address).collect();
        let worlds = Universe::on_paper().worlds;
        let rule = |address: &IpAddr| {
            let network = worlds.iter().map(|world| world.networks[0]);
            let network: Vec<_> = network.filter(|one| Family::of_network(*one) == Family::of(*address)).collect();
            let of_family = sources.iter().copied().filter(|pod| Family::of(*pod) == Family::of(*address));
            let id = address.to_string();
            let plain = RuleParts { sources: of_family.collect(), ..Rule::new(id, *address).into() };
            match view.subject.annotations().get("do") {
                Some("port") => {
                    let port = PortRange::new(Protocol::Tcp, 80, 80).expect("a port");
                    RuleParts { destination_ports: vec![port], ..plain }
                }
                Some("network") => RuleParts { include: network, ..plain },
                Some("all-but-one-network") => RuleParts { exclude: network, ..plain },
                Some(_) | None => plain,
            }
            .rule()
        };
        let rules = view.subject.addresses.iter().map(rule).filter(|rule| !rule.sources().is_empty()).collect();
        let mut draft = Draft::of(rules);
        draft.on_unavailable = view.subject.annotations().get("drop").map(|_| OnUnavailable::Drop);
        Ok(Outcome { decision: Decision::Plan(draft), diagnostics: vec![] })
    }
}

impl Cluster {
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for node in TestNode::BOTH {
            let own: Vec<IpAddr> = Family::ALL.map(|family| node.end(family)).to_vec();
            let kind = TunnelKind::VxlanGpe;
            let end = TunnelEnd::new(kind, own.clone(), kind.port(), None).expect("an end");
            let held = self.published.iter().filter(|(_, holder)| **holder == node).map(|(address, _)| *address);
            let published = EgressNode {
                held: HeldAddresses::new(held, Completeness::Whole),
                tunnels: PublishedTunnels::new(self.with_end.contains(&node).then_some(end), 0),
                ..EgressNode::default()
            };
            snapshot.egress_nodes.by_name.insert(name(node).to_owned(), Arc::new(published));
            snapshot.nodes.insert(name(node).to_owned(), Arc::new(Node { addresses: own, ..Node::default() }));
        }
        for (number, one) in self.services.iter().enumerate() {
            let service = one.service(number);
            let slice = one.slice(&service.key);
            snapshot.slices.entry(service.key.clone()).or_default().insert("slice", Arc::new(slice));
            snapshot.services.insert(service.key.clone(), Arc::new(service));
        }
        snapshot
    }

    /// The plan of one of the nodes.
    fn plan(&self, node: TestNode) -> Plan {
        let kind = TunnelKind::VxlanGpe;
        let tunnel = TunnelSettings { kind, port: kind.port(), marks: TunnelMarks::DEFAULT };
        let settings = Settings { node: name(node).to_owned(), tunnel: Some(tunnel), ..settings(Owner::Auto) };
        let chain = Chain::new([Member::new(MemberRole::Policy(Arc::new(WishPolicy)))]);
        let mut pipeline = Pipeline::new(settings, BTreeMap::new());
        drop(pipeline.ask_all(chain.interest()));
        let held = self.held.iter().filter(|(_, holder)| **holder == node);
        drop(pipeline.set_local_addresses(held.map(|(address, _)| (*address, AddressState::Usable)).collect()));
        let snapshot = self.snapshot();
        let keys = snapshot.services.keys().cloned().map(ChangeKey::Subject);
        let keys = keys.chain([ChangeKey::Cluster, ChangeKey::EgressNodes]).collect();
        let questions = pipeline.update(&snapshot, &keys);
        let context = pipeline.context();
        let answers = questions.into_iter().map(|question| {
            let verdict = chain.evaluate(&context, &question.view);
            (question, verdict)
        });
        let further = pipeline.answer(answers.collect());
        assert!(further.is_empty(), "{further:?}");
        pipeline.round().plan
    }

    /// The addresses that a pod may leave with.
    fn addresses_of(&self, pod: IpAddr) -> BTreeSet<IpAddr> {
        let services = self.services.iter().filter(|service| service.pods.contains(&pod));
        services.flat_map(|service| service.addresses.iter().copied()).collect()
    }
}

impl OneService {
    fn service(&self, number: usize) -> Service {
        let mut service = service("any", &[]);
        service.key = SubjectKey::service(self.namespace, format!("s{number}"));
        service.uid = Uid::new(format!("uid-{number}")).expect("a uid");
        (service.created, service.families) = (self.created, Family::ALL.to_vec());
        service.status_addresses.clone_from(&self.addresses);
        service.annotations.extend([("do", self.wish)]);
        service.annotations.extend(self.drops.then_some(("drop", "")));
        let named = self.gateways.iter().map(|(family, node)| (gateway_annotation(*family), name(*node)));
        service.annotations.extend(named);
        service
    }

    fn slice(&self, key: &SubjectKey) -> Slice {
        let pod = ObjectReference { namespace: Arc::clone(&key.namespace), name: "pod".into() };
        let endpoint = |address: &IpAddr| Endpoint {
            address: *address,
            node: Some(name(node_of(*address)).into()),
            pod: self.names_pods.then(|| pod.clone()),
            ready: Some(true),
            serving: Some(true),
            terminating: Some(false),
        };
        let endpoints = self.pods.iter().map(endpoint).collect();
        Slice { service: key.clone(), made_by: ManagedBy::Controller, endpoints }
    }
}

fn addresses() -> Vec<IpAddr> {
    Universe::on_paper().worlds.iter().flat_map(|world| world.addresses.clone()).collect()
}

fn holders() -> impl Strategy<Value = BTreeMap<IpAddr, TestNode>> {
    let one = prop::option::weighted(0.9, select(TestNode::BOTH.to_vec()));
    prop::collection::vec(one, addresses().len()).prop_map(|holders| {
        addresses().into_iter().zip(holders).filter_map(|(address, holder)| Some((address, holder?))).collect()
    })
}

/// With one address of each family, for which no gateway is named.
fn services() -> impl Strategy<Value = Vec<OneService>> {
    let pods: Vec<IpAddr> = Universe::on_paper().worlds.iter().flat_map(|world| world.pods.clone()).collect();
    let worlds = Universe::on_paper().worlds;
    let one_of = |world: usize| prop::option::weighted(0.8, select(worlds[world].addresses.clone()));
    let own = (one_of(0), one_of(1)).prop_map(|(one, other)| one.into_iter().chain(other).collect());
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.7));
    let what = (select(vec!["red", "blue"]), 0..3i64, select(WISHES.to_vec()), flags);
    let one = (what, own, subsequence(pods, 0..=8)).prop_map(
        |((namespace, created, wish, (drops, names_pods)), addresses, pods)| OneService {
            namespace,
            created,
            wish,
            addresses,
            pods,
            drops,
            names_pods,
            gateways: BTreeMap::new(),
        },
    );
    prop::collection::vec(one, 1..5)
}

fn ends() -> impl Strategy<Value = BTreeSet<TestNode>> {
    let both: BTreeSet<TestNode> = TestNode::BOTH.into();
    prop_oneof![5 => Just(both), 1 => select(TestNode::BOTH.to_vec()).prop_map(|one| [one].into())]
}

/// All nodes have published what they hold, and are named as its gateways.
fn settled() -> impl Strategy<Value = Cluster> {
    (services(), holders(), ends()).prop_map(|(mut services, held, with_end)| {
        for service in &mut services {
            let named =
                service.addresses.iter().filter_map(|address| Some((Family::of(*address), *held.get(address)?)));
            service.gateways = named.collect();
        }
        Cluster { services, published: held.clone(), held, with_end }
    })
}

/// What nodes have published is out of date, and so are the names of gateways.
fn unsettled() -> impl Strategy<Value = Cluster> {
    let gateways = prop::collection::vec((select(Family::ALL.to_vec()), select(TestNode::BOTH.to_vec())), 0..3);
    let more = subsequence(addresses(), 0..3);
    (services(), prop::collection::vec((gateways, more), 4), holders(), holders(), ends()).prop_map(
        |(mut services, others, held, published, with_end)| {
            for (service, (gateways, more)) in services.iter_mut().zip(others) {
                service.gateways = gateways.into_iter().collect();
                let more: Vec<IpAddr> = more.into_iter().filter(|one| !service.addresses.contains(one)).collect();
                service.addresses.extend(more);
            }
            Cluster { services, held, published, with_end }
        },
    )
}

/// Some of all packets.
fn packets() -> Vec<Packet> {
    let all = Universe::on_paper().packets().into_iter().enumerate();
    all.filter(|(number, _)| number % 5 == 0).map(|(_, packet)| packet).collect()
}

/// A packet, the plan of its pod's node, and where it goes.
struct Walked<'a> {
    packet: Packet,
    own: TestNode,
    plan: &'a Plan,
    trip: Trip,
    answer_comes_home: bool,
}

impl Cluster {
    /// Looks at each of the packets.
    fn walk(
        &self,
        mut look: impl FnMut(&Walked<'_>, &dyn Fn() -> String) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        let plans = TestNode::BOTH.map(|node| self.plan(node));
        let scene = Scene::of(plans.each_ref());
        let nodes = TwoNodes::new(&Universe::on_paper(), Plan::default(), BTreeMap::new());
        for packet in packets() {
            let own = node_of(packet.source);
            let trip = scene.walk(&nodes, &packet, None);
            let answer_comes_home = answer_comes_home(&scene, &nodes, &packet, &trip);
            let walked =
                Walked { packet, own, plan: &plans[usize::from(own == TestNode::Second)], trip, answer_comes_home };
            let shown = || format!("{packet:?} {:#?}\n{}\n{}\n{self:#?}", walked.trip, plans[0], plans[1]);
            look(&walked, &shown)?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 2_000 }))]

    #[test]
    fn of_two_nodes_that_see_the_same_the_one_translates_as_the_other_chose(cluster in settled()) {
        cluster.walk(|Walked { packet, own, plan, trip, answer_comes_home }, shown| {
            match promised(plan, packet) {
                Some(address) => {
                    let expected = cluster.held.get(&address).map(|node| Fate::Left(*node, address));
                    prop_assert_eq!(Some(trip.outcome), expected, "{}", shown());
                    prop_assert!(*answer_comes_home, "{}", shown());
                }
                None if guarded(plan).contains_key(&packet.source) => {
                    prop_assert!(matches!(trip.outcome, Fate::Gone | Fate::Left(_, _)), "{}", shown());
                }
                None => prop_assert_eq!(trip.outcome, Fate::Left(*own, masqueraded(*own, packet)), "{}", shown()),
            }
            Ok(())
        })?;
    }

    /// Whatever is out of date: no pod leaves with an address that is none of its own, or from a node without it.
    #[test]
    fn whatever_is_out_of_date_a_pod_leaves_where_its_address_is_or_not_at_all(cluster in unsettled()) {
        cluster.walk(|Walked { packet, own, plan, trip, .. }, shown| {
            match trip.outcome {
                Fate::Gone => {
                    let may_be_lost = promised(plan, packet).is_some() || guarded(plan).contains_key(&packet.source);
                    prop_assert!(may_be_lost, "{}", shown());
                }
                Fate::Left(node, source) if source == masqueraded(node, packet) => {
                    prop_assert!(node == *own && promised(plan, packet).is_none(), "{}", shown());
                }
                Fate::Left(node, source) => {
                    prop_assert_eq!(cluster.held.get(&source), Some(&node), "{}", shown());
                    prop_assert!(cluster.addresses_of(packet.source).contains(&source), "{}", shown());
                }
            }
            Ok(())
        })?;
    }
}
