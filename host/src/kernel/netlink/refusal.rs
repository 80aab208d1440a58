//! What the kernel says where it refuses: an error number, and with an extended acknowledgement (`NETLINK_EXT_ACK`) a message
//! and the place in the request.

use std::{fmt, io};

use super::MESSAGE_HEADER;
use super::message::{Attributes, Message, array};
use super::writer::ALIGNMENT;

/// Attributes of an acknowledgement (`NLMSGERR_ATTR_*`).
const TEXT: u16 = 1;
const OFFSET: u16 = 2;

/// Why the kernel refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub errno: i32,
    /// The extended acknowledgement (`NLMSGERR_ATTR_MSG`); many refusals have none.
    pub message: Option<String>,
    /// How many messages of the batch were refused after this one.
    pub others: usize,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.errno).fmt(f)?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, " (and {others} more after it)"),
        }
    }
}

/// A request that the kernel refused.
#[derive(Debug)]
pub(in crate::kernel) struct Refused {
    /// Which message; 0 for all of a batch.
    pub(in crate::kernel) sequence: u32,
    /// Where in the message.
    pub(in crate::kernel) offset: Option<u32>,
    pub(in crate::kernel) refusal: Refusal,
}

impl Refused {
    /// What an error number in a message means, with the acknowledgement that begins behind so many bytes of its payload. The
    /// number is negative.
    pub(super) fn read(message: &Message<'_>, number: i32, sequence: u32, acknowledgement: usize) -> Self {
        let has_more = message.has(libc::NLM_F_ACK_TLVS);
        let bytes = message.payload().get(acknowledgement..).filter(|_| has_more);
        let attributes = Attributes(bytes.unwrap_or_default());
        let text = attributes.text(TEXT).map(str::to_owned);
        let offset = attributes.get(OFFSET).and_then(|value| array(value, 0)).map(u32::from_ne_bytes);
        Self { sequence, offset, refusal: Refusal { errno: number.saturating_neg(), message: text, others: 0 } }
    }
}

/// Where the acknowledgement begins in the payload of `struct nlmsgerr`: behind the header of the request, or behind all of it
/// where the socket did not ask to leave it out (`NETLINK_CAP_ACK`).
pub(super) fn behind_the_request(message: &Message<'_>) -> usize {
    const NUMBER: usize = 4;
    if message.has(libc::NLM_F_CAPPED) {
        return NUMBER + MESSAGE_HEADER;
    }
    let request = array(message.payload(), NUMBER).map_or(0, u32::from_ne_bytes);
    let request = usize::try_from(request).unwrap_or(usize::MAX).max(MESSAGE_HEADER);
    request.checked_next_multiple_of(ALIGNMENT).and_then(|length| length.checked_add(NUMBER)).unwrap_or(usize::MAX)
}
