//! Writes netlink messages: headers, attributes, nests.
//!
//! It knows the framing and never what a message means. An attribute that does not fit its 16-bit length does
//! not panic and is not cut: the writer remembers, and [`Writer::framed`] refuses.

/// `struct nlattr` before the value of every attribute.
pub(in crate::kernel) const ATTRIBUTE_HEADER: usize = 4;

/// Messages and attributes begin at multiples of this.
pub(super) const ALIGNMENT: usize = 4;

/// Something is longer than its length field can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a netlink attribute would be longer than 64 KiB")]
pub(in crate::kernel) struct TooLong;

/// What a message asks for (`NLM_F_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Flags(pub(in crate::kernel) u16);

impl Flags {
    /// Change or look up one thing.
    pub(in crate::kernel) const REQUEST: Self = Self(libc::NLM_F_REQUEST as u16);
    /// Look up all things of a kind.
    pub(in crate::kernel) const DUMP: Self = Self((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16);
    /// Create, or change what is there.
    pub(in crate::kernel) const UPDATE: Self = Self((libc::NLM_F_REQUEST | libc::NLM_F_CREATE) as u16);
    /// Create, and fail when it is there: what we believe about the kernel must be so.
    pub(in crate::kernel) const CREATE: Self = Self(Self::UPDATE.0 | libc::NLM_F_EXCL as u16);
    /// Create at the end of a list. What has no name can only come after others.
    pub(in crate::kernel) const APPEND: Self = Self(Self::UPDATE.0 | libc::NLM_F_APPEND as u16);
}

/// `struct nlmsghdr`.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Header {
    /// `nlmsg_type`.
    pub(in crate::kernel) kind: u16,
    /// `nlmsg_flags`.
    pub(in crate::kernel) flags: Flags,
    /// `nlmsg_seq`.
    pub(in crate::kernel) sequence: u32,
}

/// Netlink bytes in the making.
#[derive(Debug, Default)]
pub(in crate::kernel) struct Writer {
    bytes: Vec<u8>,
    overflow: bool,
}

impl Writer {
    /// How long it is so far.
    pub(in crate::kernel) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// One message, with the fixed header that its protocol wants before the attributes.
    pub(in crate::kernel) fn frame(&mut self, header: Header, fixed: &[u8], attributes: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&header.kind.to_ne_bytes());
        self.bytes.extend_from_slice(&header.flags.0.to_ne_bytes());
        self.bytes.extend_from_slice(&header.sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]); // The kernel fills in who sent it.
        self.raw(fixed);
        attributes(self);
        match u32::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.overflow = true,
        }
    }

    /// An attribute with attributes in it.
    pub(in crate::kernel) fn nest(&mut self, kind: u16, attributes: impl FnOnce(&mut Self)) {
        let start = self.open(kind | libc::NLA_F_NESTED as u16);
        attributes(self);
        self.close(start);
    }

    /// An attribute of bytes.
    pub(in crate::kernel) fn bytes(&mut self, kind: u16, value: &[u8]) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value);
        self.close(start);
    }

    /// A name, with its final NUL.
    pub(in crate::kernel) fn text(&mut self, kind: u16, value: &str) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.close(start);
    }

    /// Bytes that are framed already.
    pub(in crate::kernel) fn raw(&mut self, framed: &[u8]) {
        self.bytes.extend_from_slice(framed);
        self.pad();
    }

    /// The bytes.
    ///
    /// # Errors
    /// When something was longer than its length field can say.
    pub(in crate::kernel) fn framed(self) -> Result<Vec<u8>, TooLong> {
        if self.overflow { Err(TooLong) } else { Ok(self.bytes) }
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    /// The length covers the header and not the padding.
    fn close(&mut self, start: usize) {
        match u16::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.overflow = true,
        }
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_padded_but_its_length_is_not() {
        let mut writer = Writer::default();
        writer.text(3, "abcd");
        assert_eq!(writer.framed(), Ok([&9u16.to_ne_bytes()[..], &[3, 0], b"abcd\0\0\0\0"].concat()));
    }

    #[test]
    fn a_nest_longer_than_its_length_field_is_refused() {
        let mut writer = Writer::default();
        writer.nest(1, |w| (0..600).for_each(|_| w.bytes(1, &[0; 128])));
        assert_eq!(writer.framed(), Err(TooLong));
    }
}
