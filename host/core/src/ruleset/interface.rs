//! Network devices by name.

use std::fmt;

/// The name of a network device: 1 to 15 bytes, as the kernel takes them, and nothing that `nft` would need escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface([u8; Interface::MAX_LENGTH]);

/// Why a text is no name of a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name for a network device: it needs 1 to 15 visible ASCII characters without '/', '\"' and '*'"
)]
pub struct InterfaceError(String);

impl Interface {
    /// `IFNAMSIZ` is 16 with the final NUL.
    const MAX_LENGTH: usize = 15;

    /// A name.
    ///
    /// # Errors
    /// When it is empty, too long, or has other characters. A `*` at the end would mean a prefix to `nft`.
    pub fn new(text: &str) -> Result<Self, InterfaceError> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'"' | b'*' | b'\\');
        let mut bytes = [0; Self::MAX_LENGTH];
        let fits = !text.is_empty() && text.len() <= Self::MAX_LENGTH && text.bytes().all(is_plain);
        if !fits || text == "." || text == ".." {
            return Err(InterfaceError(text.to_owned()));
        }
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    /// A name known when the program is built: in a `const` a bad one does not compile.
    ///
    /// # Panics
    /// When the text is longer than a name may be, or has other characters than letters and digits.
    pub const fn literal(text: &'static str) -> Self {
        let from = text.as_bytes();
        let mut bytes = [0; Self::MAX_LENGTH];
        let mut i = 0;
        assert!(!from.is_empty() && from.len() <= Self::MAX_LENGTH, "not a name for a network device");
        while i < from.len() {
            assert!(from[i].is_ascii_alphanumeric(), "not a name for a network device");
            bytes[i] = from[i];
            i += 1;
        }
        Self(bytes)
    }

    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX_LENGTH);
        str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_the_kernel_and_needs_no_quotes_inside() {
        for text in ["lo", "egressd0", "eth0.100", "veth-1234567890"] {
            assert_eq!(Interface::new(text).map(|name| name.to_string()), Ok(text.to_owned()));
        }
        for text in ["", ".", "..", "a b", "a/b", "eth*", "a\"b", "veth-12345678901", "ä"] {
            assert!(Interface::new(text).is_err(), "{text}");
        }
    }
}
