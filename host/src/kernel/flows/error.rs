//! Why entries of connection tracking were not read or deleted.

use std::io;

use crate::kernel::netlink::{self, Refusal};
use crate::kernel::worker::WorkerError;

/// Why entries of connection tracking were not read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel was built without `CONFIG_NF_CT_NETLINK`, or its module is missing.
    #[error("cannot use connection tracking: this kernel has no ctnetlink (CONFIG_NF_CT_NETLINK)")]
    Unsupported,
    #[error("cannot use connection tracking: it needs CAP_NET_ADMIN in this network namespace")]
    NotPermitted,
    #[error("cannot open a netlink socket for connection tracking")]
    Open(#[source] io::Error),
    #[error("cannot send a request about connections")]
    Send(#[source] io::Error),
    #[error("cannot read the node's connections")]
    Read(#[source] io::Error),
    #[error("cannot read the node's connections")]
    Unread(#[source] Refusal),
    #[error("cannot decode the kernel's answer about connections")]
    Malformed,
    /// The kernel had to drop some of its answer.
    #[error("cannot read the node's connections: the kernel had to drop some of them")]
    Lost,
    #[error("cannot delete a connection")]
    Refused(#[source] Refusal),
    #[error("cannot start the thread for connections")]
    Thread(#[source] io::Error),
    /// The thread is gone, which is a defect of egressd.
    #[error("cannot reach the thread for connections: it has ended")]
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
            // nfnetlink knows no such part, and could load none.
            libc::EINVAL | libc::EOPNOTSUPP => Self::Unsupported,
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
