//! Pods whose network is being set up: from the status socket to the loop, and how far they are on the way back. A wait
//! costs neither of the two a thread, and ends on the side of the one who waits.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::pipeline::{PodAnnouncement, PodProgress};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

/// How many pods are waited for at once: more than a node makes at once after it has booted.
pub const MOST_WAITING: usize = 512;

/// How many are taken in together.
const AT_ONCE: usize = 64;

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitState {
    /// The loop has not begun to follow Services.
    NotBegun,
    Known(PodProgress),
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitEnd {
    /// Nothing is left to wait for.
    Done(PodProgress),
    /// The time was over: how far the pod was by then.
    Late(WaitState),
    /// So many wait already that this one was not taken.
    TooMany,
}

/// One that is waited for.
#[derive(Debug)]
pub struct PodWait {
    pub announcement: PodAnnouncement,
    progress: watch::Sender<WaitState>,
}

/// The end of those who wait.
#[derive(Clone, Debug)]
pub struct PodWaits {
    requests: mpsc::Sender<PodWait>,
    room: Arc<Semaphore>,
}

/// The loop's end.
#[derive(Debug)]
pub struct AnnouncedPods(mpsc::Receiver<PodWait>);

/// Both ends.
pub fn pod_waits() -> (PodWaits, AnnouncedPods) {
    let (requests, received) = mpsc::channel(MOST_WAITING);
    (PodWaits { requests, room: Arc::new(Semaphore::new(MOST_WAITING)) }, AnnouncedPods(received))
}

impl PodWaits {
    /// Announces a pod, and waits until all that selects it is in force, so long at most.
    pub async fn wait(&self, announcement: PodAnnouncement, most: Duration) -> WaitEnd {
        let Ok(_room) = self.room.try_acquire() else { return WaitEnd::TooMany };
        let (progress, mut known) = watch::channel(WaitState::NotBegun);
        if self.requests.try_send(PodWait { announcement, progress }).is_err() {
            return WaitEnd::TooMany;
        }
        let done = timeout(most, known.wait_for(WaitState::is_done)).await;
        match done.map(|state| state.map(|state| state.clone())) {
            Ok(Ok(WaitState::Known(progress))) => WaitEnd::Done(progress),
            // The loop has ended, or the time is over.
            Ok(Ok(WaitState::NotBegun) | Err(_)) | Err(_) => WaitEnd::Late(known.borrow().clone()),
        }
    }
}

impl WaitState {
    fn is_done(&self) -> bool {
        match self {
            Self::NotBegun | Self::Known(PodProgress::Waits(_)) => false,
            Self::Known(PodProgress::NotWatched | PodProgress::InForce(_) | PodProgress::Unselected) => true,
        }
    }
}

impl PodWait {
    /// Takes in how far the pod is; gives it back while that matters to whoever waits.
    pub fn is_now(self, progress: PodProgress) -> Option<Self> {
        let state = WaitState::Known(progress);
        let is_done = state.is_done();
        self.progress.send_replace(state);
        (!is_done && !self.progress.is_closed()).then_some(self)
    }
}

impl AnnouncedPods {
    /// Where none will ever come.
    pub fn none() -> Self {
        pod_waits().1
    }

    /// Those that have come, once some have.
    pub async fn next(&mut self) -> Vec<PodWait> {
        let mut come = Vec::new();
        match self.0.recv_many(&mut come, AT_ONCE).await {
            0 => pending().await,
            _ => come,
        }
    }
}

#[cfg(test)]
#[path = "pod_wait_tests.rs"]
mod tests;
