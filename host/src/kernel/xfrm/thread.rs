//! The policies on a thread of their own.

use egressd_core::node::{Adapter, Xfrm, XfrmMaker};

use super::Error;
use crate::kernel::part::PartThread;

/// What holds policies: the kernel, or a fake of it.
pub trait XfrmKernel: Adapter<Part = Xfrm, OwnObjects = XfrmMaker, Error = Error> + Send {}

impl<K: Adapter<Part = Xfrm, OwnObjects = XfrmMaker, Error = Error> + Send> XfrmKernel for K {}

/// An [`XfrmKernel`] on a thread of its own.
pub type XfrmThread = PartThread<Xfrm, XfrmMaker, Error>;
