//! Why a rule, or a draft with it, cannot be meant.

use std::fmt;

use ipnet::IpNet;

use crate::{Diagnostic, Family};

/// Why a rule, or a draft with it, cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// An address or network of the other family.
    Family {
        /// Of which rule.
        id: String,
        /// The address or network.
        item: String,
        /// The rule's own family.
        family: Family,
    },
    /// A network that is not what its prefix says.
    HostBits {
        /// Of which rule.
        id: String,
        /// The network.
        network: IpNet,
    },
    /// A list that narrows, without items: the contract would take it for "everything".
    Empty {
        /// Of which rule.
        id: String,
        /// Which list.
        list: &'static str,
    },
    /// A rule without a name.
    NoId,
    /// Two rules of one draft with one name.
    SameId {
        /// The name.
        id: String,
    },
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family { id, item, family } => {
                write!(f, "rule {id:?}: {item} is not {family}, as the rule's address is; leave it out")
            }
            Self::HostBits { id, network } => {
                write!(f, "rule {id:?}: {network} has host bits set; use {}", network.trunc())
            }
            Self::Empty { id, list } => {
                write!(
                    f,
                    "rule {id:?}: an empty list of {list} would match all of them; add one, or leave the rule out"
                )
            }
            Self::NoId => f.write_str("a rule has an empty id; give it a short name like \"ipv4\""),
            Self::SameId { id } => write!(f, "two rules have the id {id:?}; give each its own"),
        }
    }
}

impl std::error::Error for RuleError {}

/// A mistake of the policy, reported to the Service's owner: better than a rule that means something else.
impl From<RuleError> for Diagnostic {
    fn from(error: RuleError) -> Self {
        Self::error("bad-rule", error.to_string())
    }
}
