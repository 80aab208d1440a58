//! A netlink socket: questions with their sequence numbers, answers, and notifications.

use std::ops::ControlFlow;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::answer::Answer;
use super::error::Error;
use super::message::{Message, strictly};
use super::refusal::Refused;
use super::transport::{Setup, Transport, open};
use super::writer::{Flags, Header, Writer};

/// The kernel puts at most 32 KiB into one datagram of a dump; a refusal echoes no more than a header.
const RECEIVE_CHUNK: usize = 64 << 10;

/// The kernel wants this much of the send buffer for itself (`netlink_sendmsg`).
const SEND_OVERHEAD: usize = 32;

/// The numbers of changes begin here, so that no answer to a question is taken for one to a change.
pub(in crate::kernel) const FIRST_CHANGE: u32 = 1 << 31;

/// A socket of the network namespace of the thread that opened it.
#[derive(Debug)]
pub(in crate::kernel) struct Socket {
    line: Box<dyn Transport>,
    buffer: Vec<u8>,
    sequence: u32,
    /// The size of the send buffer.
    room: usize,
    port: u32,
}

/// What came.
#[derive(Debug)]
pub(in crate::kernel) enum Received<'a> {
    /// Whole messages.
    Bytes(&'a [u8]),
    /// There is nothing now.
    Nothing,
    /// The kernel had to drop something.
    Gap,
}

impl Socket {
    /// Opens it; from then on it receives what changes.
    ///
    /// # Errors
    /// When the kernel has no such protocol, or forbids it.
    pub(in crate::kernel) fn open(setup: &Setup) -> Result<Self, Error> {
        let (fd, port) = open(setup)?;
        Ok(Self::over(fd, port))
    }

    /// Over a line that is there.
    pub(in crate::kernel) fn over(line: impl Transport + 'static, port: u32) -> Self {
        Self { line: Box::new(line), buffer: vec![0; RECEIVE_CHUNK], sequence: 0, room: 0, port }
    }

    /// The port by which the kernel knows us.
    pub(in crate::kernel) fn port(&self) -> u32 {
        self.port
    }

    /// Hands over messages that are framed and numbered. The inner error is the system's.
    pub(in crate::kernel) fn send(&mut self, framed: &[u8]) -> Result<(), Errno> {
        let needed = framed.len() + SEND_OVERHEAD;
        // Where it may not grow, the kernel refuses what does not fit.
        if needed > self.room {
            self.room = self.line.make_room(needed);
        }
        self.line.send(framed)
    }

    /// Asks, and gives the number by which the answers are known.
    ///
    /// # Errors
    /// When the question is too long, or cannot be sent.
    pub(in crate::kernel) fn request(
        &mut self,
        header: Header,
        fixed: &[u8],
        attributes: impl FnOnce(&mut Writer),
    ) -> Result<u32, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut writer = Writer::default();
        writer.frame(Header { sequence: self.sequence, ..header }, fixed, attributes);
        self.line.send(&writer.framed()?).map_err(|errno| Error::Send(errno.into()))?;
        Ok(self.sequence)
    }

    /// Asks for one thing, and gives the answer to `read`.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such thing.
    pub(in crate::kernel) fn ask<T>(
        &mut self,
        header: Header,
        fixed: &[u8],
        attributes: impl FnOnce(&mut Writer),
        read: impl Fn(&Message<'_>) -> T,
    ) -> Result<T, Error> {
        let asked = self.request(header, fixed, attributes)?;
        loop {
            let bytes = match self.receive()? {
                Received::Bytes(bytes) => bytes,
                Received::Nothing => continue,
                Received::Gap => return Err(Error::Interrupted),
            };
            for message in strictly(bytes) {
                let message = message?;
                match message.answer()? {
                    Answer::Part(part) if part.sequence == asked => return Ok(read(&part)),
                    Answer::Refused(refused) if refused.sequence == asked => return Err(Error::Refused(refused)),
                    Answer::Part(_) | Answer::Refused(_) | Answer::End => {}
                }
            }
        }
    }

    /// Asks for all things of a kind and gives every one to `each`, until that breaks off. Then the kernel goes on with its
    /// answer as long as the socket lives, so nothing more may be asked over it.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when something changed meanwhile; what was given may have gaps.
    pub(in crate::kernel) fn dump<B>(
        &mut self,
        header: Header,
        fixed: &[u8],
        filter: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        let sequence = self.request(Header { flags: Flags::DUMP, ..header }, fixed, filter)?;
        let mut dump = Dump { sequence, consistency: Consistency::Whole };
        loop {
            match self.receive()? {
                Received::Bytes(bytes) => {
                    if let Some(end) = dump.take(bytes, &mut each)? {
                        return Ok(end);
                    }
                }
                Received::Nothing => {}
                Received::Gap => dump.consistency = Consistency::Interrupted,
            }
        }
    }

    /// Sends changes, which are numbered from [`FIRST_CHANGE`] on, and gives those that the kernel refuses. It works inside
    /// `send`, so all answers are queued when that returns; no change asks for an acknowledgement, and success is silence.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when a refusal was dropped: then it is not known what was made.
    pub(in crate::kernel) fn change(&mut self, changes: Writer) -> Result<Vec<Refused>, Error> {
        self.send(&changes.framed()?).map_err(|errno| Error::Send(errno.into()))?;
        let mut refusals = Vec::new();
        loop {
            let bytes = match self.receive_if_any()? {
                Received::Bytes(bytes) => bytes,
                Received::Nothing => return Ok(refusals),
                Received::Gap => return Err(Error::Interrupted),
            };
            for message in strictly(bytes) {
                match message?.answer()? {
                    Answer::Refused(refused) if refused.sequence >= FIRST_CHANGE => refusals.push(refused),
                    Answer::Refused(_) | Answer::Part(_) | Answer::End => {}
                }
            }
        }
    }

    /// Waits for the next datagram.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub(in crate::kernel) fn receive(&mut self) -> Result<Received<'_>, Error> {
        self.receive_with(RecvFlags::empty())
    }

    /// The next datagram, if there is one.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub(in crate::kernel) fn receive_if_any(&mut self) -> Result<Received<'_>, Error> {
        self.receive_with(RecvFlags::DONTWAIT)
    }

    fn receive_with(&mut self, flags: RecvFlags) -> Result<Received<'_>, Error> {
        loop {
            match self.line.receive(&mut self.buffer, flags) {
                Ok(length) => return Ok(Received::Bytes(&self.buffer[..length])),
                Err(Errno::WOULDBLOCK) => return Ok(Received::Nothing),
                Err(Errno::NOBUFS) => return Ok(Received::Gap),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::Receive(errno.into())),
            }
        }
    }
}

/// Whether all parts of an answer are of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consistency {
    Whole,
    Interrupted,
}

/// An answer that is being received.
struct Dump {
    sequence: u32,
    consistency: Consistency,
}

impl Dump {
    /// Gives the parts in a datagram to `each`; something where that breaks off, or the answer ends.
    fn take<B>(
        &mut self,
        datagram: &[u8],
        each: &mut impl FnMut(&Message<'_>) -> ControlFlow<B>,
    ) -> Result<Option<ControlFlow<B>>, Error> {
        for message in strictly(datagram) {
            let message = message?;
            if message.sequence != self.sequence {
                continue;
            }
            if message.interrupted() {
                self.consistency = Consistency::Interrupted;
            }
            match message.answer()? {
                Answer::Part(part) => {
                    if let end @ ControlFlow::Break(_) = each(&part) {
                        return Ok(Some(end));
                    }
                }
                Answer::Refused(refused) => return Err(Error::Refused(refused)),
                Answer::End if self.consistency == Consistency::Interrupted => return Err(Error::Interrupted),
                Answer::End => return Ok(Some(ControlFlow::Continue(()))),
            }
        }
        Ok(None)
    }
}

/// Waits until there is something to receive at one of these, or until the time is over.
///
/// # Errors
/// When the kernel refuses to wait.
pub(in crate::kernel) fn wait<'a>(
    sockets: impl IntoIterator<Item = &'a Socket>,
    limit: Option<Duration>,
) -> Result<(), Error> {
    let descriptors = sockets.into_iter().filter_map(|socket| socket.line.descriptor());
    let mut waited: Vec<PollFd<'a>> = descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut waited, limit.as_ref()) {
        // The caller checks what there is.
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(Error::Receive(errno.into())),
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
