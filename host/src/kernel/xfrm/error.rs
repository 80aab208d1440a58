//! Why policies were not read or changed.

use std::io;

use crate::kernel::netlink::{self, Refusal};
use crate::kernel::worker::WorkerError;

/// Why the kernel's IPsec policies were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel was built without `CONFIG_XFRM_USER`, or its module is missing.
    #[error("cannot use IPsec policies: this kernel has no xfrm (CONFIG_XFRM_USER)")]
    Unsupported,
    #[error("cannot use IPsec policies: it needs CAP_NET_ADMIN in this network namespace")]
    NotPermitted,
    #[error("cannot open a netlink socket for IPsec policies")]
    Open(#[source] io::Error),
    #[error("cannot send a change of IPsec policies")]
    Send(#[source] io::Error),
    #[error("cannot read the node's IPsec policies")]
    Read(#[source] io::Error),
    #[error("cannot read the node's IPsec policies")]
    Unread(#[source] Refusal),
    #[error("cannot decode the kernel's answer about IPsec policies")]
    Malformed,
    /// The kernel refused a policy. Others of the same change may have been made.
    #[error("cannot change IPsec policies: {policy}")]
    Refused {
        /// What was being done, as in "add: block packets of 10.0.0.1".
        policy: String,
        source: Refusal,
    },
    /// The kernel refused a policy and its answer had no place in the socket's buffer.
    #[error("cannot confirm a change of IPsec policies: the kernel had to drop answers")]
    Lost,
    #[error("cannot start the thread for IPsec policies")]
    Thread(#[source] io::Error),
    /// The thread is gone, which is a defect of egressd.
    #[error("cannot reach the thread for IPsec policies: it has ended")]
    ThreadGone,
}

impl From<netlink::Error> for Error {
    fn from(error: netlink::Error) -> Self {
        match error {
            netlink::Error::Open(source) if source.raw_os_error() == Some(libc::EPROTONOSUPPORT) => Self::Unsupported,
            netlink::Error::Open(source) | netlink::Error::SetUp(source) => Self::Open(source),
            netlink::Error::Send(source) => Self::Send(source),
            netlink::Error::Receive(source) => Self::Read(source),
            netlink::Error::TooLong | netlink::Error::Malformed => Self::Malformed,
            netlink::Error::Interrupted => Self::Lost,
            netlink::Error::Refused(refused) => Self::from(refused.refusal),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal.errno {
            libc::EPERM => Self::NotPermitted,
            _ => Self::Unread(refusal),
        }
    }
}

impl From<WorkerError> for Error {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Start(source) => Self::Thread(source),
            WorkerError::Gone => Self::ThreadGone,
        }
    }
}
