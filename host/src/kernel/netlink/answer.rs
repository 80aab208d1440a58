//! What a message is to the question that it answers.

use super::message::{Malformed, Message, array};
use super::refusal::{Refused, behind_the_request};

/// A part of an answer, or its end.
#[derive(Debug)]
pub(in crate::kernel) enum Answer<'a> {
    /// There may be more.
    Part(Message<'a>),
    /// That was all: the end of a dump, or the acknowledgement of a change.
    End,
    Refused(Refused),
}

impl<'a> Message<'a> {
    /// What it is.
    ///
    /// # Errors
    /// When it ends an answer and does not say how.
    pub(in crate::kernel) fn answer(self) -> Result<Answer<'a>, Malformed> {
        // Both carry an error number, negative, or zero where all is well.
        match i32::from(self.kind) {
            libc::NLMSG_DONE => Ok(self.ending(self.number()?, self.sequence, 4)),
            libc::NLMSG_ERROR => {
                let sequence = u32::from_ne_bytes(array(self.payload(), 12).ok_or(Malformed)?);
                Ok(self.ending(self.number()?, sequence, behind_the_request(&self)))
            }
            _ => Ok(Answer::Part(self)),
        }
    }

    fn ending(self, number: i32, sequence: u32, acknowledgement: usize) -> Answer<'a> {
        match number {
            0.. => Answer::End,
            number => Answer::Refused(Refused::read(&self, number, sequence, acknowledgement)),
        }
    }

    fn number(&self) -> Result<i32, Malformed> {
        array(self.payload(), 0).map(i32::from_ne_bytes).ok_or(Malformed)
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
