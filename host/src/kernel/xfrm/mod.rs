//! The kernel's IPsec policies (xfrm), for the backstop of the guard: egressd's own are read and changed, and those of
//! other programs are named and never touched.
//!
//! The kernel takes each message by itself and goes on after one that it refuses. It works inside `send`, so all answers
//! are queued when that returns; no message asks for an acknowledgement, and success is silence.

mod error;
mod message;
#[cfg(test)]
pub(crate) mod testkit;
mod thread;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use egressd_core::node::{Adapter, Certainty, Foreign, Readback, Xfrm, XfrmChange, XfrmMaker, XfrmVerb};
use rustix::net::netlink::XFRM;

use self::message::{Found, GET_POLICY, POLICY_ID, read, write};
use super::netlink::{FIRST_CHANGE, Flags, Header, Refused, Setup, Socket, Switch, Writer};

pub use error::Error;
pub use thread::{XfrmKernel, XfrmThread};

/// Refusals of some thousands of policies fit.
const SETUP: Setup =
    Setup { protocol: Some(XFRM), groups: 0, receive_buffer: 4 << 20, switches: &[Switch::Explanations] };

/// The policies of one network namespace.
#[derive(Debug)]
pub struct Policies {
    socket: Socket,
}

impl Policies {
    /// Opens those of the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel has no xfrm, or forbids sockets.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: Socket::open(&SETUP)? })
    }
}

impl Adapter for Policies {
    type Part = Xfrm;
    type OwnObjects = XfrmMaker;
    type Error = Error;

    /// Policies have no owner in the kernel.
    fn adopt(&mut self, _: &XfrmMaker) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, ours: &XfrmMaker) -> Result<Readback<Xfrm>, Error> {
        let mut state = BTreeSet::new();
        let mut foreign = Vec::new();
        let header = Header { kind: GET_POLICY, flags: Flags::DUMP, sequence: 0 };
        let each = |message: &super::netlink::Message<'_>| match read(message, *ours) {
            Some(Found::Ours(policy)) => {
                state.insert(policy);
                ControlFlow::Continue(())
            }
            Some(Found::Unrelated) => ControlFlow::Continue(()),
            Some(Found::Foreign(what)) => {
                foreign.push(Foreign { what, removal: None });
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        };
        match self.socket.dump(header, &[0; POLICY_ID], |_| {}, each)? {
            ControlFlow::Continue(()) => Ok(Readback { state, foreign, certainty: Certainty::Settled }),
            ControlFlow::Break(()) => Err(Error::Malformed),
        }
    }

    /// Where one policy is refused, the others are changed nevertheless.
    fn commit(&mut self, change: &XfrmChange) -> Result<(), Error> {
        let mut writer = Writer::default();
        for (policy, sequence) in change.policies.iter().zip(FIRST_CHANGE..) {
            write(&mut writer, change.verb, policy, sequence);
        }
        match self.socket.change(writer)?.into_iter().next() {
            Some(refused) => Err(explain(change, refused)),
            None => Ok(()),
        }
    }
}

fn explain(change: &XfrmChange, refused: Refused) -> Error {
    if refused.refusal.errno == libc::EPERM {
        return Error::NotPermitted;
    }
    let number = usize::try_from(refused.sequence.saturating_sub(FIRST_CHANGE)).unwrap_or(usize::MAX);
    let verb = match change.verb {
        XfrmVerb::Add => "add",
        XfrmVerb::Delete => "delete",
    };
    let policy = change.policies.get(number).map_or_else(|| "a policy".to_owned(), ToString::to_string);
    Error::Refused { policy: format!("{verb}: {policy}"), source: refused.refusal }
}
