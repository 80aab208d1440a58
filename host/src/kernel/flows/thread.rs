//! Connections on a thread of their own: a walk through 200,000 entries takes the kernel tens of milliseconds, and nothing
//! waits for it. What it finds comes as events, in parts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::flows::Filter;
use tokio::sync::mpsc;

use super::{Connections, Error, FoundFlow};
use crate::clock;
use crate::kernel::lazy::Lazy;
use crate::kernel::worker::{Worker, WorkerError};

/// How many entries come at once: what the loop looks at between two of its other tasks.
const PART: usize = 1024;
/// How many parts wait for the loop.
const WAITING_PARTS: usize = 4;

/// What has connections: the kernel, or a fake of it.
pub trait FlowKernel: Send {
    /// Gives every entry that passes the filter to `each`, and maybe others, until that breaks off.
    ///
    /// # Errors
    /// When the kernel does not answer, or not with all of them.
    fn walk(&mut self, filter: Filter, each: &mut dyn FnMut(FoundFlow) -> ControlFlow<()>) -> Result<(), Error>;

    /// Deletes entries; returns how many of them were there still.
    ///
    /// # Errors
    /// When the kernel refuses one. Others may have been deleted.
    fn delete(&mut self, flows: &[FoundFlow]) -> Result<usize, Error>;
}

/// Which walk it is: what comes late of one that failed is not of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkNumber(u64);

impl WalkNumber {
    /// That of the walk after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A walk through the entries, which looks for some.
#[derive(Clone, Debug)]
pub struct Walk {
    pub number: WalkNumber,
    pub filter: Filter,
    pub sources: Sources,
}

/// Whose entries are looked for.
#[derive(Clone, Debug)]
pub struct Sources(pub Arc<BTreeSet<IpAddr>>);

/// What came of a task of a walk.
#[derive(Debug)]
pub struct FlowEvent {
    pub walk: WalkNumber,
    pub result: FlowResult,
}

/// What came of a task.
#[derive(Debug)]
pub enum FlowResult {
    /// Some of the entries that a walk looks for.
    Found(Vec<FoundFlow>),
    /// A walk is over, after so long. Where it failed, entries may be missing.
    Walked(Result<(), Error>, Duration),
    /// Entries were deleted, so many.
    Deleted(Result<usize, Error>),
}

/// A [`FlowKernel`] on a thread of its own. The thread ends when this is dropped.
#[derive(Debug)]
pub struct FlowsThread {
    worker: Worker<Owned>,
    events: mpsc::Receiver<FlowEvent>,
}

struct Owned {
    kernel: Lazy<dyn FlowKernel, Error>,
    events: mpsc::Sender<FlowEvent>,
}

impl FlowsThread {
    /// Starts the thread in the calling thread's network namespace.
    ///
    /// # Errors
    /// When there can be no thread.
    pub async fn spawn() -> Result<Self, Error> {
        Self::over(Connections::open).await
    }

    /// Starts the thread; it opens the kernel with the first task, and again after a task that failed.
    ///
    /// # Errors
    /// When there can be no thread.
    pub async fn over<K: FlowKernel + 'static>(
        mut open: impl FnMut() -> Result<K, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let open = move || open().map(|kernel| Box::new(kernel) as Box<dyn FlowKernel>);
        let (sender, events) = mpsc::channel(WAITING_PARTS);
        let owned = move || Ok::<_, WorkerError>(Owned { kernel: Lazy::new(open), events: sender });
        let worker = Worker::spawn("flows", owned).await?;
        Ok(Self { worker, events })
    }

    /// Begins a walk; its end is an event.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn walk(&self, walk: Walk) -> Result<(), Error> {
        self.worker.post(move |owned| owned.walk(&walk)).map_err(Into::into)
    }

    /// Begins to delete entries that a walk found; the result is an event.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn delete(&self, walk: WalkNumber, flows: Vec<FoundFlow>) -> Result<(), Error> {
        self.worker.post(move |owned| owned.delete(walk, &flows)).map_err(Into::into)
    }

    /// What comes next of the tasks; never where there is none.
    pub async fn next(&mut self) -> FlowEvent {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

impl Owned {
    fn walk(&mut self, walk: &Walk) {
        let begun = clock::now();
        let events = self.events.clone();
        let event = |result| FlowEvent { walk: walk.number, result };
        let walked = self.kernel.ask(|kernel| {
            let mut found = Vec::new();
            let walked = kernel.walk(walk.filter, &mut |flow| {
                if walk.sources.0.contains(&flow.flow.source) {
                    found.push(flow);
                }
                if found.len() < PART {
                    return ControlFlow::Continue(());
                }
                // Where the loop is gone, so is whoever would use the rest.
                match events.blocking_send(event(FlowResult::Found(std::mem::take(&mut found)))) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
            let _ = events.blocking_send(event(FlowResult::Found(found)));
            walked
        });
        let _ = self.events.blocking_send(event(FlowResult::Walked(walked, clock::since(begun))));
    }

    fn delete(&mut self, walk: WalkNumber, flows: &[FoundFlow]) {
        let result = FlowResult::Deleted(self.kernel.ask(|kernel| kernel.delete(flows)));
        let _ = self.events.blocking_send(FlowEvent { walk, result });
    }
}
