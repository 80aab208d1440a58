//! What the loop works with beside its own state.

use crate::daemon::evaluator::Evaluator;
use crate::kernel::flows::FlowsThread;
use crate::kernel::nft::{KernelThread, Notifications};
use crate::kernel::tunnel::TunnelThread;
use crate::kernel::xfrm::XfrmThread;
use crate::metrics::Metrics;
use crate::policies::Loader;
use crate::state_channel::StateChannel;
use crate::state_channel::notices::Notices;

/// The threads that work for the loop while it waits.
#[derive(Debug)]
pub struct Threads {
    /// Changes and reads the kernel's tables.
    pub kernel: KernelThread,
    /// Of what other programs do to them.
    pub notifications: Notifications,
    /// Changes and reads the kernel's IPsec policies.
    pub xfrm: XfrmThread,
    /// Changes and reads the kernel's tunnel to other nodes.
    pub tunnel: TunnelThread,
    /// Reads and deletes the kernel's connections.
    pub flows: FlowsThread,
    pub loader: Loader,
    pub evaluator: Evaluator,
}

/// Where the loop reports.
#[derive(Debug)]
pub struct Observers {
    /// What is in force.
    pub state_channel: StateChannel,
    /// What is counted.
    pub metrics: Metrics,
    /// What is wrong with this node.
    pub notices: Notices,
}
