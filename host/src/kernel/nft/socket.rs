//! The socket of nf_tables: one `send` for each batch, and what the kernel answers.
//!
//! The kernel works inside `send`, so all answers to a batch are queued when it returns. No message asks for an
//! acknowledgement: success is silence.

use std::convert::Infallible;
use std::ops::ControlFlow;

use rustables::sys;
use rustix::io::Errno;
use rustix::net::netlink::NETFILTER;

use super::{
    attributes::{Message, Messages},
    error::Error,
    transaction::Sealed,
    wire::{Flags, Header, Writer},
};
pub(super) use crate::kernel::netlink::Refused;
#[cfg(any(test, feature = "testkit"))]
pub(super) use crate::kernel::netlink::Transport;
use crate::kernel::netlink::{self, Answer, Received, Setup, Switch, strictly};

/// Refusals of some thousands of messages fit. What does not is dropped, and the first is what counts.
const SETUP: Setup =
    Setup { protocol: Some(NETFILTER), groups: 0, receive_buffer: 4 << 20, switches: &[Switch::Explanations] };

/// A socket for nf_tables, of the network namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Socket(netlink::Socket);

/// How sending a batch ended.
pub(super) type SendOutcome = Result<(), Refused>;

impl Socket {
    /// Opens it in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel has no netfilter netlink, or forbids sockets.
    pub(super) fn open() -> Result<Self, Error> {
        netlink::Socket::open(&SETUP).map(Self).map_err(|error| DumpError::from(error).into_final())
    }

    /// Over a line that is there.
    #[cfg(any(test, feature = "testkit"))]
    pub(super) fn over(line: impl Transport + 'static, port: u32) -> Self {
        Self(netlink::Socket::over(line, port))
    }

    /// The port by which the kernel knows us as the owner of a table.
    pub(super) fn port(&self) -> u32 {
        self.0.port()
    }

    /// Hands a batch to the kernel. The inner error is the kernel's, and then nothing has changed.
    ///
    /// # Errors
    /// When the batch could not be sent at all.
    pub(super) fn commit(&mut self, transaction: &Sealed) -> Result<SendOutcome, Error> {
        match self.0.send(&transaction.bytes) {
            Ok(()) => self.drain(),
            Err(Errno::MSGSIZE) => Err(Error::BatchTooLarge { bytes: transaction.bytes.len() }),
            Err(errno) => Err(Error::Io { doing: "send a batch to nf_tables", source: errno.into() }),
        }
    }

    /// Asks for all things of a kind and gives every answer to `each`.
    ///
    /// # Errors
    /// [`DumpError::Interrupted`] when the ruleset changed meanwhile.
    pub(super) fn dump(
        &mut self,
        header: Header,
        filter: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), DumpError> {
        let all = |message: &Message<'_>| {
            each(message);
            ControlFlow::<Infallible>::Continue(())
        };
        let ControlFlow::Continue(()) = self.0.dump(header.common(), &header.fixed(), filter, all)?;
        Ok(())
    }

    /// Asks for some things and gives every answer to `each`. The kernel answers inside `send`.
    ///
    /// # Errors
    /// When it refuses; the answers before are given all the same.
    pub(super) fn ask(
        &mut self,
        header: Header,
        attributes: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), DumpError> {
        let sequence = self.0.request(header.common(), &header.fixed(), attributes)?;
        let mut refused = Ok(());
        loop {
            let bytes = match self.0.receive_if_any()? {
                Received::Bytes(bytes) => bytes,
                Received::Nothing => return refused,
                Received::Gap => continue,
            };
            for message in strictly(bytes) {
                let message = message.map_err(netlink::Error::from)?;
                if message.sequence != sequence {
                    continue;
                }
                match message.answer().map_err(netlink::Error::from)? {
                    Answer::Part(part) => each(&part),
                    Answer::Refused(error) => refused = Err(netlink::Error::Refused(error).into()),
                    Answer::End => {}
                }
            }
        }
    }

    /// The number of the ruleset's generation: it is another one after every change.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub(super) fn generation(&mut self) -> Result<u32, DumpError> {
        let mut generation = None;
        let header = Header::nftables(sys::NFT_MSG_GETGEN, Flags::REQUEST, None);
        self.ask(header, |_| {}, |answer| generation = answer.attributes().number(sys::NFTA_GEN_ID))?;
        generation.ok_or(GARBLED)
    }

    /// Reads all that is there. The first refusal is the cause; later ones often follow from it.
    fn drain(&mut self) -> Result<SendOutcome, Error> {
        let mut outcome: SendOutcome = Ok(());
        loop {
            let bytes = match self.0.receive_if_any().map_err(|error| DumpError::from(error).into_final())? {
                Received::Bytes(bytes) => bytes,
                Received::Nothing => return Ok(outcome),
                // More refusals than fit, of which the first are still there.
                Received::Gap => continue,
            };
            for refused in Messages(bytes).filter_map(refusal) {
                match &mut outcome {
                    Ok(()) => outcome = Err(refused),
                    Err(first) => first.refusal.others += 1,
                }
            }
        }
    }
}

fn refusal(message: Message<'_>) -> Option<Refused> {
    match message.answer() {
        Ok(Answer::Refused(refused)) => Some(refused),
        Ok(Answer::Part(_) | Answer::End) | Err(_) => None,
    }
}

/// Why nothing could be read.
#[derive(Debug)]
pub(super) enum DumpError {
    /// The ruleset changed: ask again.
    Interrupted,
    /// What was asked about is not there, or not any more.
    Gone,
    /// Anything else.
    Failed(Error),
}

impl DumpError {
    /// Where there is nothing to ask again.
    pub(super) fn into_final(self) -> Error {
        match self {
            Self::Interrupted | Self::Gone => Error::Unsettled,
            Self::Failed(error) => error,
        }
    }
}

impl From<Error> for DumpError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<netlink::Error> for DumpError {
    fn from(error: netlink::Error) -> Self {
        let failed = |doing, source| Self::Failed(Error::Io { doing, source });
        match error {
            netlink::Error::Open(source) => failed("open a netlink socket", source),
            netlink::Error::SetUp(source) => failed("set up a netlink socket", source),
            netlink::Error::Send(source) => failed("ask nf_tables", source),
            netlink::Error::Receive(source) => failed("read the answer of nf_tables", source),
            netlink::Error::TooLong => Self::Failed(Error::TooLong),
            netlink::Error::Malformed => GARBLED,
            netlink::Error::Interrupted => Self::Interrupted,
            netlink::Error::Refused(refused) => unanswered(refused),
        }
    }
}

const GARBLED: DumpError = DumpError::Failed(Error::Garbled("a question about the ruleset"));

fn unanswered(refused: Refused) -> DumpError {
    match refused.refusal.errno {
        libc::EINTR => DumpError::Interrupted,
        libc::ENOENT => DumpError::Gone,
        libc::EPERM => DumpError::Failed(Error::NotPermitted),
        _ => DumpError::Failed(Error::Refused { action: "read the ruleset".to_owned(), source: refused.refusal }),
    }
}
