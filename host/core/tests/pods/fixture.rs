//! Tenants whose Services translate whatever is theirs, the pods of a node, and a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::{ChainDecision, ChainResult};
use egressd_core::decision::Draft;
use egressd_core::model::{
    ChangeKey, Endpoint, KnownPods, Labels, ManagedBy, ObjectReference, Phase, Pod, PodNetwork, Pods, Slice, Snapshot,
    SubjectKey, Uid,
};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Question, Round};
use egressd_core::testkit::{SnapshotBuilder, a, context, rule, service, settings};

pub(crate) const POD: &str = "10.0.0.1";

/// A pod of this node that runs.
pub(crate) fn pod(namespace: &str, name: &str, addresses: &[&str]) -> Pod {
    Pod {
        name: ObjectReference::new(namespace, name),
        uid: Uid::new(format!("uid-{namespace}-{name}")).expect("a uid"),
        phase: Phase::Alive,
        network: PodNetwork::Own,
        addresses: addresses.iter().map(|text| a(text)).collect(),
        labels: Labels::new(),
        started: None,
    }
}

pub(crate) struct Fixture {
    pipeline: Pipeline,
    snapshot: Snapshot,
    now: Duration,
    round: Round,
    target: Option<(&'static str, &'static str)>,
    node: Option<&'static str>,
}

impl Default for Fixture {
    /// A world in which pods are not watched.
    fn default() -> Self {
        Self {
            pipeline: Pipeline::new(settings(Owner::Any), BTreeMap::new()),
            snapshot: Snapshot::default(),
            now: Duration::ZERO,
            round: Round::default(),
            target: None,
            node: None,
        }
    }
}

impl Fixture {
    /// Where these are all pods of the node, and known.
    pub(crate) fn with_pods(pods: &[Pod]) -> Self {
        let snapshot = Snapshot { pods: Self::complete(pods), ..Snapshot::default() };
        Self { snapshot, ..Self::default() }
    }

    pub(crate) fn complete(pods: &[Pod]) -> KnownPods {
        let mut table = Pods::default();
        for pod in pods {
            table.insert(Arc::new(pod.clone()));
        }
        KnownPods::Complete(table)
    }

    /// The next process on the same node.
    pub(crate) fn recalling(self, before: &Self) -> Self {
        Self { pipeline: self.pipeline.recalling(before.pipeline.drafts().clone()), ..self }
    }

    /// What the endpoints of the next slice say that they are; no pod without it.
    pub(crate) fn targeting(&mut self, target: Option<(&'static str, &'static str)>) -> &mut Self {
        self.target = target;
        self
    }

    /// Where the endpoints of the next slice are, if not here.
    pub(crate) fn on_node(&mut self, node: &'static str) -> &mut Self {
        self.node = Some(node);
        self
    }

    /// The Service `x` of this namespace, with a slice that lists these.
    pub(crate) fn service(&mut self, namespace: &str, created: i64, address: &str, endpoints: &[&str]) {
        self.put(namespace, "1", created, address, endpoints);
    }

    /// The same in another life of it.
    pub(crate) fn again(&mut self, namespace: &str, created: i64, address: &str, endpoints: &[&str]) {
        self.put(namespace, "2", created, address, endpoints);
    }

    fn put(&mut self, namespace: &str, life: &str, created: i64, address: &str, endpoints: &[&str]) {
        let mut service = service("x", &[address]);
        service.key = SubjectKey::service(namespace, "x");
        service.uid = Uid::new(format!("uid-{namespace}-{life}")).expect("a uid");
        service.created = created;
        let key = service.key.clone();
        let target = self.target.take();
        let pod = target.map(|(namespace, name)| ObjectReference { namespace: namespace.into(), name: name.into() });
        let node = self.node.take().map_or_else(|| context().node, str::to_owned);
        let one = SnapshotBuilder::default().service(service, endpoints).build();
        let listed = one.slices[&key]["here"].endpoints.iter().cloned();
        let endpoints =
            listed.map(|endpoint| Endpoint { pod: pod.clone(), node: Some(node.as_str().into()), ..endpoint });
        let slice = Slice { service: key.clone(), made_by: ManagedBy::Controller, endpoints: endpoints.collect() };
        self.snapshot.services.extend(one.services);
        self.snapshot.slices.insert(key.clone(), [("here".to_owned(), Arc::new(slice))].into_iter().collect());
        self.look_at(ChangeKey::Subject(key));
    }

    /// A pod comes, or changes.
    pub(crate) fn come(&mut self, pod: Pod) {
        let changed = self.table().insert(Arc::new(pod));
        self.look_at_all(changed.into_iter().map(ChangeKey::Pod).collect());
    }

    /// A pod is gone.
    pub(crate) fn go(&mut self, namespace: &str, name: &str) {
        let name = ObjectReference::new(namespace, name);
        let changed = self.table().remove(&name);
        self.look_at_all(changed.into_iter().map(ChangeKey::Pod).collect());
    }

    /// Pods cannot be read any more.
    pub(crate) fn lose(&mut self) {
        let table = self.table().clone();
        self.know(KnownPods::LastKnown(table));
    }

    /// From now on this is known.
    pub(crate) fn know(&mut self, pods: KnownPods) {
        self.snapshot.pods = pods;
        self.look_at(ChangeKey::Pods);
    }

    fn table(&mut self) -> &mut Pods {
        match &mut self.snapshot.pods {
            KnownPods::Complete(pods) | KnownPods::LastKnown(pods) => pods,
            KnownPods::NotWatched => panic!("pods are not watched"),
        }
    }

    /// Time goes by, and the loop does what it would.
    pub(crate) fn wait(&mut self, long: Duration) {
        self.now += long;
        let questions = self.pipeline.ask_waited(self.now);
        self.ask(questions);
    }

    /// When the loop has something to do next.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        self.pipeline.next_try(self.now)
    }

    fn look_at(&mut self, key: ChangeKey) {
        self.look_at_all([key].into());
    }

    fn look_at_all(&mut self, keys: BTreeSet<ChangeKey>) {
        let questions = self.pipeline.update(&self.snapshot, &keys);
        self.ask(questions);
    }

    /// Whose Services are looked at for this key: now all of them are as slices say, which only shows where it is
    /// looked.
    pub(crate) fn looked_at(&mut self, key: ChangeKey) -> Vec<String> {
        self.snapshot.pods = KnownPods::NotWatched;
        let questions = self.pipeline.update(&self.snapshot, &[key].into());
        questions.iter().map(|question| question.view.subject.key().namespace.to_string()).collect()
    }

    /// Every endpoint here is translated to the first address.
    fn ask(&mut self, questions: Vec<Question>) {
        let answers = questions.into_iter().map(|question| {
            let local: Vec<_> = question.view.local_endpoints(&context()).map(|endpoint| endpoint.address).collect();
            let rules =
                question.view.subject.addresses.first().map(|address| rule(local, *address)).into_iter().collect();
            (question, ChainResult::new(ChainDecision::Draft(Draft::of(rules).into())))
        });
        assert!(self.pipeline.answer(answers.collect()).is_empty());
        self.pipeline.next_try(self.now);
        self.round = self.pipeline.round();
    }

    /// `namespace source`, for each that is translated.
    pub(crate) fn in_force(&self) -> Vec<String> {
        let services = self.round.plan.subjects.iter();
        let of = services.flat_map(|(key, service)| {
            service
                .rules
                .iter()
                .flat_map(|rule| rule.sources())
                .map(move |source| format!("{} {source}", key.namespace))
        });
        of.collect()
    }

    /// What is found about the Service of a namespace.
    pub(crate) fn findings(&self, namespace: &str) -> String {
        let status = &self.round.statuses[&SubjectKey::service(namespace, "x")];
        status.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    /// The pods that policies see behind the Service of a namespace.
    pub(crate) fn pods_seen(&mut self, namespace: &str) -> Vec<String> {
        let questions = self.pipeline.ask_all(egressd_core::model::Interest::everything());
        let question = questions.iter().find(|question| *question.view.subject.key().namespace == *namespace);
        let pods = question
            .expect("it is asked about")
            .view
            .subject
            .endpoints
            .iter()
            .filter_map(|endpoint| endpoint.pod.clone());
        pods.map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect()
    }
}
