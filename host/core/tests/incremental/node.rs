//! A node that meets what happens, and a kernel that may refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::Chain;
use egressd_core::compile::keep;
use egressd_core::decision::Draft;
use egressd_core::diff::{Applied, Cut, Scope};
use egressd_core::in_force::{InForce, Newest, UnixTime};
use egressd_core::model::{
    Connected, Endpoint, Key, KnownPods, Labels, MadeBy, Node as ClusterNode, ObjectReference, Phase, Pod, PodNetwork,
    Pods, ServiceKey, Slice, Snapshot, Uid, UnreadableService,
};
use egressd_core::pipeline::{Pipeline, Question, Round, Step};
use egressd_core::record::{Record, Records};
use egressd_core::ruleset::{Name, Ruleset};
use egressd_core::testkit::{FakeKernel, n, service};
use proptest::prelude::*;

use crate::events::{Answered, Event, Fate, Listed, SERVICES, Scene, Spec};

/// What the loop does, in short.
pub(crate) struct Node {
    pub(crate) pipeline: Pipeline,
    chain: Chain,
    snapshot: Snapshot,
    now: Duration,
    waiting: BTreeMap<ServiceKey, Question>,
    pub(crate) applied: Applied,
    pub(crate) kernel: FakeKernel,
    records: Records,
    in_force: InForce,
    accepted: BTreeMap<Uid, Arc<Labels>>,
    drafts: BTreeMap<Uid, Arc<Draft>>,
}

impl Node {
    pub(crate) fn new(scene: &Scene) -> Self {
        let mut pipeline = Pipeline::new(scene.settings.clone(), BTreeMap::new());
        pipeline.went_on_with(scene.private);
        let chain = crate::policies::Policies::Obedient.chain();
        drop(pipeline.ask_all(chain.interest()));
        let mut node = Self {
            pipeline,
            chain,
            snapshot: Snapshot::default(),
            now: Duration::ZERO,
            waiting: BTreeMap::new(),
            applied: Applied::default(),
            kernel: FakeKernel { ruleset: Ruleset::default(), generation: 0 },
            records: Records::new(),
            in_force: InForce::default(),
            accepted: BTreeMap::new(),
            drafts: BTreeMap::new(),
        };
        scene.beginning.iter().for_each(|event| node.meet(event));
        node.answer(Answered::All);
        node
    }

    pub(crate) fn meet(&mut self, event: &Event) {
        let questions = match event {
            Event::Service(who, spec) => self.put_service(*who, spec),
            Event::Gone(who) => self.remove_service(*who),
            Event::Unreadable(who) => self.lose_service(*who),
            Event::Endpoints(who, listed) => self.put_slice(*who, listed),
            Event::Node(name, addresses, networks, readiness) => {
                let pod_networks = networks.iter().map(|network| n(network)).collect();
                let (addresses, readiness) = (addresses.clone(), *readiness);
                self.put_node(name, ClusterNode { addresses, pod_networks, readiness, ..ClusterNode::default() })
            }
            Event::NodeGone(name) => self.remove_node(name),
            Event::ServiceNetworks(networks) => self.put_service_networks(networks),
            Event::Labels(name, label) => self.put_labels(name, *label),
            Event::Held(held) => self.pipeline.hold(held.clone()),
            Event::Connected(networks) => self.connect(networks),
            Event::Foreign(table) => self.stand_beside(*table),
            Event::Pods(pods) => self.know_pods(pods.as_deref()),
            Event::Policies(policies) => {
                self.chain = policies.chain();
                self.pipeline.ask_all(self.chain.interest())
            }
            Event::Later(seconds) => self.wait(Duration::from_secs(*seconds)),
            Event::MemoryIsLost => {
                self.pipeline.lost_memory();
                Vec::new()
            }
        };
        self.queue(questions);
    }

    fn put_service(&mut self, who: usize, spec: &Spec) -> Vec<Question> {
        self.snapshot.unreadable.services.remove(&key(who));
        self.snapshot.services.insert(key(who), Arc::new(as_service(who, spec)));
        self.update([Key::Service(key(who))])
    }

    fn remove_service(&mut self, who: usize) -> Vec<Question> {
        self.snapshot.services.remove(&key(who));
        self.snapshot.unreadable.services.remove(&key(who));
        self.update([Key::Service(key(who))])
    }

    fn lose_service(&mut self, who: usize) -> Vec<Question> {
        let gone = self.snapshot.services.remove(&key(who));
        let uid = gone.map_or_else(|| uid(who, 0), |service| service.uid.clone());
        let unreadable = UnreadableService { uid, why: "spec is no object".into() };
        self.snapshot.unreadable.services.insert(key(who), unreadable);
        self.update([Key::Service(key(who))])
    }

    fn put_slice(&mut self, who: usize, listed: &[Listed]) -> Vec<Question> {
        let slice = slice(&key(who), listed);
        self.snapshot.slices.entry(key(who)).or_default().insert("slice", Arc::new(slice));
        self.update([Key::Service(key(who))])
    }

    fn put_node(&mut self, name: &str, node: ClusterNode) -> Vec<Question> {
        self.snapshot.nodes.insert(name.to_owned(), Arc::new(node));
        self.update([Key::Cluster])
    }

    fn remove_node(&mut self, name: &str) -> Vec<Question> {
        self.snapshot.nodes.remove(name);
        self.update([Key::Cluster])
    }

    fn put_service_networks(&mut self, networks: &[&str]) -> Vec<Question> {
        let networks = networks.iter().map(|network| n(network)).collect();
        self.snapshot.service_networks.insert("kubernetes".to_owned(), Arc::new(networks));
        self.update([Key::Cluster])
    }

    fn put_labels(&mut self, namespace: &str, label: Option<&str>) -> Vec<Question> {
        let labels: Labels = label.into_iter().map(|label| (label, "")).collect();
        self.snapshot.namespaces.insert(namespace.to_owned(), Arc::new(labels));
        self.update([Key::Namespace(namespace.to_owned())])
    }

    fn connect(&mut self, networks: &[&str]) -> Vec<Question> {
        let connected = |network: &&str| Connected { network: n(network), interface: "cni0".into() };
        self.pipeline.connect(networks.iter().map(connected).collect())
    }

    fn stand_beside(&mut self, table: Option<&'static str>) -> Vec<Question> {
        self.pipeline.stand_beside(table.into_iter().map(|table| Name::new(table).expect("a name")).collect());
        Vec::new()
    }

    fn know_pods(&mut self, pods: Option<&[(&'static str, IpAddr)]>) -> Vec<Question> {
        self.snapshot.pods = pods.map_or(KnownPods::NotWatched, known);
        self.update([Key::Pods])
    }

    fn wait(&mut self, long: Duration) -> Vec<Question> {
        self.now += long;
        let waited = self.pipeline.ask_waited(self.now);
        waited.into_iter().chain(self.pipeline.ask_failed(self.now)).collect()
    }

    fn update<const COUNT: usize>(&mut self, keys: [Key; COUNT]) -> Vec<Question> {
        self.pipeline.update(&self.snapshot, &keys.into())
    }

    pub(crate) fn queue(&mut self, questions: Vec<Question>) {
        for question in questions {
            self.waiting.insert(question.view.service.key.clone(), question);
        }
        self.waiting.retain(|_, question| self.pipeline.is_current(question));
    }

    pub(crate) fn answer(&mut self, answered: Answered) {
        let mut left = match answered {
            Answered::All => usize::MAX,
            Answered::First(count) => count,
        };
        while left > 0
            && let Some((_, question)) = self.waiting.pop_first()
        {
            let verdict = self.chain.evaluate(&self.pipeline.context(), &question.view);
            let further = self.pipeline.answer(vec![(question, verdict)]);
            self.queue(further);
            left -= 1;
        }
        self.pipeline.next_try(self.now);
    }

    /// What the loop does with what follows; each part is held against all that follows from nothing.
    pub(crate) fn round(&mut self, fate: Fate) -> Result<(), TestCaseError> {
        let expected = self.pipeline.from_scratch();
        let mut step = self.pipeline.step();
        self.queue(std::mem::take(&mut step.further));
        self.pipeline.next_try(self.now);
        self.compare(&step, &expected)?;
        self.take_news()?;
        self.applied.add_outstanding(step.scope.clone());
        let scope = self.applied.scope().clone();
        let comparison =
            self.applied.compare(self.pipeline.target(&scope), |after, before| keep(after, before, &step.kept));
        let waiting = self.carry_out(comparison, fate)?;
        self.show(&step.newest, waiting)?;
        if self.applied.scope().is_empty() {
            let mut all = expected.ruleset;
            keep(&mut all, &self.kernel.ruleset, &expected.kept);
            prop_assert_eq!(&self.kernel.ruleset, &all);
            prop_assert!(!self.in_force.is_behind());
        }
        Ok(())
    }

    /// The kernel takes everything in the end.
    pub(crate) fn end(&mut self) -> Result<(), TestCaseError> {
        self.answer(Answered::All);
        for _ in 0..2 {
            self.round(Fate { slices: usize::MAX, most: usize::MAX })?;
        }
        prop_assert!(self.applied.scope().is_empty());
        let step = self.pipeline.step();
        prop_assert!(step.newest.changed.is_empty() && step.scope.is_empty(), "nothing happens by itself: {step:?}");
        Ok(())
    }

    fn compare(&mut self, step: &Step, expected: &Round) -> Result<(), TestCaseError> {
        let Newest { records, changed, overview } = &step.newest;
        let whole = Round {
            ruleset: self.pipeline.target(&Scope::Everything),
            plan: self.pipeline.plan(),
            kept: (*step.kept).clone(),
            fatal: step.fatal.clone(),
            statuses: of(records, |record| record.status().cloned()),
            voices: of(records, |record| record.voice().cloned()),
            uids: of(records, |record| Some(record.uid.clone())),
            first_ready: overview.first_ready.clone(),
            policies: (*overview.policies).clone(),
            failing: overview.failing.clone(),
            inside: Arc::clone(&overview.inside),
            findings: overview.findings.clone(),
            further: Vec::new(),
        };
        prop_assert_eq!(&whole, expected);
        for (key, record) in records {
            prop_assert_eq!(record.plan().map(|plan| &**plan), expected.plan.services.get(key));
        }
        let keys: BTreeSet<&ServiceKey> = records.keys().chain(self.records.keys()).collect();
        let differ = keys.into_iter().filter(|key| records.get(*key) != self.records.get(*key)).cloned();
        prop_assert_eq!(changed, &differ.collect::<BTreeSet<_>>());
        self.records = records.clone();
        Ok(())
    }

    /// What is written down change by change is what is remembered.
    fn take_news(&mut self) -> Result<(), TestCaseError> {
        let (accepted, drafts) = self.pipeline.take_news();
        take(&mut self.accepted, accepted);
        take(&mut self.drafts, drafts);
        prop_assert_eq!(&self.accepted, self.pipeline.accepted());
        prop_assert_eq!(&self.drafts, self.pipeline.drafts());
        Ok(())
    }

    /// Returns the pods that are to go over still; none where the kernel refused.
    fn carry_out(
        &mut self,
        mut comparison: egressd_core::diff::Comparison,
        fate: Fate,
    ) -> Result<Option<BTreeSet<IpAddr>>, TestCaseError> {
        let mut left = fate.slices;
        let Cut::Slices(mut slices) = comparison.cut(&self.applied, fate.most) else {
            if left == 0 {
                return Ok(None);
            }
            commit(&mut self.kernel, &comparison.changes(&self.applied).batches)?;
            comparison.apply_to(&mut self.applied);
            self.applied.clear_outstanding();
            prop_assert_eq!(self.applied.ruleset(), &self.kernel.ruleset);
            return Ok(Some(BTreeSet::new()));
        };
        while let Some(slice) = slices.next(comparison.before(&self.applied), comparison.after()) {
            if left == 0 {
                // As if something newer came in between, or the kernel refused: what is in force is known either way.
                return Ok(Some(slices.pods().union(&slice.pods).copied().collect()));
            }
            left -= 1;
            commit(&mut self.kernel, &slice.changes.batches)?;
            comparison.take(&slice);
            self.applied.take(slice);
            prop_assert_eq!(self.applied.ruleset(), &self.kernel.ruleset);
        }
        self.applied.clear_outstanding();
        Ok(Some(BTreeSet::new()))
    }

    /// What is shown by what changed is what looking at all Services shows.
    fn show(&mut self, newest: &Newest, waiting: Option<BTreeSet<IpAddr>>) -> Result<(), TestCaseError> {
        let now = UnixTime(i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX));
        let all = newest.records.keys().chain(self.in_force.services.keys()).cloned().collect();
        let everything = Newest { changed: all, ..newest.clone() };
        let mut expected = self.in_force.clone();
        let before = self.in_force.clone();
        let show = |in_force: &mut InForce, newest: &Newest| match &waiting {
            None => in_force.hold_back(newest, "refused", now),
            Some(waiting) if waiting.is_empty() => in_force.take_over(newest, now),
            Some(waiting) => in_force.take_over_partly(newest, waiting, now),
        };
        let changed = show(&mut self.in_force, newest);
        show(&mut expected, &everything);
        prop_assert_eq!(&self.in_force, &expected);
        let differ = |key: &&ServiceKey| {
            let of = |in_force: &InForce| in_force.services.get(*key).map(|shown| Arc::clone(&shown.record));
            of(&before) != of(&self.in_force)
        };
        let keys: BTreeSet<&ServiceKey> = before.services.keys().chain(self.in_force.services.keys()).collect();
        prop_assert_eq!(changed, keys.into_iter().filter(differ).cloned().collect::<BTreeSet<_>>());
        Ok(())
    }
}

fn of<T>(records: &Records, part: impl Fn(&Record) -> Option<T>) -> BTreeMap<ServiceKey, T> {
    records.iter().filter_map(|(key, record)| Some((key.clone(), part(record)?))).collect()
}

fn take<T>(all: &mut BTreeMap<Uid, Arc<T>>, news: egressd_core::pipeline::News<T>) {
    for (uid, one) in news {
        match one {
            Some(one) => drop(all.insert(uid, one)),
            None => drop(all.remove(&uid)),
        }
    }
}

fn commit(kernel: &mut FakeKernel, batches: &[egressd_core::diff::Batch]) -> Result<(), TestCaseError> {
    batches
        .iter()
        .try_for_each(|batch| kernel.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string())))
}

pub(crate) fn key(who: usize) -> ServiceKey {
    let (namespace, name) = SERVICES[who];
    ServiceKey::new(namespace, name)
}

fn uid(who: usize, life: u8) -> Uid {
    Uid::new(format!("uid-{who}-{life}")).expect("a uid")
}

fn as_service(who: usize, spec: &Spec) -> egressd_core::model::Service {
    let mut service = service("any", &[]);
    (service.key, service.uid) = (key(who), uid(who, spec.life));
    (service.created, service.kind) = (spec.created, spec.kind);
    service.status_addresses.clone_from(&spec.addresses);
    service.cluster_addresses = spec.cluster_address.into_iter().collect();
    let of = |name: &str, value: Option<&str>| value.map(|value| (name.to_owned(), value.to_owned()));
    service.annotations.extend(of("do", spec.wish));
    service.annotations.extend(of("kube-vip.io/vipHost", spec.vip_host));
    service.annotations.extend(of("kube-vip.io/egress", spec.asks_kube_vip));
    service
}

fn slice(key: &ServiceKey, listed: &[Listed]) -> Slice {
    let endpoint = |(address, node, namespace): &Listed| Endpoint {
        address: *address,
        node: node.map(Into::into),
        pod: namespace.map(|namespace| ObjectReference { namespace: namespace.into(), name: "pod".into() }),
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
    };
    Slice { service: key.clone(), made_by: MadeBy::Controller, endpoints: listed.iter().map(endpoint).collect() }
}

fn known(pods: &[(&'static str, IpAddr)]) -> KnownPods {
    let mut table = Pods::default();
    for (number, (namespace, address)) in pods.iter().enumerate() {
        table.insert(Arc::new(Pod {
            name: ObjectReference { namespace: (*namespace).into(), name: format!("pod-{number}").into() },
            uid: Uid::new(format!("pod-{number}")).expect("a uid"),
            phase: Phase::Alive,
            network: PodNetwork::Own,
            addresses: vec![*address],
            labels: Labels::default(),
        }));
    }
    KnownPods::Complete(table)
}
