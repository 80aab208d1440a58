//! Reads netlink bytes: messages and attributes.
//!
//! What is malformed ends the iteration; nothing here panics, whatever the bytes are.

use rustables::sys;

use super::wire::{ATTRIBUTE_HEADER, HEADER};

/// `struct nlmsghdr`.
const MESSAGE_HEADER: usize = 16;

/// One netlink message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// `nlmsg_type`.
    pub(super) kind: u16,
    /// `nlmsg_flags`.
    pub(super) flags: u16,
    /// `nlmsg_seq`.
    pub(super) sequence: u32,
    /// All of it, header included, padding not.
    pub(super) bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// What follows `struct nlmsghdr`.
    pub(super) fn payload(&self) -> &'a [u8] {
        &self.bytes[MESSAGE_HEADER..]
    }

    /// What follows `struct nfgenmsg`.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.bytes.get(HEADER..).unwrap_or_default())
    }

    /// `nfgen_family`.
    pub(super) fn protocol(&self) -> u8 {
        self.bytes.get(MESSAGE_HEADER).copied().unwrap_or_default()
    }

    /// Whether the dump it belongs to was interrupted by a change.
    pub(super) fn interrupted(&self) -> bool {
        u32::from(self.flags) & sys::NLM_F_DUMP_INTR != 0
    }
}

/// The messages in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Messages<'a>(pub(super) &'a [u8]);

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
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// The attributes in a message or nest: their type without flags, and their value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(array(self.0, 0)?));
        let kind = u16::from_ne_bytes(array(self.0, 2)?) & sys::NLA_TYPE_MASK as u16;
        let value = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

impl<'a> Attributes<'a> {
    /// The value of an attribute.
    pub(super) fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(found, _)| *found == kind).map(|(_, value)| value)
    }

    /// The attributes in a nest; none when it is not there.
    pub(super) fn nest(self, kind: u16) -> Attributes<'a> {
        Attributes(self.get(kind).unwrap_or_default())
    }

    /// A number in network order.
    pub(super) fn number(self, kind: u16) -> Option<u32> {
        self.get(kind).and_then(number)
    }

    /// A text without its final NUL.
    pub(super) fn text(self, kind: u16) -> Option<&'a str> {
        self.get(kind).and_then(text)
    }
}

/// A number in network order.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// A text without its final NUL.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok()
}

/// `N` bytes from `offset` on.
pub(super) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_bytes_end_the_iteration() {
        for bytes in [&[][..], &[1, 0], &[3, 0, 1, 0], &[200, 0, 1, 0, 7]] {
            assert_eq!(Attributes(bytes).count(), 0, "{bytes:?}");
            assert_eq!(Messages(bytes).count(), 0, "{bytes:?}");
        }
    }
}
