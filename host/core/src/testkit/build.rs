//! Builders for the nouns.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use egressd_vocabulary::RuleParts;

use crate::chain::{ChainDecision, ChainResult};
use crate::compile::table_names;
use crate::decision::{Draft, OnChange, OnUnavailable, Rule};
use crate::model::{
    AddressTrust, AnnotationPrefix, ClusterFacts, ClusterSettings, Context, EgressNode, EgressPolicy, Endpoint,
    ManagedBy, Mark, Node, ObjectReference, Selection, Service, ServiceType, Slice, Snapshot, SubjectKey, SubjectKind,
    Surroundings, TrafficPolicy, Uid,
};
use crate::net::{Family, MarkBit};
use crate::owner::Owner;
use crate::pipeline::{Question, Settings, Updates};
use crate::plan::{Capacity, Limits, SharedAddresses, UnknownPods};

/// An address from text.
///
/// # Panics
/// When it is none.
pub fn a(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A network from text.
///
/// # Panics
/// When it is none.
pub fn n(text: &str) -> IpNet {
    text.parse().expect("a network")
}

/// A rule that translates these sources to an address, whatever they call.
pub fn rule(sources: impl IntoIterator<Item = IpAddr>, address: IpAddr) -> Rule {
    RuleParts { sources: sources.into_iter().collect(), ..Rule::new("only", address).into() }.rule()
}

/// The node that tests are on.
pub fn context() -> Context {
    Context { node: "node-a".to_owned(), node_labels: Arc::default() }
}

/// What an administrator says about a cluster with known networks of both families.
fn cluster() -> ClusterSettings {
    ClusterSettings {
        pod_networks: vec![n("10.0.0.0/16"), n("fd00:10:244::/48")],
        service_networks: vec![n("10.96.0.0/12"), n("fd00:10:96::/112")],
        ..ClusterSettings::default()
    }
}

/// That node, with no interfaces.
pub fn surroundings() -> Surroundings {
    Surroundings { node: context().node, ..Surroundings::default() }
}

/// Facts of that cluster.
pub fn facts() -> ClusterFacts {
    ClusterFacts::gather(&Snapshot::default(), &cluster(), &surroundings())
}

/// The settings of [`context`]'s node in that cluster.
pub fn settings(owner: Owner) -> Settings {
    Settings {
        node: context().node,
        tables: table_names(None),
        trust: AddressTrust::Status,
        owner,
        prefix: AnnotationPrefix::default(),
        cluster: cluster(),
        shared: SharedAddresses::Allow,
        limits: Limits::default(),
        on_unavailable: OnUnavailable::Pass,
        on_change: OnChange::Keep,
        unknown_pods: UnknownPods::Pass,
        mark: MarkBit::DEFAULT,
        tunnel: None,
    }
}

/// The same, with room for a million elements: for many Services of one namespace.
pub fn settings_of_many(owner: Owner) -> Settings {
    let everything = Capacity { elements: 1 << 20, networks: 1 << 20, chains: 1 << 20 };
    Settings { limits: Limits { namespace: everything, node: everything, ..Limits::default() }, ..settings(owner) }
}

/// Each question answered with one rule, from the Service's endpoints on [`context`]'s node to its first address;
/// without rules where it has none.
pub fn answered_plainly(questions: Vec<Question>) -> Vec<(Question, ChainResult)> {
    let here = context();
    let answered = |question: Question| {
        let sources = || question.view.local_endpoints(&here).map(|endpoint| endpoint.address);
        let rules =
            question.view.subject.addresses.first().map(|address| rule(sources(), *address)).into_iter().collect();
        let draft = Draft::of(rules);
        (question, ChainResult::new(ChainDecision::Draft(draft.into())))
    };
    questions.into_iter().map(answered).collect()
}

/// A LoadBalancer Service `default/<name>` with these own addresses.
///
/// # Panics
/// When the name makes no uid.
pub fn service(name: &str, addresses: &[&str]) -> Service {
    Service {
        key: SubjectKey::service("default", name),
        uid: Uid::new(format!("uid-{name}")).expect("a uid"),
        created: 0,
        kind: ServiceType::LoadBalancer,
        labels: Default::default(),
        annotations: Default::default(),
        load_balancer_class: None,
        status_addresses: addresses.iter().map(|text| a(text)).collect(),
        status_hostnames: vec![],
        spec_address: None,
        cluster_addresses: vec![],
        selection: Selection::of([("app", name)].into()),
        traffic_policy: TrafficPolicy::Local,
        families: vec![Family::Ipv4],
        ports: vec![],
        kube_vip_wrote: None,
    }
}

/// An EgressPolicy `default/<name>` with these own addresses and pods on [`context`]'s node.
///
/// # Panics
/// When the name makes no uid.
pub fn egress_policy(name: &str, addresses: &[&str], pods: &[&str]) -> EgressPolicy {
    let key = SubjectKey::new(SubjectKind::EgressPolicy, "default", name);
    let here = context().node;
    let endpoints = pods.iter().map(|pod| endpoint(&key.namespace, pod, &here)).collect();
    EgressPolicy {
        uid: Uid::new(format!("uid-policy-{name}")).expect("a uid"),
        created: 0,
        labels: Default::default(),
        annotations: Default::default(),
        addresses: addresses.iter().map(|text| a(text)).collect(),
        endpoints,
        key,
    }
}

/// A pod of this namespace on this node that is ready.
fn endpoint(namespace: &Arc<str>, address: &str, node: &str) -> Endpoint {
    Endpoint {
        address: a(address),
        node: Some(node.into()),
        pod: Some(ObjectReference::new(Arc::clone(namespace), format!("pod-{address}"))),
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
    }
}

/// What leads from one thing that is remembered to another.
pub fn news<T: PartialEq>(before: &BTreeMap<Uid, Arc<T>>, after: &BTreeMap<Uid, Arc<T>>) -> Updates<T> {
    let gone = before.keys().filter(|uid| !after.contains_key(uid)).map(|uid| (uid.clone(), None));
    let come = after.iter().filter(|(uid, one)| before.get(uid) != Some(one));
    gone.chain(come.map(|(uid, one)| (uid.clone(), Some(Arc::clone(one))))).collect()
}

/// A snapshot, put together piece by piece.
#[derive(Clone, Debug, Default)]
pub struct SnapshotBuilder(Snapshot);

impl SnapshotBuilder {
    /// Adds a Service with endpoints on [`context`]'s node.
    #[must_use]
    pub fn service(mut self, service: Service, endpoints: &[&str]) -> Self {
        let key = service.key.clone();
        let here = context().node;
        let endpoints: Vec<(&str, &str)> = endpoints.iter().map(|text| (*text, here.as_str())).collect();
        self.0.services.insert(key.clone(), Arc::new(service));
        self.slice(&key, "here", &endpoints)
    }

    #[must_use]
    pub fn egress_policy(mut self, policy: EgressPolicy) -> Self {
        self.0.egress_policies.insert(policy.key.clone(), Arc::new(policy));
        self
    }

    /// Adds endpoints, each with its node, to the Service `default/<name>`.
    #[must_use]
    pub fn elsewhere(self, name: &str, endpoints: &[(&str, &str)]) -> Self {
        self.slice(&SubjectKey::service("default", name), "elsewhere", endpoints)
    }

    fn slice(mut self, key: &SubjectKey, name: &str, endpoints: &[(&str, &str)]) -> Self {
        let endpoints = endpoints.iter().map(|(text, node)| endpoint(&key.namespace, text, node)).collect();
        let slice = Slice { service: key.clone(), made_by: ManagedBy::Controller, endpoints };
        self.0.slices.entry(key.clone()).or_default().insert(name.to_owned(), Arc::new(slice));
        self
    }

    /// Adds a node with these addresses.
    #[must_use]
    pub fn node(mut self, name: &str, addresses: &[&str]) -> Self {
        let node = Node { addresses: addresses.iter().map(|text| a(text)).collect(), ..Node::default() };
        self.0.nodes.insert(name.to_owned(), Arc::new(node));
        self
    }

    /// Adds what a node publishes about itself: these addresses.
    #[must_use]
    pub fn egress_node(mut self, name: &str, addresses: &[&str]) -> Self {
        let addresses: Arc<[IpAddr]> = addresses.iter().map(|text| a(text)).collect();
        let node = EgressNode { mark: Mark::of(&format!("{addresses:?}")), addresses, ..EgressNode::default() };
        self.0.egress_nodes.by_name.insert(name.to_owned(), Arc::new(node));
        self
    }

    pub fn build(self) -> Snapshot {
        self.0
    }

    /// Adds its Services, slices and EgressPolicies to a snapshot, in the place of those of the same names.
    pub fn add_to(self, snapshot: &mut Snapshot) {
        snapshot.services.extend(self.0.services);
        snapshot.slices.extend(self.0.slices);
        snapshot.egress_policies.extend(self.0.egress_policies);
    }
}
