//! Names of nftables objects.

use std::fmt;

/// The name of a table, chain, set or map: 1 to 255 letters, digits, `_`, `-`, `.`, not beginning with a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name for an nftables object: it needs 1 to 255 letters, digits, '_', '-' or '.', and begins with a letter"
)]
pub struct NameError(String);

impl Name {
    /// `NFT_NAME_MAXLEN` is 256 with the final NUL.
    const LONGEST: usize = 255;

    /// A name.
    ///
    /// # Errors
    /// When it is empty, too long, or has characters that `nft` would need quoted.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if text.len() > Self::LONGEST || !plain || !begins {
            return Err(NameError(text));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
