#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::kernel::netlink::{Messages, Refusal};

/// A kernel whose answers are given.
#[derive(Debug)]
struct Scripted {
    received: VecDeque<Result<Vec<u8>, Errno>>,
    sent: Sender<Vec<u8>>,
}

/// A socket that receives this, and what is sent over it.
fn socket(received: impl IntoIterator<Item = Result<Vec<u8>, Errno>>) -> (Socket, Receiver<Vec<u8>>) {
    let (sent, sends) = channel();
    (Socket::over(Scripted { received: received.into_iter().collect(), sent }, 4711), sends)
}

impl Transport for Scripted {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<()> {
        self.sent.send(bytes.to_vec()).map_err(|_| Errno::PIPE)
    }

    fn receive(&mut self, buffer: &mut [u8], _flags: RecvFlags) -> rustix::io::Result<usize> {
        let bytes = self.received.pop_front().unwrap_or(Err(Errno::IO))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn make_room(&mut self, bytes: usize) -> usize {
        bytes
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

const QUESTION: Header = Header { kind: 18, flags: Flags::REQUEST, sequence: 0 };

/// The number of the first question over a socket.
const FIRST: u32 = 1;

/// A message of an answer.
fn message(kind: i32, flags: i32, sequence: u32) -> Vec<u8> {
    let mut writer = Writer::default();
    let header = Header { kind: kind as u16, flags: Flags(flags as u16), sequence };
    writer.frame(header, &[0; 4], |_| {});
    writer.framed().unwrap()
}

fn part(kind: i32) -> Vec<u8> {
    message(kind, libc::NLM_F_MULTI, FIRST)
}

fn end() -> Vec<u8> {
    message(libc::NLMSG_DONE, libc::NLM_F_MULTI, FIRST)
}

/// Which parts are given of an answer, and how it ends.
fn dumped(received: impl IntoIterator<Item = Result<Vec<u8>, Errno>>) -> (Vec<u16>, Result<ControlFlow<u16>, Error>) {
    let (mut socket, _sends) = socket(received);
    let mut given = Vec::new();
    let end = socket.dump(
        QUESTION,
        &[0; 16],
        |_| {},
        |part| {
            given.push(part.kind);
            if part.kind == 99 { ControlFlow::Break(part.kind) } else { ControlFlow::Continue(()) }
        },
    );
    (given, end)
}

#[test]
fn a_dump_gives_the_parts_of_its_own_answer() {
    let news = message(17, 0, 0);
    let late = message(18, libc::NLM_F_MULTI, FIRST - 1);
    let (given, end) = dumped([Ok([part(16), news, part(20)].concat()), Ok(late), Ok([part(24), end()].concat())]);
    assert_eq!(given, [16, 20, 24]);
    assert!(matches!(end, Ok(ControlFlow::Continue(()))), "{end:?}");
}

#[test]
fn a_dump_with_a_part_that_was_interrupted_is_interrupted_and_read_to_its_end() {
    let interrupted = message(16, libc::NLM_F_MULTI | libc::NLM_F_DUMP_INTR, FIRST);
    let (given, end) = dumped([Ok(interrupted), Ok(part(20)), Ok(end())]);
    assert_eq!(given, [16, 20]);
    assert!(matches!(end, Err(Error::Interrupted)), "{end:?}");
    let at_the_end = message(libc::NLMSG_DONE, libc::NLM_F_MULTI | libc::NLM_F_DUMP_INTR, FIRST);
    assert!(matches!(dumped([Ok(part(16)), Ok(at_the_end)]).1, Err(Error::Interrupted)));
}

#[test]
fn what_interrupts_the_answer_to_another_question_does_not_interrupt_this_one() {
    let others = message(16, libc::NLM_F_DUMP_INTR, FIRST - 1);
    assert!(dumped([Ok(others), Ok(end())]).1.is_ok());
}

#[test]
fn a_gap_in_a_dump_interrupts_it() {
    let (given, end) = dumped([Ok(part(16)), Err(Errno::NOBUFS), Err(Errno::INTR), Ok([part(20), end()].concat())]);
    assert_eq!(given, [16, 20]);
    assert!(matches!(end, Err(Error::Interrupted)), "{end:?}");
}

#[test]
fn a_dump_that_breaks_off_receives_no_more() {
    let (given, end) = dumped([Ok([part(16), part(99), part(20)].concat())]);
    assert_eq!(given, [16, 99]);
    assert!(matches!(end, Ok(ControlFlow::Break(99))), "{end:?}");
}

#[test]
fn a_dump_that_is_refused_or_makes_no_sense_is_an_error() {
    let mut refusal = message(libc::NLMSG_DONE, libc::NLM_F_MULTI, FIRST);
    refusal[16..].copy_from_slice(&(-libc::ENODEV).to_ne_bytes());
    let (_, end) = dumped([Ok(refusal)]);
    let expected = Refusal { errno: libc::ENODEV, message: None, others: 0 };
    assert!(matches!(&end, Err(Error::Refused(refused)) if refused.refusal == expected), "{end:?}");
    let (given, end) = dumped([Ok([&part(16)[..], &[9, 0]].concat())]);
    assert_eq!(given, [16]);
    assert!(matches!(end, Err(Error::Malformed)), "{end:?}");
    assert!(matches!(dumped([Err(Errno::BADF)]).1, Err(Error::Receive(_))));
}

#[test]
fn every_question_has_a_number_of_its_own() {
    let (mut socket, sends) = socket([]);
    let numbers = [(); 3].map(|()| socket.request(QUESTION, &[2], |writer| writer.text(3, "lo")).unwrap());
    assert_eq!(numbers, [1, 2, 3]);
    drop(socket);
    let sent = sends.into_iter().collect::<Vec<_>>().concat();
    assert_eq!(Messages(&sent).map(|message| message.sequence).collect::<Vec<_>>(), numbers);
    for message in Messages(&sent) {
        assert_eq!((message.kind, message.flags), (QUESTION.kind, QUESTION.flags.0));
        assert_eq!(message.attributes_behind(4).unwrap().text(3), Some("lo"));
    }
}

#[test]
fn what_the_kernel_dropped_is_a_gap_and_nothing_is_nothing() {
    let received = [Err(Errno::WOULDBLOCK), Err(Errno::NOBUFS), Err(Errno::INTR), Ok(vec![1, 2])];
    let (mut socket, _sends) = socket(received);
    assert!(matches!(socket.receive_if_any(), Ok(Received::Nothing)));
    assert!(matches!(socket.receive_if_any(), Ok(Received::Gap)));
    assert!(matches!(socket.receive(), Ok(Received::Bytes([1, 2]))));
    assert!(matches!(socket.receive(), Err(Error::Receive(_))));
    assert_eq!(socket.port(), 4711);
}
