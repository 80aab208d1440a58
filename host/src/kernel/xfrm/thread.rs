//! The policies on a thread of their own: a change of thousands takes the kernel a tenth of a second.

use egressd_core::node::{Adapter, Readback, Xfrm, XfrmChange, XfrmMaker};

use super::{Error, Policies};
use crate::kernel::worker::Worker;

/// What holds policies: the kernel, or a fake of it.
pub trait XfrmKernel: Adapter<Part = Xfrm, OwnObjects = XfrmMaker, Error = Error> + Send {}

impl<K: Adapter<Part = Xfrm, OwnObjects = XfrmMaker, Error = Error> + Send> XfrmKernel for K {}

/// An [`XfrmKernel`] on a thread of its own. The thread ends when this and all clones are dropped.
#[derive(Clone, Debug)]
pub struct XfrmThread {
    worker: Worker<Owned>,
}

struct Owned {
    open: Box<dyn FnMut() -> Result<Box<dyn XfrmKernel>, Error> + Send>,
    /// None before it is needed: a kernel loads a module for it.
    kernel: Option<Box<dyn XfrmKernel>>,
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
        Worker::spawn("xfrm", || Ok(Owned { open: Box::new(open), kernel: None })).await.map(|worker| Self { worker })
    }

    /// As [`Adapter::read`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn read(&self, maker: XfrmMaker) -> Result<Readback<Xfrm>, Error> {
        self.worker.ask(move |owned| owned.ask(|kernel| kernel.read(&maker))).await?
    }

    /// As [`Adapter::commit`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn commit(&self, change: XfrmChange) -> Result<(), Error> {
        self.worker.ask(move |owned| owned.ask(|kernel| kernel.commit(&change))).await?
    }
}

impl Owned {
    /// A kernel that failed is dropped: late answers to one request would be taken for those to the next.
    fn ask<T>(&mut self, task: impl FnOnce(&mut dyn XfrmKernel) -> Result<T, Error>) -> Result<T, Error> {
        let mut kernel = match self.kernel.take() {
            Some(kernel) => kernel,
            None => (self.open)()?,
        };
        let done = task(&mut *kernel)?;
        self.kernel = Some(kernel);
        Ok(done)
    }
}
