//! Netlink, which all adapters of the kernel use: a socket, the framing of messages and attributes, what the kernel says
//! where it refuses, and when what was read is not all of one moment.
//!
//! It knows no message's meaning. `socket` asks and receives over a `line`; `message` reads bytes and `writer` makes them;
//! `answer` distinguishes a part of an answer from its end. An adapter has the kinds of its messages, their fixed headers and
//! their attributes, and decides what an [`Error`] means to it.
//!
//! What was read is not of one moment where a dump was interrupted ([`Error::Interrupted`]), and notifications are lost where
//! the kernel had to drop some ([`Received::Gap`]). Neither is an answer, and the adapter reads everything again.

mod answer;
mod error;
mod message;
mod refusal;
mod socket;
mod transport;
mod writer;

pub(in crate::kernel) use answer::Answer;
pub(in crate::kernel) use error::Error;
pub(in crate::kernel) use message::{Attributes, Message, Messages, array, strictly, text};
pub use refusal::Refusal;
pub(in crate::kernel) use refusal::Refused;
pub(in crate::kernel) use socket::{FIRST_CHANGE, Received, Socket, wait};
#[cfg(any(test, feature = "testkit"))]
pub(in crate::kernel) use transport::Transport;
pub(in crate::kernel) use transport::{Setup, Switch};
pub(in crate::kernel) use writer::{ATTRIBUTE_HEADER, Flags, Header, TooLong, Writer};

/// `struct nlmsghdr`.
pub(in crate::kernel) const MESSAGE_HEADER: usize = 16;
