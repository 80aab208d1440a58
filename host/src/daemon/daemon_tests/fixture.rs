//! A loop that runs, and the ends of it that a test holds. Time stands still and goes on by itself to the next moment that
//! something waits for; what threads do takes none of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use egressd_core::chain::Chain;
use egressd_core::model::{
    AnnotationPrefix, AskedUnavailable, ChangeKey, KnownPods, Pods, Service, Snapshot, SubjectKey,
};
use egressd_core::owner::{AddressState, LocalAddresses, Owner};
use egressd_core::pipeline::{Pipeline, Round};
use egressd_core::ruleset::Ruleset;
use egressd_core::status::SubjectStatus;
use egressd_core::testkit::{SnapshotBuilder, a, service, settings, whole};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::{Daemon, Observers, Start};
use super::claims::Claims;
use super::kernel::{KernelControl, Request};
use super::node_state::NodeState;
use super::policy::{Gate, TRANSLATE, annotation_policy, loaded};
use super::process::{Defect, HeldParts, ProcessChannels, ProcessConfig, ProcessEnds, run};
use super::time::{let_threads_work, stop_time};
use crate::admin::oneshot::ask;
use crate::clock::Instant;
use crate::kernel::addresses::NodeInterfaces;
use crate::kernel::nft::ForeignChanges;
use crate::metrics::Metrics;
use crate::pod_wait::{PodWaits, pod_waits};
use crate::policies::{Loader, LoaderControl};
use crate::source::handover::{SnapshotSender, Update, handover};
use crate::state::StateDir;
use crate::state_channel::notices::Notices;
use crate::state_channel::{DaemonState, StateReader, state_channel};

/// The address that Services have where it does not matter which.
pub(super) const ADDRESS: &str = "11.0.0.2";
/// Longer than anything that the loop waits for.
const HOUR: Duration = Duration::from_hours(1);

/// See the module.
#[derive(Debug)]
pub(super) struct LoopFixture {
    pub(super) kernel_control: KernelControl,
    pub(super) parts: HeldParts,
    pub(super) gate: Gate,
    pub(super) state_channel: StateReader,
    pub(super) metrics: Metrics,
    snapshot: Snapshot,
    held: LocalAddresses,
    owner: Owner,
    claims: Claims,
    sender: SnapshotSender,
    addresses: watch::Sender<NodeInterfaces>,
    news: watch::Sender<ForeignChanges>,
    /// Whether another program changed the tables, and nothing has settled since.
    meddled: bool,
    /// Where it is gone, the loop has no policies.
    loader_control: LoaderControl,
    /// Until it is loaded.
    chain: Option<Chain>,
    stop: Option<oneshot::Sender<()>>,
    pub(super) pod_waits: PodWaits,
    defects: mpsc::UnboundedSender<Defect>,
    daemon: JoinHandle<Result<()>>,
    time: JoinHandle<()>,
    state: TempDir,
}

/// What happens next.
#[derive(Debug)]
pub(super) enum Event {
    /// The state channel says something new.
    Reported,
    /// The kernel is asked for something.
    Asked(Request),
    /// Nothing: the loop waits for what is outside of it.
    Quiet,
}

impl LoopFixture {
    /// A loop that was started on an empty node and has nothing left to do.
    pub(super) async fn begin() -> Self {
        Self::begin_with(NodeState::default()).await
    }

    /// The same on a node that is not.
    pub(super) async fn begin_with(node: NodeState) -> Self {
        let mut fixture = Self::start(node);
        fixture.take_over().await;
        fixture.settle().await;
        fixture
    }

    /// A loop that asks for its tables, with policies and Services at hand.
    pub(super) fn start(node: NodeState) -> Self {
        let mut fixture = Self::start_without_policies(node);
        fixture.load_policies();
        fixture
    }

    /// The same, of which policies are not loaded.
    pub(super) fn start_without_policies(node: NodeState) -> Self {
        let NodeState { start, kernel, writers, parts, snapshot, owner, state } = node;
        let (kernel, kernel_control) = KernelControl::holding(kernel, writers);
        let ((chain, gate), (loader, loader_control)) = (annotation_policy(), Loader::controlled());
        let ((sender, receiver), (notices, metrics)) = (handover(), (Notices::default(), Metrics::default()));
        let (addresses, known) = watch::channel(NodeInterfaces::default());
        let (news, heard) = watch::channel(ForeignChanges::default());
        let (state_channel, reader) =
            state_channel(sender.findings(), notices.reader(), watch::channel(Arc::default()).1);
        let ((stop, stopped), (defects, planted)) = (oneshot::channel(), mpsc::unbounded_channel());
        let ends = ProcessEnds { stopped, planted };
        let (pod_waits, announced) = pod_waits();
        let channels = ProcessChannels { kernel, parts: parts.clone(), loader, receiver, known, news: heard, ends };
        let config = ProcessConfig { settings: settings(owner), start, state: StateDir::open(state.path()), announced };
        sender.send(everything(&snapshot));
        Self {
            daemon: tokio::spawn(run(config, channels, Observers { state_channel, metrics: metrics.clone(), notices })),
            time: tokio::spawn(stop_time(reader.clone())),
            kernel_control,
            parts,
            gate,
            state_channel: reader,
            metrics,
            claims: Claims::of(&snapshot),
            snapshot,
            held: LocalAddresses::new(),
            owner,
            sender,
            addresses,
            news,
            meddled: false,
            loader_control,
            chain: Some(chain),
            stop: Some(stop),
            pod_waits,
            defects,
            state,
        }
    }

    /// Lets the loop have its policies.
    pub(super) fn load_policies(&mut self) {
        self.loader_control.load(loaded(self.chain.take()));
    }

    /// Lets the loop have its tables.
    pub(super) async fn take_over(&mut self) {
        self.asked_at_start().await.perform();
        let read = self.asked_at_start().await;
        self.has_tables(read).await;
    }

    /// Answers the last thing that is asked for at the start, and waits until the loop goes on with that.
    pub(super) async fn has_tables(&mut self, last: Request) {
        let before = self.state_channel.newest().trouble;
        last.perform();
        let has_begun = |fixture: &Self| {
            let DaemonState { in_force, trouble, .. } = fixture.state_channel.newest();
            fixture.state_channel.busy_since().is_some() || in_force.is_some() || trouble != before
        };
        while !has_begun(self) {
            // Whether a copy of tables of another layout is there: none is.
            match self.kernel_control.requests.try_recv() {
                Ok(request) => request.perform(),
                Err(_) => let_threads_work().await,
            }
        }
    }

    /// What is asked for next while the tables are taken over.
    pub(super) async fn asked_at_start(&mut self) -> Request {
        self.kernel_control.requests.recv().await.unwrap()
    }

    /// Gives a Service one setting, the usual address and these endpoints.
    pub(super) fn translate(&mut self, name: &str, endpoints: &[&str]) {
        self.set_service(name, TRANSLATE, ADDRESS, endpoints);
    }

    /// Gives a Service what it wants of the policy, its address and its endpoints.
    pub(super) fn set_service(&mut self, name: &str, setting: &str, address: &str, endpoints: &[&str]) {
        self.put(service(name, &[address]), &[("do", setting)], endpoints);
    }

    /// Gives a Service the usual address, and pods that leave the cluster with that address or not at all.
    pub(super) fn guard(&mut self, name: &str, endpoints: &[&str]) {
        let egress = AnnotationPrefix::default().name("egress");
        let annotations = [("do", TRANSLATE), (&*egress, "true"), (AskedUnavailable::NAME, "drop")];
        self.put(service(name, &[ADDRESS]), &annotations, endpoints);
    }

    fn put(&mut self, mut service: Service, annotations: &[(&str, &str)], endpoints: &[&str]) {
        service.annotations.extend(annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let key = service.key.clone();
        SnapshotBuilder::default().service(service, endpoints).add_to(&mut self.snapshot);
        self.claims.pods.entry(key.clone()).or_default().extend(endpoints.iter().map(|text| a(text)));
        self.send(key);
    }

    /// These are the pods of the node.
    pub(super) fn pods(&mut self, pods: Pods) {
        self.snapshot.pods = KnownPods::Complete(pods);
        let keys = BTreeSet::from([ChangeKey::Pods]);
        self.sender.send(Update { snapshot: self.snapshot.clone(), keys, ..Update::default() });
    }

    /// Lets another program change the kernel's tables, and the kernel notify of it.
    pub(super) fn meddle(&mut self, change: impl FnOnce(&mut Ruleset)) {
        self.meddle_silently(change);
        self.news.send_modify(|news| news.ours += 1);
    }

    /// The same, of which the kernel does not notify.
    pub(super) fn meddle_silently(&mut self, change: impl FnOnce(&mut Ruleset)) {
        self.meddled = true;
        change(&mut self.kernel_control.state().fake.ruleset);
    }

    /// Lets the kernel drop notifications.
    pub(super) fn lose_news(&self) {
        self.news.send_modify(|news| news.gaps += 1);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.snapshot.services.remove(&key(name));
        self.snapshot.slices.remove(&key(name));
        self.send(key(name));
    }

    fn send(&self, key: SubjectKey) {
        let keys = BTreeSet::from([ChangeKey::Subject(key)]);
        self.sender.send(Update { snapshot: self.snapshot.clone(), keys, ..Update::default() });
    }

    /// Gives the node these addresses and no others.
    pub(super) fn hold(&mut self, addresses: &[&str]) {
        self.held = addresses.iter().map(|text| (a(text), AddressState::Usable)).collect();
        self.addresses.send_replace(NodeInterfaces { held: self.held.clone(), connected: vec![] });
    }

    /// Sees to what happens next. Whatever is reported is compared with the kernel.
    pub(super) async fn event(&mut self) -> Event {
        tokio::select! {
            biased;
            Ok(()) = self.state_channel.changed() => {
                self.compare();
                Event::Reported
            }
            Some(request) = self.kernel_control.requests.recv() => Event::Asked(request),
            () = sleep(HOUR) => {
                self.meddled = false;
                self.compare();
                Event::Quiet
            }
        }
    }

    /// What the kernel is asked for next.
    pub(super) async fn asked(&mut self) -> Request {
        loop {
            match self.event().await {
                Event::Asked(request) => return request,
                Event::Reported => {}
                Event::Quiet => panic!("nothing is asked of the kernel any more"),
            }
        }
    }

    /// The same, where that is to be a change.
    pub(super) async fn commit(&mut self) -> Request {
        let request = self.asked().await;
        assert!(request.writes(), "{request:?}");
        request
    }

    /// The same, where it is to be read.
    pub(super) async fn read(&mut self) -> Request {
        let request = self.asked().await;
        assert!(!request.writes(), "it was not read before: {request:?}");
        request
    }

    /// How many changes the kernel takes over until something is reported.
    pub(super) async fn commits(&mut self) -> usize {
        let mut commits = 0;
        while let Event::Asked(request) = self.event().await {
            commits += usize::from(request.writes());
            request.perform();
        }
        commits
    }

    /// What the state channel says next, before anything else is asked of the kernel.
    pub(super) async fn reported(&mut self) -> DaemonState {
        match self.event().await {
            Event::Reported => self.state_channel.newest(),
            other @ (Event::Asked(_) | Event::Quiet) => panic!("nothing was reported before this: {other:?}"),
        }
    }

    /// Lets the kernel do everything until the loop wants nothing more.
    pub(super) async fn settle(&mut self) -> DaemonState {
        loop {
            match self.event().await {
                Event::Asked(request) => request.perform(),
                Event::Reported => {}
                Event::Quiet => return self.state_channel.newest(),
            }
        }
    }

    /// The same, after which the kernel has to hold exactly what follows from the newest state.
    pub(super) async fn settle_exactly(&mut self) -> DaemonState {
        let newest = self.settle().await;
        let (from_scratch, in_force) = (self.all_from_scratch(), whole(newest.in_force.as_ref().unwrap()));
        assert_eq!(newest.trouble, None);
        assert_eq!(in_force.plan, from_scratch.plan);
        assert_eq!(in_force.statuses, from_scratch.statuses);
        assert_eq!(self.kernel_control.ruleset(), from_scratch.ruleset);
        newest
    }

    /// Asserts that the loop waits for something outside of it.
    pub(super) async fn is_quiet(&mut self) {
        let event = self.event().await;
        assert!(matches!(event, Event::Quiet), "{event:?}");
    }

    /// When the loop began with what it does now.
    pub(super) fn busy_since(&self) -> Instant {
        self.state_channel.busy_since().unwrap()
    }

    /// What is reported of a Service.
    pub(super) fn status(&self, name: &str) -> SubjectStatus {
        whole(&self.state_channel.newest().in_force.unwrap()).statuses[&key(name)].clone()
    }

    fn compare(&mut self) {
        let violations = self.kernel_control.state().violations.clone();
        assert_eq!(violations, [] as [&str; 0]);
        if !self.meddled {
            self.claims.compare(&self.state_channel.newest(), &self.kernel_control.ruleset());
        }
    }

    /// What follows from the newest state where there was none before.
    fn all_from_scratch(&self) -> Round {
        let mut pipeline = Pipeline::new(settings(self.owner), BTreeMap::new());
        let ((chain, _gate), keys) =
            (annotation_policy(), self.snapshot.services.keys().cloned().map(ChangeKey::Subject));
        pipeline.set_local_addresses(self.held.clone());
        let questions = pipeline.update(&self.snapshot, &keys.chain([ChangeKey::Cluster]).collect());
        ask(&mut pipeline, &chain, questions)
    }

    /// Makes something wrong that the loop keeps.
    pub(super) fn plant(&self, defect: impl FnOnce(&mut Daemon) + Send + 'static) {
        self.defects.send(Box::new(defect)).unwrap();
    }

    /// Asks the loop to stop.
    pub(super) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// How it ended; and what another process finds.
    pub(super) async fn ended(self) -> (Result<()>, NodeState) {
        let Self { daemon, time, kernel_control, parts, snapshot, owner, state, .. } = self;
        let ended = daemon.await.unwrap();
        time.abort();
        assert_eq!(kernel_control.state().violations, [] as [&str; 0]);
        let (kernel, writers) = (kernel_control.ruleset(), kernel_control.state().writers);
        (ended, NodeState { start: Start::Adopt, kernel, writers, parts, snapshot, owner, state })
    }
}

fn everything(snapshot: &Snapshot) -> Update {
    let keys = snapshot.services.keys().cloned().map(ChangeKey::Subject).chain([ChangeKey::Cluster]).collect();
    Update { snapshot: snapshot.clone(), keys, ..Update::default() }
}

/// A Service of the tests.
pub(super) fn key(name: &str) -> SubjectKey {
    service(name, &[]).key
}
