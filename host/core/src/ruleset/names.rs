//! Names of nftables objects.

use std::borrow::Cow;
use std::fmt;

use super::{Layout, Priority, TableFamily};
use crate::net::{Family, MarkBit};

/// The name of a table, chain, set or map: 1 to 255 letters, digits, `_`, `-`, `.`, beginning with a letter or `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Cow<'static, str>);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name for an nftables object: it needs 1 to 255 letters, digits, '_', '-' or '.', and begins with a letter"
)]
pub struct NameError(String);

impl Name {
    /// `NFT_NAME_MAXLEN` is 256 with the final NUL.
    const MAX_LENGTH: usize = 255;

    /// A name.
    ///
    /// # Errors
    /// When it is empty, too long, or has characters that `nft` would need quoted.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if is_name(text.as_bytes()) { Ok(Self(Cow::Owned(text))) } else { Err(NameError(text)) }
    }

    /// A name known when the program is built: in a `const` a bad one does not compile.
    ///
    /// # Panics
    /// When the text is no name.
    pub const fn literal(text: &'static str) -> Self {
        assert!(is_name(text.as_bytes()), "not a name for an nftables object");
        Self(Cow::Borrowed(text))
    }

    /// A name put together from parts that are checked already.
    pub(crate) fn composed(text: String) -> Self {
        debug_assert!(is_name(text.as_bytes()), "composed a bad name: {text:?}");
        Self(Cow::Owned(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes and a loop, because a `const fn` has no iterators.
const fn is_name(text: &[u8]) -> bool {
    if text.is_empty() || text.len() > Name::MAX_LENGTH || !(text[0].is_ascii_alphabetic() || text[0] == b'_') {
        return false;
    }
    let mut i = 0;
    while i < text.len() {
        if !(text[i].is_ascii_alphanumeric() || matches!(text[i], b'_' | b'-' | b'.')) {
            return false;
        }
        i += 1;
    }
    true
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What our tables are called, one for each family, which layout they are to have, and where they translate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNames {
    /// Of the table for IPv4.
    pub ipv4: Name,
    /// Of the table for IPv6.
    pub ipv6: Name,
    /// How the objects of both work together.
    pub layout: Layout,
    /// Of the chain in them that translates.
    pub priority: Priority,
    /// What they mark packets of guarded pods with, where that is needed.
    pub marks: Option<MarkBit>,
}

impl TableNames {
    /// The same tables in another layout.
    #[must_use]
    pub fn in_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// The same tables with the chain that translates at another place.
    #[must_use]
    pub fn at(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Whether one of ours of this family is called so.
    pub fn has(&self, family: TableFamily, name: &Name) -> bool {
        family.addresses().is_some_and(|family| self.of(family) == name)
    }

    /// The name of the table of a family.
    pub fn of(&self, family: Family) -> &Name {
        match family {
            Family::Ipv4 => &self.ipv4,
            Family::Ipv6 => &self.ipv6,
        }
    }
}
