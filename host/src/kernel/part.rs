//! A part of the node on a thread of its own: a change of thousands of objects takes the kernel a tenth of a second.

use std::fmt::{self, Debug, Formatter};

use egressd_core::node::{Adapter, Part, Readback};

use crate::kernel::lazy::Lazy;
use crate::kernel::worker::{Worker, WorkerError};

/// What holds a part: the kernel, or a fake of it.
type Holder<P, O, E> = dyn Adapter<Part = P, OwnObjects = O, Error = E> + Send;

/// What holds a part `P`, knows egressd's own of it by `O`, and fails with `E`, on a thread of its own. The thread ends when
/// this and all clones are dropped.
pub struct PartThread<P: Part, O, E> {
    worker: Worker<Lazy<Holder<P, O, E>, E>>,
}

impl<P, O, E> PartThread<P, O, E>
where
    P: Part<State: Send, Change: Send> + 'static,
    O: Send + 'static,
    E: From<WorkerError> + Send + 'static,
{
    /// Starts the thread in the calling thread's network namespace; it opens the kernel with the first request, and again
    /// after a request that failed.
    ///
    /// # Errors
    /// When there can be no thread.
    pub async fn over<K: Adapter<Part = P, OwnObjects = O, Error = E> + Send + 'static>(
        mut open: impl FnMut() -> Result<K, E> + Send + 'static,
    ) -> Result<Self, E> {
        let open = move || open().map(|kernel| Box::new(kernel) as Box<Holder<P, O, E>>);
        Worker::spawn(P::NAME, || Ok(Lazy::new(open))).await.map(|worker| Self { worker })
    }

    /// As [`Adapter::read`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn read(&self, ours: O) -> Result<Readback<P>, E> {
        self.worker.ask(move |kernel| kernel.ask(|kernel| kernel.read(&ours))).await?
    }

    /// As [`Adapter::commit`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn commit(&self, change: P::Change) -> Result<(), E> {
        self.worker.ask(move |kernel| kernel.ask(|kernel| kernel.commit(&change))).await?
    }
}

impl<P: Part, O, E> Clone for PartThread<P, O, E>
where
    P: 'static,
    O: 'static,
    E: 'static,
{
    fn clone(&self) -> Self {
        Self { worker: self.worker.clone() }
    }
}

impl<P: Part, O, E> Debug for PartThread<P, O, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartThread").finish_non_exhaustive()
    }
}
