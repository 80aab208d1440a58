//! Reads netlink bytes: messages and attributes.
//!
//! What is malformed ends the iteration; nothing here panics, whatever the bytes are.

use super::MESSAGE_HEADER;
use super::writer::{ALIGNMENT, ATTRIBUTE_HEADER};

/// Some bytes are no message, or a message is shorter than its kind must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message is truncated or malformed")]
pub(in crate::kernel) struct Malformed;

/// One netlink message.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Message<'a> {
    /// `nlmsg_type`.
    pub(in crate::kernel) kind: u16,
    /// `nlmsg_flags`.
    pub(in crate::kernel) flags: u16,
    /// `nlmsg_seq`.
    pub(in crate::kernel) sequence: u32,
    /// All of it, header included, padding not.
    pub(in crate::kernel) bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// `nlmsg_pid`: in a notification, the port of the socket whose request it follows from.
    pub(in crate::kernel) fn port(&self) -> u32 {
        array(self.bytes, 12).map(u32::from_ne_bytes).unwrap_or_default()
    }

    /// What follows `struct nlmsghdr`.
    pub(in crate::kernel) fn payload(&self) -> &'a [u8] {
        self.bytes.get(MESSAGE_HEADER..).unwrap_or_default()
    }

    /// What follows a fixed header of so many bytes; none when there is not even that.
    pub(in crate::kernel) fn attributes_behind(&self, fixed: usize) -> Option<Attributes<'a>> {
        self.payload().get(fixed..).map(Attributes)
    }

    /// Whether it has a flag (`NLM_F_*`).
    pub(in crate::kernel) fn has(&self, flag: i32) -> bool {
        i32::from(self.flags) & flag != 0
    }

    /// Whether the dump it belongs to was interrupted by a change.
    pub(in crate::kernel) fn interrupted(&self) -> bool {
        self.has(libc::NLM_F_DUMP_INTR)
    }
}

/// The messages in a buffer.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Messages<'a>(pub(in crate::kernel) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::try_from(u32::from_ne_bytes(array(self.0, 0)?)).ok()?;
        let bytes = self.0.get(..length).filter(|bytes| bytes.len() >= MESSAGE_HEADER)?;
        let message = Message {
            kind: u16::from_ne_bytes(array(bytes, 4)?),
            flags: u16::from_ne_bytes(array(bytes, 6)?),
            sequence: u32::from_ne_bytes(array(bytes, 8)?),
            bytes,
        };
        self.0 = self.0.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(message)
    }
}

/// The messages in a buffer, and at last that it is malformed, if it is.
pub(in crate::kernel) fn strictly(bytes: &[u8]) -> impl Iterator<Item = Result<Message<'_>, Malformed>> {
    let mut messages = Messages(bytes);
    std::iter::from_fn(move || match messages.next() {
        Some(message) => Some(Ok(message)),
        None if messages.0.is_empty() => None,
        None => {
            messages.0 = &[];
            Some(Err(Malformed))
        }
    })
}

/// The attributes in a message or nest: their type without flags, and their value.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::kernel) struct Attributes<'a>(pub(in crate::kernel) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(array(self.0, 0)?));
        let kind = u16::from_ne_bytes(array(self.0, 2)?) & libc::NLA_TYPE_MASK as u16;
        let value = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((kind, value))
    }
}

impl<'a> Attributes<'a> {
    /// The value of an attribute.
    pub(in crate::kernel) fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(found, _)| *found == kind).map(|(_, value)| value)
    }

    /// The attributes in a nest; none when it is not there.
    pub(in crate::kernel) fn nest(self, kind: u16) -> Attributes<'a> {
        Attributes(self.get(kind).unwrap_or_default())
    }

    /// A text without its final NUL.
    pub(in crate::kernel) fn text(self, kind: u16) -> Option<&'a str> {
        self.get(kind).and_then(text)
    }
}

/// A text without its final NUL.
pub(in crate::kernel) fn text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok()
}

/// `N` bytes from `offset` on.
pub(in crate::kernel) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
