//! What is remembered before it is in force, on the loop itself: what the disk and the kernel do is written down by both.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use egressd_core::chain::{Chain, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Draft, Outcome};
use egressd_core::model::{AnnotationPrefix, ChangeKey, Context as NodeContext, Interest, SubjectView, Uid};
use egressd_core::node::{Adapter, Nft};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{SignOfLife, Updates};
use egressd_core::testkit::{SnapshotBuilder, rule, service, settings};
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::kernel::flows::{self, Connections, FlowsThread};
use crate::kernel::nft::{Error, ForeignChanges, Kernel, Notifications, Readback, Survey, TableId, Writers};
use crate::kernel::tunnel::{self, KernelTunnel, TunnelThread};
use crate::kernel::xfrm::{self, Policies, XfrmThread};
use crate::metrics::Metrics;
use crate::policies::{Library, Sandbox};
use crate::source::handover::handover;
use crate::state::pending::Promised;
use crate::state::thread::{Disk, Health, StateAtStart as Directory};
use crate::state_channel::notices::Notices;
use crate::state_channel::state_channel;

/// What was done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Remembered,
    Committed,
}

type Record = Arc<Mutex<Vec<Action>>>;

fn lock(record: &Record) -> MutexGuard<'_, Vec<Action>> {
    record.lock().unwrap()
}

/// A disk that takes its time: a caller that does not wait for it comes first.
struct SlowDisk(Record);

impl Disk for SlowDisk {
    fn write_promised(&mut self, promised: Promised) -> Promised {
        if !promised.accepted.is_empty() {
            thread::sleep(Duration::from_millis(100));
            lock(&self.0).push(Action::Remembered);
        }
        Promised::default()
    }

    fn write_drafts(&mut self, _: Updates<Draft>) {}

    fn write_sign(&mut self, _: SignOfLife) {}

    fn health(&self) -> Health {
        Health::Good
    }
}

/// One that does not answer before the test is over.
struct HangingDisk(Receiver<()>);

impl Disk for HangingDisk {
    fn write_promised(&mut self, _: Promised) -> Promised {
        // It ends with an error, when the test does.
        let _ = self.0.recv();
        Promised::default()
    }

    fn write_drafts(&mut self, _: Updates<Draft>) {}

    fn write_sign(&mut self, _: SignOfLife) {}

    fn health(&self) -> Health {
        Health::Good
    }
}

struct RecordingKernel(Record);

impl Adapter for RecordingKernel {
    type Part = Nft;
    type OwnObjects = TableNames;
    type Error = Error;

    fn adopt(&mut self, _: &TableNames) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, _: &TableNames) -> Result<Readback, Error> {
        Ok(Readback::default())
    }

    fn commit(&mut self, _: &egressd_core::diff::Batch) -> Result<(), Error> {
        lock(&self.0).push(Action::Committed);
        Ok(())
    }
}

impl Kernel for RecordingKernel {
    fn port(&self) -> u32 {
        0
    }

    fn existing(&mut self, _: &TableNames) -> Result<Vec<TableId>, Error> {
        Ok(Vec::new())
    }

    fn foreign(&mut self, _: &TableNames) -> Result<Vec<TableId>, Error> {
        Ok(Vec::new())
    }

    fn writers(&mut self, _: &TableNames) -> Result<Writers, Error> {
        Ok(Writers::Us)
    }

    fn survey(&mut self, _: &TableNames, _: &BTreeSet<Uid>) -> Result<Survey, Error> {
        Ok(Survey::default())
    }
}

/// Translates every endpoint, whatever the Service says.
struct TranslateAll;

impl Policy for TranslateAll {
    fn name(&self) -> &'static str {
        "translate-all"
    }

    fn evaluate(&self, context: &NodeContext, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let endpoints = view.local_endpoints(context).map(|endpoint| endpoint.address);
        let rules = view.subject.addresses.first().map(|address| rule(endpoints, *address)).into_iter().collect();
        let decision = Decision::Plan(Draft::of(rules));
        Ok(Outcome { decision, diagnostics: vec![] })
    }
}

/// A loop with policies, on such a disk.
struct Fixture {
    daemon: Daemon,
    record: Record,
    _state: TempDir,
}

impl Fixture {
    async fn on(disk: impl FnOnce(Record) -> StateThread) -> Self {
        let (record, directory) = (Record::default(), tempfile::tempdir().unwrap());
        let theirs = Arc::clone(&record);
        let kernel = KernelThread::spawn(move || Ok(RecordingKernel(theirs))).await.unwrap();
        let chain =
            || Member::new(MemberRole::Policy(Arc::new(TranslateAll))).reading(Interest::new([&"do".to_owned()], []));
        let library =
            Library::new(Sandbox::new().unwrap(), AnnotationPrefix::default(), Metrics::default(), Default::default());
        let loader = Loader::start(library).unwrap();
        let notifications = Notifications::from(tokio::sync::watch::channel(ForeignChanges::default()).1);
        let evaluator = Evaluator::start(Chain::new([chain()])).unwrap();
        let xfrm = XfrmThread::over(|| Err::<Policies, _>(xfrm::Error::Unsupported)).await.unwrap();
        let tunnel = TunnelThread::over(|| Err::<KernelTunnel, _>(tunnel::Error::NotPermitted)).await.unwrap();
        let flows = FlowsThread::over(|| Err::<Connections, _>(flows::Error::Unsupported)).await.unwrap();
        let threads = Threads { kernel, notifications, xfrm, tunnel, flows, loader, evaluator };
        let ((sender, _taker), orphans) = (handover(), watch::channel(Arc::default()).1);
        let (state_channel, _reader) = state_channel(sender.findings(), Notices::default().reader(), orphans);
        let (state, observers) = (
            StateDir::open(directory.path()),
            Observers { state_channel, metrics: Metrics::default(), notices: Notices::default() },
        );
        let adopted = Daemon::take_over(settings(Owner::Any), state, threads, Start::Adopt, observers).await;
        let mut daemon = adopted.unwrap();
        daemon.state = disk(Arc::clone(&record));
        daemon.pipeline.ask_all(Chain::new([chain()]).interest());
        Self { daemon, record, _state: directory }
    }

    /// What is done for a Service with this annotation and these endpoints.
    async fn put(&mut self, setting: &str, endpoints: &[&str]) -> Vec<Action> {
        let mut service = service("web", &["11.0.0.2"]);
        service.annotations.insert("do".to_owned(), setting.to_owned());
        let keys = [ChangeKey::Subject(service.key.clone()), ChangeKey::Cluster].into();
        let snapshot = SnapshotBuilder::default().service(service, endpoints).build();
        let questions = self.daemon.pipeline.update(&snapshot, &keys);
        self.daemon.queue(questions);
        self.daemon.ask().await.unwrap();
        self.daemon.round().await.unwrap();
        let mut done = std::mem::take(&mut *lock(&self.record));
        done.dedup();
        done
    }
}

#[tokio::test]
async fn what_is_accepted_is_on_the_disk_before_it_is_in_force() {
    let slow = |record| StateThread::over(SlowDisk(record), Directory::default()).unwrap();
    let mut fixture = Fixture::on(slow).await;
    assert_eq!(fixture.put("one", &["10.0.0.1"]).await, [Action::Remembered, Action::Committed]);
    assert_eq!(fixture.put("one", &["10.0.0.1", "10.0.0.2"]).await, [Action::Committed], "an endpoint is no edit");
    assert_eq!(fixture.put("two", &["10.0.0.1"]).await, [Action::Remembered, Action::Committed]);
}

#[tokio::test]
async fn a_disk_that_hangs_stops_no_translation() {
    let (_hangs, answer): (Sender<()>, _) = mpsc::channel();
    let hanging = |_| StateThread::over(HangingDisk(answer), Directory::default()).unwrap();
    let mut fixture = Fixture::on(hanging).await;
    assert_eq!(fixture.put("one", &["10.0.0.1"]).await, [Action::Committed]);
    assert_eq!(fixture.put("two", &["10.0.0.2"]).await, [Action::Committed]);
}
