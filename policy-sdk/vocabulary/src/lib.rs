//! The nouns that egressd and its policies share. Plain data with checked constructors: what a value of these types
//! says can be written down, compared and sent through the contract of `wit/`.
//!
//! The host's core and the policy SDK re-export what they use of it, so that neither has to convert.

#![warn(missing_docs)]

mod contract_error;
mod diagnostic;
mod draft;
mod family;
mod mark;
mod network;
mod outcome;
mod parts;
mod port;
mod quote;
mod rule;
mod rule_error;
mod selector;
mod shown;
pub mod spelling;
#[cfg(feature = "text")]
pub mod text;
#[cfg(feature = "serde")]
mod written;

pub use contract_error::ContractError;
pub use diagnostic::{Diagnostic, Severity, Span};
pub use draft::{Draft, OnChange, OnUnavailable};
pub use family::Family;
pub use mark::{Dscp, DscpError, Mark, MarkError};
pub use network::{Network, NetworkError};
pub use outcome::{Decision, Outcome};
pub use parts::RuleParts;
pub use port::{ParsePortRangeError, PortRange, PortRangeError, PortSpan, Protocol};
pub use quote::{clipped, quoted};
pub use rule::Rule;
pub use rule_error::RuleError;
pub use selector::{LabelOperator, LabelRequirement, LabelSelector, SelectorError};
pub use shown::{EndpointScope, ServiceType, TrafficPolicy};

/// Names and values that a version of the contract does not define, in order.
pub type Extra = Vec<(String, String)>;
