//! The tunnel on a thread of its own: a change of thousands of routes takes the kernel a tenth of a second.

use egressd_core::node::{Adapter, Readback, Tunnel, TunnelChange};

use super::{Error, KernelTunnel};
use crate::kernel::worker::Worker;

/// What holds a tunnel: the kernel, or a fake of it.
pub trait TunnelKernel: Adapter<Part = Tunnel, OwnObjects = (), Error = Error> + Send {}

impl<K: Adapter<Part = Tunnel, OwnObjects = (), Error = Error> + Send> TunnelKernel for K {}

/// A [`TunnelKernel`] on a thread of its own. The thread ends when this and all clones are dropped.
#[derive(Clone, Debug)]
pub struct TunnelThread {
    worker: Worker<Owned>,
}

struct Owned {
    open: Box<dyn FnMut() -> Result<Box<dyn TunnelKernel>, Error> + Send>,
    /// None before it is needed.
    kernel: Option<Box<dyn TunnelKernel>>,
}

impl TunnelThread {
    /// Starts the thread in the calling thread's network namespace.
    ///
    /// # Errors
    /// When there can be no thread.
    pub async fn spawn() -> Result<Self, Error> {
        Self::over(KernelTunnel::open).await
    }

    /// Starts the thread; it opens the kernel with the first request, and again after a request that failed.
    ///
    /// # Errors
    /// When there can be no thread.
    pub async fn over<K: TunnelKernel + 'static>(
        mut open: impl FnMut() -> Result<K, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let open = move || open().map(|kernel| Box::new(kernel) as Box<dyn TunnelKernel>);
        Worker::spawn("tunnel", || Ok(Owned { open: Box::new(open), kernel: None })).await.map(|worker| Self { worker })
    }

    /// As [`Adapter::read`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn read(&self) -> Result<Readback<Tunnel>, Error> {
        self.worker.ask(move |owned| owned.ask(|kernel| kernel.read(&()))).await?
    }

    /// As [`Adapter::commit`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn commit(&self, change: TunnelChange) -> Result<(), Error> {
        self.worker.ask(move |owned| owned.ask(|kernel| kernel.commit(&change))).await?
    }
}

impl Owned {
    /// A kernel that failed is dropped: late answers to one request would be taken for those to the next.
    fn ask<T>(&mut self, task: impl FnOnce(&mut dyn TunnelKernel) -> Result<T, Error>) -> Result<T, Error> {
        let mut kernel = match self.kernel.take() {
            Some(kernel) => kernel,
            None => (self.open)()?,
        };
        let done = task(&mut *kernel)?;
        self.kernel = Some(kernel);
        Ok(done)
    }
}
