//! A kernel that answers what it is given, for tests that want answers no kernel gives.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use egressd_core::{diff::Batch, ruleset::TableNames};
use rustables::sys;
use rustix::{io::Errno, net::RecvFlags};

use super::{
    Error, Readback, Survey,
    attributes::{Messages, array},
    describe::TableId,
    encode::{Ownership, encode},
    readback::{self, Patience, counters},
    socket::{DumpError, Socket, Transport},
};

/// `nlmsg_seq` in a message.
const SEQUENCE: std::ops::Range<usize> = 8..12;

/// What egressd reads from a kernel that answers with these messages, one question after the other; a message that ends
/// a dump ends an answer, and whatever is missing is an empty answer.
///
/// # Errors
/// As [`egressd_core::node::Adapter::read`]; also where a kernel would be asked again.
pub fn read_back(answers: &[u8], names: &TableNames) -> Result<Readback, Error> {
    let tables: Vec<TableId> = TableId::all(names).collect();
    let mut socket = Socket::over(Script::new(answers), 0);
    readback::read_dumps(&mut socket, &tables, &mut Patience::none()).map_err(DumpError::into_final)
}

/// What egressd counts there.
///
/// # Errors
/// As [`super::Kernel::survey`]; also where a kernel would be asked again.
pub fn survey(answers: &[u8], names: &TableNames) -> Result<Survey, Error> {
    let mut socket = Socket::over(Script::new(answers), 0);
    counters::survey(&mut socket, names, &Patience::none()).map_err(DumpError::into_final)
}

/// The bytes by which a batch is handed to a kernel.
///
/// # Errors
/// When something in it is too long for a message.
pub fn encoded(batch: &Batch) -> Result<Vec<u8>, Error> {
    encode(batch, Ownership::Exclusive).map(|transaction| transaction.bytes)
}

#[derive(Debug)]
struct Script {
    messages: VecDeque<Vec<u8>>,
    question: Question,
    sequence: [u8; 4],
}

/// Whether an answer is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Open,
    Answered,
}

impl Script {
    fn new(answers: &[u8]) -> Self {
        let messages = Messages(answers).map(|message| message.bytes.to_vec()).collect();
        Self { messages, question: Question::Answered, sequence: [0; 4] }
    }

    /// The next message of an answer; the end where there is none.
    fn message(&mut self) -> Vec<u8> {
        let is_end = |bytes: &[u8]| array(bytes, 4).map(u16::from_ne_bytes) == Some(sys::NLMSG_DONE as u16);
        let mut message = self.messages.pop_front().unwrap_or_else(end);
        if is_end(&message) {
            self.question = Question::Answered;
        }
        message[SEQUENCE].copy_from_slice(&self.sequence);
        message
    }
}

/// `NLMSG_DONE` without an error.
fn end() -> Vec<u8> {
    let kind = (sys::NLMSG_DONE as u16).to_ne_bytes();
    [&20_u32.to_ne_bytes()[..], &kind, &[0; 14]].concat()
}

impl Transport for Script {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<()> {
        self.sequence = array(bytes, SEQUENCE.start).unwrap_or_default();
        self.question = Question::Open;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _flags: RecvFlags) -> rustix::io::Result<usize> {
        if self.question == Question::Answered {
            return Err(Errno::WOULDBLOCK);
        }
        let message = self.message();
        let length = message.len().min(buffer.len());
        buffer[..length].copy_from_slice(&message[..length]);
        Ok(length)
    }

    fn make_room(&mut self, bytes: usize) -> usize {
        bytes
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
