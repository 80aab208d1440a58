//! Services with selectors, and the pods of a node. Policies translate every endpoint that they see, and are never asked
//! for a pod.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::chain::{ChainDecision, ChainResult};
use egressd_core::decision::{Draft, OnUnavailable};
use egressd_core::model::{
    AskedUnavailable, ChangeKey, ClusterNetworks, ClusterSettings, KnownPods, ObjectReference, Origin, Phase, Pod,
    PodNetwork, Pods, Selection, Service, Snapshot, SubjectKey, Uid,
};
use egressd_core::owner::{AddressState, Owner};
use egressd_core::pipeline::{Pipeline, Question, Round, Settings};
use egressd_core::plan::SubjectPlan;
use egressd_core::testkit::{SnapshotBuilder, a, context, n, rule, service, settings};

/// What asks for `drop`, if anything does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guards {
    Drop,
    Pass,
    Unsaid,
    /// Its policy.
    Policy,
}

#[derive(Clone, Debug)]
pub(crate) struct Web {
    service: Service,
    guards: Guards,
}

/// The Service `web` of a namespace, which selects `app: web`.
pub(crate) fn web(namespace: &str, guards: Guards) -> Web {
    let mut service = service("web", &["11.0.0.1"]);
    service.key = SubjectKey::service(namespace, "web");
    service.uid = Uid::new(format!("uid-{namespace}")).expect("a uid");
    service.selection = Selection::of([("app", "web")].into());
    let asked = match guards {
        Guards::Drop => Some("drop"),
        Guards::Pass => Some("pass"),
        Guards::Unsaid | Guards::Policy => None,
    };
    service.annotations.extend(asked.map(|asked| (AskedUnavailable::NAME, asked)));
    Web { service, guards }
}

impl Web {
    pub(crate) fn named(mut self, number: u8) -> Self {
        self.service.key = SubjectKey::service(&*self.service.key.namespace, format!("web-{number}"));
        self.service.uid = Uid::new(format!("uid-{number}")).expect("a uid");
        self
    }
}

/// A pod of this node that runs, with the label that Services select.
pub(crate) fn pod(namespace: &str, name: &str, addresses: &[&str]) -> Pod {
    let pod = Pod {
        name: ObjectReference::new(namespace, name),
        uid: Uid::new(format!("uid-{namespace}-{name}")).expect("a uid"),
        phase: Phase::Alive,
        network: PodNetwork::Own,
        addresses: addresses.iter().map(|text| a(text)).collect(),
        labels: Default::default(),
    };
    labelled(pod, "web")
}

pub(crate) fn labelled(pod: Pod, app: &str) -> Pod {
    Pod { labels: [("app", app), ("pod-template-hash", "x")].into(), ..pod }
}

pub(crate) struct Fixture {
    pipeline: Pipeline,
    snapshot: Snapshot,
    round: Round,
    asking: BTreeSet<SubjectKey>,
}

impl Default for Fixture {
    fn default() -> Self {
        Self::with(OnUnavailable::Pass)
    }
}

impl Fixture {
    /// With this setting of the node, whose pods are known: there are none.
    pub(crate) fn with(on_unavailable: OnUnavailable) -> Self {
        Self::of(Settings { on_unavailable, ..settings(Owner::Any) })
    }

    /// Where the pod networks are those of the plugin.
    pub(crate) fn in_networks_of_a_plugin() -> Self {
        let cluster = ClusterSettings { origin: Origin::Cluster, ..ClusterSettings::default() };
        Self::of(Settings { cluster, ..settings(Owner::Any) })
    }

    fn of(settings: Settings) -> Self {
        Self {
            pipeline: Pipeline::new(settings, BTreeMap::new()),
            snapshot: Snapshot { pods: KnownPods::Complete(Pods::default()), ..Snapshot::default() },
            round: Round::default(),
            asking: BTreeSet::new(),
        }
    }

    /// The Service is this, and a slice lists these.
    pub(crate) fn service(&mut self, Web { service, guards }: Web, endpoints: &[&str]) {
        let key = service.key.clone();
        match guards {
            Guards::Policy => drop(self.asking.insert(key.clone())),
            Guards::Drop | Guards::Pass | Guards::Unsaid => drop(self.asking.remove(&key)),
        }
        SnapshotBuilder::default().service(service, endpoints).add_to(&mut self.snapshot);
        let questions = self.pipeline.update(&self.snapshot, &[ChangeKey::Subject(key)].into());
        self.ask(questions);
    }

    /// A pod comes, or changes.
    pub(crate) fn come(&mut self, pod: Pod) {
        self.change(|pods| pods.insert(Arc::new(pod)));
    }

    pub(crate) fn go(&mut self, namespace: &str, name: &str) {
        self.change(|pods| pods.remove(&ObjectReference::new(namespace, name)));
    }

    fn change(&mut self, change: impl FnOnce(&mut Pods) -> BTreeSet<IpAddr>) {
        self.change_pods(change);
        self.round = self.pipeline.round();
    }

    fn change_pods(&mut self, change: impl FnOnce(&mut Pods) -> BTreeSet<IpAddr>) {
        let mut changed = BTreeSet::new();
        self.snapshot.pods.complete(|pods| changed = change(pods));
        let keys = changed.into_iter().map(ChangeKey::Pod).collect();
        let questions = self.pipeline.update(&self.snapshot, &keys);
        assert!(questions.iter().all(|question| !question.view.subject.endpoints.is_empty()), "{questions:?}");
        self.answer(questions);
    }

    /// How many Services the next step looks at when this pod comes.
    pub(crate) fn looked_at(&mut self, pod: Pod) -> usize {
        drop(self.pipeline.step());
        self.change_pods(|pods| pods.insert(Arc::new(pod)));
        self.pipeline.step().looked_at
    }

    /// Pods cannot be read any more.
    pub(crate) fn lose(&mut self) {
        let pods = self.snapshot.pods.table().cloned().unwrap_or_default();
        self.know(KnownPods::LastKnown(pods));
    }

    pub(crate) fn know(&mut self, pods: KnownPods) {
        self.snapshot.pods = pods;
        let questions = self.pipeline.update(&self.snapshot, &[ChangeKey::Pods].into());
        self.ask(questions);
    }

    /// The node's interfaces have these addresses.
    pub(crate) fn hold(&mut self, addresses: &[&str]) {
        let held = addresses.iter().map(|text| (a(text), AddressState::Usable)).collect();
        let questions = self.pipeline.set_local_addresses(held);
        self.ask(questions);
    }

    /// The network plugin has these pod networks.
    pub(crate) fn plug(&mut self, network: &str) {
        let networks = ClusterNetworks { pods: vec![n(network)], ..ClusterNetworks::default() };
        self.snapshot.cluster_networks.insert("IPPool default".to_owned(), Arc::new(networks));
        let questions = self.pipeline.update(&self.snapshot, &[ChangeKey::Cluster].into());
        self.ask(questions);
    }

    fn ask(&mut self, questions: Vec<Question>) {
        self.answer(questions);
        self.round = self.pipeline.round();
    }

    fn answer(&mut self, questions: Vec<Question>) {
        let answers = questions.into_iter().map(|question| {
            let local: Vec<_> = question.view.local_endpoints(&context()).map(|endpoint| endpoint.address).collect();

            let rules = vec![rule(local.into_iter().filter(|source| source.is_ipv4()), a("11.0.0.1"))];
            let mut draft = Draft::of(rules);
            let asks = self.asking.contains(question.view.subject.key());
            draft.on_unavailable = asks.then_some(OnUnavailable::Drop);
            let mut verdict = ChainResult::new(ChainDecision::Draft(draft.into()));
            verdict.policy = Some("all".to_owned());
            (question, verdict)
        });
        assert!(self.pipeline.answer(answers.collect()).is_empty());
    }

    fn plan(&self, namespace: &str) -> Option<&SubjectPlan> {
        self.round.plan.subjects.get(&SubjectKey::service(namespace, "web"))
    }

    pub(crate) fn guarded(&self, namespace: &str) -> Vec<String> {
        self.plan(namespace).into_iter().flat_map(|plan| texts(plan.guarded.iter().copied())).collect()
    }

    pub(crate) fn foreign(&self, namespace: &str) -> Vec<String> {
        self.plan(namespace).into_iter().flat_map(|plan| texts(plan.foreign.iter().copied())).collect()
    }

    pub(crate) fn translated(&self, namespace: &str) -> Vec<String> {
        self.plan(namespace).into_iter().flat_map(|plan| texts(plan.sources())).collect()
    }

    /// Whether the plan has the pod outside of all known pod networks.
    pub(crate) fn is_elsewhere(&self, pod: &str) -> bool {
        self.round.plan.elsewhere.contains(&a(pod))
    }

    pub(crate) fn codes(&self, namespace: &str) -> Vec<String> {
        let status = self.round.statuses.get(&SubjectKey::service(namespace, "web"));
        status.into_iter().flat_map(|status| status.findings.iter().map(|finding| finding.code.to_string())).collect()
    }
}

fn texts(addresses: impl Iterator<Item = IpAddr>) -> Vec<String> {
    addresses.map(|address| address.to_string()).collect()
}
