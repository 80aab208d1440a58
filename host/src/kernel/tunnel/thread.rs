//! The tunnel on a thread of its own: a change of thousands of routes takes the kernel a tenth of a second.

use egressd_core::node::{Adapter, Readback, Tunnel, TunnelChange};

use super::{Error, KernelTunnel};
use crate::kernel::lazy::Lazy;
use crate::kernel::worker::Worker;

/// What holds a tunnel: the kernel, or a fake of it.
pub trait TunnelKernel: Adapter<Part = Tunnel, OwnObjects = (), Error = Error> + Send {}

impl<K: Adapter<Part = Tunnel, OwnObjects = (), Error = Error> + Send> TunnelKernel for K {}

/// A [`TunnelKernel`] on a thread of its own. The thread ends when this and all clones are dropped.
#[derive(Clone, Debug)]
pub struct TunnelThread {
    worker: Worker<Lazy<dyn TunnelKernel, Error>>,
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
        Worker::spawn("tunnel", || Ok(Lazy::new(open))).await.map(|worker| Self { worker })
    }

    /// As [`Adapter::read`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn read(&self) -> Result<Readback<Tunnel>, Error> {
        self.worker.ask(move |kernel| kernel.ask(|kernel| kernel.read(&()))).await?
    }

    /// As [`Adapter::commit`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn commit(&self, change: TunnelChange) -> Result<(), Error> {
        self.worker.ask(move |kernel| kernel.ask(|kernel| kernel.commit(&change))).await?
    }
}
