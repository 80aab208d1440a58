//! Why a tunnel was not read or changed.

use std::io;

use egressd_core::node::Tunnel;

use crate::kernel::netlink::{self, Refusal};
use crate::kernel::worker::WorkerError;

/// Why the tunnel's device, rules or routes were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot change the tunnel: it needs CAP_NET_ADMIN in this network namespace")]
    NotPermitted,
    /// Another program made a device of the same name, which is never touched (P10).
    #[error("cannot use the device {name}: it is {what}, which egressd did not make", name = Tunnel::DEVICE)]
    Occupied {
        /// As in "a device of the kind bridge".
        what: String,
    },
    /// There is one tunnel in a network namespace.
    #[error("cannot use the device {name}: it is the tunnel of another egressd of this node", name = Tunnel::DEVICE)]
    Theirs,
    #[error("cannot open a netlink socket for the tunnel")]
    Open(#[source] io::Error),
    #[error("cannot send a change of the tunnel")]
    Send(#[source] io::Error),
    #[error("cannot read the tunnel's device, rules and routes")]
    Read(#[source] io::Error),
    #[error("cannot read the tunnel's {what}")]
    Unread {
        /// As in "rules".
        what: &'static str,
        source: Refusal,
    },
    #[error("cannot decode the kernel's answer about the tunnel")]
    Malformed,
    /// The kernel refused an operation. Others of the same change may have been made.
    #[error("cannot change the tunnel: {operation}")]
    Refused {
        /// What was being done, as `ip` takes it.
        operation: String,
        source: Refusal,
    },
    /// There is no device to which a route could lead.
    #[error("cannot lead routes into the tunnel: there is no device {name}", name = Tunnel::DEVICE)]
    NoDevice,
    /// The kernel refused an operation and its answer had no place in the socket's buffer.
    #[error("cannot confirm a change of the tunnel: the kernel had to drop answers")]
    Lost,
    #[error("cannot start the thread for the tunnel")]
    Thread(#[source] io::Error),
    /// The thread is gone, which is a defect of egressd.
    #[error("cannot reach the thread for the tunnel: it has ended")]
    ThreadGone,
}

impl Error {
    /// Of a question about this.
    pub(super) fn reading(what: &'static str) -> impl Fn(netlink::Error) -> Self {
        move |error| match error {
            netlink::Error::Refused(refused) => Self::Unread { what, source: refused.refusal },
            netlink::Error::Open(_)
            | netlink::Error::SetUp(_)
            | netlink::Error::Send(_)
            | netlink::Error::Receive(_)
            | netlink::Error::TooLong
            | netlink::Error::Malformed
            | netlink::Error::Interrupted => Self::from(error),
        }
    }

    /// Of an operation.
    pub(super) fn of(operation: impl ToString, refusal: Refusal) -> Self {
        match refusal.errno {
            libc::EPERM => Self::NotPermitted,
            _ => Self::Refused { operation: operation.to_string(), source: refusal },
        }
    }
}

impl From<netlink::Error> for Error {
    fn from(error: netlink::Error) -> Self {
        match error {
            netlink::Error::Open(source) | netlink::Error::SetUp(source) => Self::Open(source),
            netlink::Error::Send(source) => Self::Send(source),
            netlink::Error::Receive(source) => Self::Read(source),
            netlink::Error::TooLong | netlink::Error::Malformed => Self::Malformed,
            netlink::Error::Interrupted => Self::Lost,
            netlink::Error::Refused(refused) => Self::Unread { what: "state", source: refused.refusal },
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
