//! The loop as a process that tests start, and in which something may become wrong.

use anyhow::Result;
use egressd_core::chain::Chain;
use egressd_core::pipeline::Settings;
use tokio::sync::{mpsc, oneshot, watch};

use super::super::{Daemon, IdleTask, NextStep, Observers, Start, Threads};
use super::kernel::ControlledKernel;
use crate::daemon::evaluator::Evaluator;
use crate::kernel::addresses::{Addresses, NodeInterfaces};
use crate::kernel::flows::FlowsThread;
use crate::kernel::flows::testkit::HeldConnections;
use crate::kernel::nft::{ForeignChanges, KernelThread, Notifications};
use crate::kernel::tunnel::TunnelThread;
use crate::kernel::tunnel::testkit::HeldTunnel;
use crate::kernel::xfrm::XfrmThread;
use crate::kernel::xfrm::testkit::HeldPolicies;
use crate::pod_wait::AnnouncedPods;
use crate::policies::Loader;
use crate::source::handover::SnapshotReceiver;
use crate::state::StateDir;

/// What one process is started with.
pub(super) struct ProcessConfig {
    pub(super) settings: Settings,
    pub(super) start: Start,
    pub(super) state: StateDir,
    pub(super) announced: AnnouncedPods,
}

/// The parts of a node beside its tables.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldParts {
    pub(super) policies: HeldPolicies,
    pub(super) tunnel: HeldTunnel,
    pub(super) connections: HeldConnections,
}

/// The loop's channels.
pub(super) struct ProcessChannels {
    pub(super) kernel: ControlledKernel,
    /// The parts of the node beside its tables.
    pub(super) parts: HeldParts,
    pub(super) loader: Loader,
    pub(super) receiver: SnapshotReceiver,
    pub(super) known: watch::Receiver<NodeInterfaces>,
    pub(super) news: watch::Receiver<ForeignChanges>,
    pub(super) ends: ProcessEnds,
}

/// What ends or breaks the loop.
pub(super) struct ProcessEnds {
    pub(super) stopped: oneshot::Receiver<()>,
    pub(super) planted: mpsc::UnboundedReceiver<Defect>,
}

/// Something wrong, which comes while the loop has nothing to do.
pub(super) type Defect = Box<dyn FnOnce(&mut Daemon) + Send>;

pub(super) async fn run(config: ProcessConfig, channels: ProcessChannels, observers: Observers) -> Result<()> {
    let ProcessConfig { settings, start, state, announced } = config;
    let ProcessChannels { kernel, parts, loader, receiver, known, news, ends } = channels;
    let HeldParts { policies, tunnel, connections } = parts;
    let ProcessEnds { mut stopped, mut planted } = ends;
    let kernel = KernelThread::spawn(move || Ok(kernel)).await?;
    let threads = Threads {
        kernel,
        xfrm: XfrmThread::over(move || Ok(policies.clone())).await?,
        tunnel: TunnelThread::over(move || Ok(tunnel.clone())).await?,
        flows: FlowsThread::over(move || Ok(connections.clone())).await?,
        notifications: Notifications::from(news),
        loader,
        evaluator: Evaluator::start(Chain::default())?,
    };
    let mut daemon = Daemon::take_over(settings, state, threads, start, observers).await?.hearing(announced);
    let (mut addresses, mut defect) = (Addresses::from(known), None);
    let stop = interrupted(&mut stopped, &mut planted, &mut defect);
    let mut ended = daemon.follow(&receiver, &mut addresses, stop).await;
    while let (Ok(()), Some(plant)) = (&ended, defect.take()) {
        plant(&mut daemon);
        let stop = interrupted(&mut stopped, &mut planted, &mut defect);
        ended = daemon.run_loop(NextStep::Idle(IdleTask::Audit), &receiver, &mut addresses, stop).await;
    }
    daemon.end(ended).await
}

/// Waits until the loop is to end, or something is to become wrong.
async fn interrupted(
    stopped: &mut oneshot::Receiver<()>,
    planted: &mut mpsc::UnboundedReceiver<Defect>,
    defect: &mut Option<Defect>,
) {
    tokio::select! {
        biased;
        _ = stopped => {}
        planted = planted.recv() => *defect = planted,
    }
}
