//! Why what came through the contract has no meaning.

use std::fmt;
use std::net::IpAddr;

use crate::quote::quoted;
use crate::{DscpError, MarkError, PortRangeError, RuleError, SelectorError};

/// The longest id of a rule, in bytes: it is shown in tables.
const LONGEST_ID: usize = 256;

/// The longest code of a diagnostic, in bytes: it is a label of metrics.
const LONGEST_CODE: usize = 64;

/// Why a draft, an answer or a diagnostic cannot be read, as a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractError {
    /// What a rule or a draft refuses.
    Rule(RuleError),
    /// A prefix of more bits than the address has.
    PrefixTooLong {
        /// The address.
        address: IpAddr,
        /// The bits of the prefix.
        length: u8,
    },
    /// Two numbers that are not a range of ports.
    Ports(PortRangeError),
    /// A number that is not a code point.
    Dscp(DscpError),
    /// Two numbers that are not a mark.
    Mark(MarkError),
    /// A label selector without meaning.
    Selector(SelectorError),
    /// Values for an operator that takes none.
    ValuesNotUsed {
        /// The label.
        key: String,
    },
    /// A rule without addresses to translate to.
    NoAddresses,
    /// An id of more than 256 bytes.
    LongId {
        /// The id.
        id: String,
    },
    /// A code of a diagnostic that is not kebab-case of 1 to 64 bytes.
    Code {
        /// The code.
        code: String,
    },
    /// A name in `extra` that this version does not know, where it must know all.
    Unknown {
        /// What has the name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Any of these, in one rule.
    InRule {
        /// The rule.
        id: String,
        /// What is wrong with it.
        error: Box<ContractError>,
    },
}

impl ContractError {
    /// Looks at the id of a rule.
    ///
    /// # Errors
    /// When it is empty or longer than 256 bytes.
    pub fn check_id(id: &str) -> Result<(), Self> {
        match id.len() {
            0 => Err(Self::Rule(RuleError::NoId)),
            length if length > LONGEST_ID => Err(Self::LongId { id: id.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Looks at the code of a diagnostic.
    ///
    /// # Errors
    /// When it is not kebab-case of 1 to 64 bytes.
    pub fn check_code(code: &str) -> Result<(), Self> {
        let kebab = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let fits = (1..=LONGEST_CODE).contains(&code.len());
        if kebab && fits { Ok(()) } else { Err(Self::Code { code: code.to_owned() }) }
    }

    /// The same, with the rule where it does not say it.
    #[must_use]
    pub fn in_rule(self, id: &str) -> Self {
        match self {
            Self::Rule(_) | Self::LongId { .. } | Self::InRule { .. } => self,
            Self::PrefixTooLong { .. }
            | Self::Ports(_)
            | Self::Dscp(_)
            | Self::Mark(_)
            | Self::Selector(_)
            | Self::ValuesNotUsed { .. }
            | Self::NoAddresses
            | Self::Code { .. }
            | Self::Unknown { .. } => Self::InRule { id: id.to_owned(), error: Box::new(self) },
        }
    }
}

impl From<RuleError> for ContractError {
    fn from(error: RuleError) -> Self {
        Self::Rule(error)
    }
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(error) => error.fmt(f),
            Self::PrefixTooLong { address, length } => {
                let most = if address.is_ipv4() { 32 } else { 128 };
                write!(f, "network {address}/{length} has a prefix that is too long; write at most {most}")
            }
            Self::Ports(error) => error.fmt(f),
            Self::Dscp(error) => error.fmt(f),
            Self::Mark(error) => error.fmt(f),
            Self::Selector(error) => error.fmt(f),
            Self::ValuesNotUsed { key } => {
                write!(f, "label {} has values, and its operator takes none; leave them out", quoted(key))
            }
            Self::NoAddresses => f.write_str("it has no address to translate to; name one of the subject's own"),
            Self::LongId { id } => {
                write!(f, "the id of a rule is longer than {LONGEST_ID} bytes: {}; write a shorter one", quoted(id))
            }
            Self::Code { code } => {
                let code = quoted(code);
                write!(f, "diagnostic code {code} is not kebab-case of at most {LONGEST_CODE} bytes, like bad-address")
            }
            Self::Unknown { what, name } => {
                write!(f, "the extra name {} of a {what} is unknown; leave it out", quoted(name))
            }
            Self::InRule { id, error } => write!(f, "rule {}: {error}", quoted(id)),
        }
    }
}

impl std::error::Error for ContractError {}
