//! The policies on a thread of their own: a change of thousands takes the kernel a tenth of a second.

use egressd_core::node::{Adapter, Readback, Xfrm, XfrmChange, XfrmMaker};

use super::{Error, Policies};
use crate::kernel::lazy::Lazy;
use crate::kernel::worker::Worker;

/// What holds policies: the kernel, or a fake of it.
pub trait XfrmKernel: Adapter<Part = Xfrm, OwnObjects = XfrmMaker, Error = Error> + Send {}

impl<K: Adapter<Part = Xfrm, OwnObjects = XfrmMaker, Error = Error> + Send> XfrmKernel for K {}

/// An [`XfrmKernel`] on a thread of its own. The thread ends when this and all clones are dropped.
#[derive(Clone, Debug)]
pub struct XfrmThread {
    worker: Worker<Lazy<dyn XfrmKernel, Error>>,
}

impl XfrmThread {
    /// Starts the thread in the calling thread's network namespace.
    ///
    /// # Errors
    /// When there can be no thread.
    pub async fn spawn() -> Result<Self, Error> {
        Self::over(Policies::open).await
    }

    /// Starts the thread; it opens the kernel with the first request, and again after a request that failed.
    ///
    /// # Errors
    /// When there can be no thread.
    pub async fn over<K: XfrmKernel + 'static>(
        mut open: impl FnMut() -> Result<K, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let open = move || open().map(|kernel| Box::new(kernel) as Box<dyn XfrmKernel>);
        Worker::spawn("xfrm", || Ok(Lazy::new(open))).await.map(|worker| Self { worker })
    }

    /// As [`Adapter::read`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn read(&self, maker: XfrmMaker) -> Result<Readback<Xfrm>, Error> {
        self.worker.ask(move |kernel| kernel.ask(|kernel| kernel.read(&maker))).await?
    }

    /// As [`Adapter::commit`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn commit(&self, change: XfrmChange) -> Result<(), Error> {
        self.worker.ask(move |kernel| kernel.ask(|kernel| kernel.commit(&change))).await?
    }
}
