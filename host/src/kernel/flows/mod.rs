//! The kernel's entries of connection tracking (ctnetlink): read in one walk, and deleted one by one, each by its tuple and
//! its number. Never by a filter: a kernel before 6.12 does not look at the filter of a deletion, and deletes all.
//!
//! The kernel works inside `send`, so all answers to deletions are queued when that returns; success is silence.

mod error;
mod message;
#[cfg(test)]
pub(crate) mod testkit;
mod thread;

use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::Duration;

use egressd_core::flows::Filter;
use rustix::net::netlink::NETFILTER;
use rustix::thread::{MembarrierCommand, membarrier};

pub use error::Error;
pub use message::FoundFlow;
pub use thread::{FlowEvent, FlowKernel, FlowResult, FlowsThread, Sources, Walk, WalkNumber};

use self::message::{ask, delete, read};
use super::netlink::{FIRST_CHANGE, Setup, Socket, Switch, Writer};

/// Refusals of some thousands of deletions fit.
const SETUP: Setup =
    Setup { protocol: Some(NETFILTER), groups: 0, receive_buffer: 4 << 20, switches: &[Switch::Explanations] };

/// How long a packet may take from its first rule to its entry, where the kernel cannot be asked to wait for that.
const PACKETS_UNDER_WAY: Duration = Duration::from_millis(20);

/// The connections of one network namespace.
#[derive(Debug)]
pub struct Connections {
    socket: Socket,
}

impl Connections {
    /// Opens those of the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel forbids sockets.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: Socket::open(&SETUP)? })
    }
}

impl FlowKernel for Connections {
    /// A packet that met the rules before a commit has its entry only at the end of its way. The kernel's barrier waits for
    /// whatever is under way on every processor.
    fn walk(&mut self, filter: Filter, each: &mut dyn FnMut(FoundFlow) -> ControlFlow<()>) -> Result<(), Error> {
        if membarrier(MembarrierCommand::Global).is_err() {
            sleep(PACKETS_UNDER_WAY);
        }
        let (header, fixed, attributes) = ask(filter);
        // What is too short for an entry, such as one that ends right now, is none.
        let each = |message: &super::netlink::Message<'_>| read(message).map_or(ControlFlow::Continue(()), &mut *each);
        match self.socket.dump(header, &fixed, attributes, each)? {
            ControlFlow::Continue(()) => Ok(()),
            // The rest of the answer is still to come over this socket.
            ControlFlow::Break(()) => Err(Error::Lost),
        }
    }

    /// An entry that ended meanwhile is as good as deleted.
    fn delete(&mut self, flows: &[FoundFlow]) -> Result<usize, Error> {
        let mut writer = Writer::default();
        for (flow, sequence) in flows.iter().zip(FIRST_CHANGE..) {
            delete(&mut writer, flow, sequence);
        }
        let refusals = self.socket.change(writer)?;
        let gone = refusals.len();
        match refusals.into_iter().find(|refused| refused.refusal.errno != libc::ENOENT) {
            Some(refused) if refused.refusal.errno == libc::EPERM => Err(Error::NotPermitted),
            Some(refused) => Err(Error::Refused(refused.refusal)),
            None => Ok(flows.len().saturating_sub(gone)),
        }
    }
}
