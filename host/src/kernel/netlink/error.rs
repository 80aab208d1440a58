//! Why the kernel did not answer, or not with all of one moment.

use std::io;

use super::message::Malformed;
use super::refusal::Refused;
use super::writer::TooLong;

/// What went wrong between a question and its answer.
#[derive(Debug)]
pub(in crate::kernel) enum Error {
    /// There is no socket.
    Open(io::Error),
    /// The socket cannot do what it has to.
    SetUp(io::Error),
    /// The question was not sent.
    Send(io::Error),
    /// The answer was not received.
    Receive(io::Error),
    /// The question is longer than netlink can say.
    TooLong,
    /// The answer is no answer.
    Malformed,
    /// Something changed meanwhile, so the answers may have gaps.
    Interrupted,
    Refused(Refused),
}

impl From<Malformed> for Error {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<TooLong> for Error {
    fn from(TooLong: TooLong) -> Self {
        Self::TooLong
    }
}
