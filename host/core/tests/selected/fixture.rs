//! Services with selectors, the pods of a node, and a clock. Policies translate every endpoint that they see.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::{ChainDecision, ChainResult};
use egressd_core::decision::{Draft, OnUnavailable};
use egressd_core::in_force::{AppliedRound, UnixTime};
use egressd_core::model::{
    AskedUnavailable, ChangeKey, ClusterNetworks, ClusterSettings, Interest, KnownPods, ManagedBy, ObjectReference,
    Origin, Phase, Pod, PodNetwork, Pods, Selection, Service, ServiceType, Slice, Snapshot, SubjectKey, Uid,
};
use egressd_core::net::Family;
use egressd_core::owner::{AddressState, Owner};
use egressd_core::pipeline::{Pipeline, PodAnnouncement, PodProgress, Question, Round, Settings};
use egressd_core::plan::SubjectPlan;
use egressd_core::testkit::{SnapshotBuilder, a, context, n, rule, service, settings};
use egressd_core::whose::MAX_POD_WAIT;

/// What asks for `drop`, if anything does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guards {
    Drop,
    Pass,
    Unsaid,
    /// Its policy.
    Policy,
    /// Nothing, nor for egress.
    Nothing,
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
        Guards::Unsaid | Guards::Policy | Guards::Nothing => None,
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

    /// It selects another label.
    pub(crate) fn selecting(mut self, app: &str) -> Self {
        self.service.selection = Selection::of([("app", app)].into());
        self
    }

    /// With an annotation that policies are shown.
    pub(crate) fn noted(mut self) -> Self {
        self.service.annotations.insert("note", "x");
        self
    }

    pub(crate) fn without_selector(mut self) -> Self {
        self.service.selection = Selection::ByHand;
        self
    }

    pub(crate) fn of_type(mut self, kind: ServiceType) -> Self {
        self.service.kind = kind;
        self
    }

    pub(crate) fn of_families(mut self, families: &[Family]) -> Self {
        self.service.families = families.to_vec();
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
        started: None,
    };
    labelled(pod, "web")
}

pub(crate) fn labelled(pod: Pod, app: &str) -> Pod {
    Pod { labels: [("app", app), ("pod-template-hash", "x")].into(), ..pod }
}

pub(crate) struct Fixture {
    pub(crate) pipeline: Pipeline,
    pub(crate) snapshot: Snapshot,
    round: Round,
    now: Duration,
    asking: BTreeSet<SubjectKey>,
    /// The Services about which no policy has anything to say.
    silent: BTreeSet<SubjectKey>,
    asked: usize,
    unanswered: Vec<Question>,
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
            now: Duration::ZERO,
            asking: BTreeSet::new(),
            silent: BTreeSet::new(),
            asked: 0,
            unanswered: Vec::new(),
        }
    }

    /// The Service is this, and a slice lists these.
    pub(crate) fn service(&mut self, Web { service, guards }: Web, endpoints: &[&str]) {
        let key = service.key.clone();
        self.asking.remove(&key);
        self.silent.remove(&key);
        match guards {
            Guards::Policy => drop(self.asking.insert(key.clone())),
            Guards::Nothing => drop(self.silent.insert(key.clone())),
            Guards::Drop | Guards::Pass | Guards::Unsaid => {}
        }
        SnapshotBuilder::default().service(service, endpoints).add_to(&mut self.snapshot);
        let questions = self.pipeline.update(&self.snapshot, &[ChangeKey::Subject(key)].into());
        self.ask(questions);
    }

    /// The Service is there, and has no slice at all.
    pub(crate) fn service_alone(&mut self, web: Web) {
        let key = web.service.key.clone();
        self.service(web, &[]);
        self.snapshot.slices.remove(&key);
        self.look_at(key);
    }

    /// Another slice of the Service lists these.
    pub(crate) fn slice(&mut self, made_by: ManagedBy, endpoints: &[&str]) {
        let key = SubjectKey::service("default", "web");
        let one = SnapshotBuilder::default().service(service("web", &[]), endpoints).build();
        let slice = Slice { made_by, ..(*one.slices[&key]["here"]).clone() };
        self.snapshot.slices.entry(key.clone()).or_default().insert("another".to_owned(), Arc::new(slice));
        self.look_at(key);
    }

    /// It is gone.
    pub(crate) fn slice_goes(&mut self) {
        let key = SubjectKey::service("default", "web");
        self.snapshot.slices.get_mut(&key).expect("one").remove("another");
        self.look_at(key);
    }

    fn look_at(&mut self, key: SubjectKey) {
        let questions = self.pipeline.update(&self.snapshot, &[ChangeKey::Subject(key)].into());
        self.ask(questions);
    }

    /// Time goes by, and the loop does what it would.
    pub(crate) fn wait(&mut self, long: Duration) {
        self.now += long;
        let questions = self.pipeline.ask_waited(self.now);
        self.ask(questions);
    }

    /// As long as a pod is an endpoint that no slice lists.
    pub(crate) fn wait_for_slices(&mut self) {
        self.wait(MAX_POD_WAIT);
    }

    /// When the loop has something to do next.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        self.pipeline.next_try(self.now)
    }

    /// The next process on the same node.
    pub(crate) fn restart(&mut self) {
        self.restart_after(|_| {});
    }

    /// The same, which finds something.
    pub(crate) fn restart_after(&mut self, find: impl FnOnce(&mut Pipeline)) {
        let drafts = self.pipeline.drafts().clone();
        self.pipeline = Pipeline::new(settings(Owner::Any), BTreeMap::new()).recalling(drafts);
        find(&mut self.pipeline);
        let keys = self.snapshot.services.keys().cloned().map(ChangeKey::Subject).chain([ChangeKey::Pods]).collect();
        let questions = self.pipeline.update(&self.snapshot, &keys);
        self.ask(questions);
    }

    /// A Node of the cluster has these addresses.
    pub(crate) fn node(&mut self, addresses: &[&str]) {
        let with = SnapshotBuilder::default().node("node-b", addresses).build();
        self.snapshot.nodes.extend(with.nodes);
        let questions = self.pipeline.update(&self.snapshot, &[ChangeKey::Cluster].into());
        self.ask(questions);
    }

    /// How many questions the policies were asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked
    }

    /// Its addresses are announced.
    pub(crate) fn announce(&mut self, announced: PodAnnouncement) {
        let questions = self.pipeline.announce(announced, self.now);
        self.ask(questions);
    }

    /// How far it is, once the last round is committed.
    pub(crate) fn progress(&self, announced: &PodAnnouncement) -> PodProgress {
        let mut in_force = AppliedRound::default();
        in_force.take_over(&self.round.records(), UnixTime(1));
        self.pipeline.progress(announced, &in_force)
    }

    pub(crate) fn progress_before_the_commit(&self, announced: &PodAnnouncement) -> PodProgress {
        self.pipeline.progress(announced, &AppliedRound::default())
    }

    /// The Service is there, and the policies have not answered about it yet.
    pub(crate) fn service_without_an_answer(&mut self, Web { service, .. }: Web) {
        let key = service.key.clone();
        SnapshotBuilder::default().service(service, &[]).add_to(&mut self.snapshot);
        let questions = self.pipeline.update(&self.snapshot, &[ChangeKey::Subject(key)].into());
        self.round = self.pipeline.round();
        self.unanswered = questions;
    }

    /// Now they do.
    pub(crate) fn policies_answer(&mut self) {
        let questions = std::mem::take(&mut self.unanswered);
        self.ask(questions);
    }

    /// A pod comes, or changes.
    pub(crate) fn come(&mut self, pod: Pod) {
        self.change(|pods| pods.insert(Arc::new(pod)));
    }

    pub(crate) fn come_all(&mut self, pods: impl Iterator<Item = Pod>) {
        self.change(|known| pods.flat_map(|pod| known.insert(Arc::new(pod))).collect());
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

    fn answer(&mut self, mut questions: Vec<Question>) {
        while !questions.is_empty() {
            self.asked += questions.len();
            let answers = questions.into_iter().map(|question| {
                let verdict = self.verdict(&question);
                (question, verdict)
            });
            questions = self.pipeline.answer(answers.collect());
        }
        self.pipeline.next_try(self.now);
    }

    fn verdict(&self, question: &Question) -> ChainResult {
        let key = question.view.subject.key();
        if self.silent.contains(key) {
            return ChainResult::new(ChainDecision::Draft(Draft::default().into()));
        }
        let local: Vec<_> = question.view.local_endpoints(&context()).map(|endpoint| endpoint.address).collect();
        let rules = vec![rule(local.into_iter().filter(|source| source.is_ipv4()), a("11.0.0.1"))];
        let mut draft = Draft::of(rules);
        draft.on_unavailable = self.asking.contains(key).then_some(OnUnavailable::Drop);
        ChainResult { policy: Some("all".to_owned()), ..ChainResult::new(ChainDecision::Draft(draft.into())) }
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

    /// The endpoints that policies are shown of the Service of a namespace, where all are asked anew.
    pub(crate) fn early(&mut self, namespace: &str) -> Vec<String> {
        let questions = self.pipeline.ask_all(Interest::everything());
        let of = questions.iter().filter(|question| *question.view.subject.key().namespace == *namespace);
        let endpoints = of.flat_map(|question| question.view.subject.endpoints.iter());
        texts(endpoints.map(|endpoint| endpoint.address))
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
