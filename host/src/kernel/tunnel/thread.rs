//! The tunnel on a thread of its own.

use egressd_core::node::{Adapter, Tunnel, TunnelMaker};

use super::Error;
use crate::kernel::part::PartThread;

/// What holds a tunnel: the kernel, or a fake of it.
pub trait TunnelKernel: Adapter<Part = Tunnel, OwnObjects = TunnelMaker, Error = Error> + Send {}

impl<K: Adapter<Part = Tunnel, OwnObjects = TunnelMaker, Error = Error> + Send> TunnelKernel for K {}

/// A [`TunnelKernel`] on a thread of its own.
pub type TunnelThread = PartThread<Tunnel, TunnelMaker, Error>;
