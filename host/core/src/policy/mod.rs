//! Policies as operators configure them: what a ConfigMap asks for, whom it covers, and how much time
//! the failures of a policy may use. What policies say is [`crate::chain`]'s business.

mod allowance;
mod selector;
mod spec;

pub use allowance::{Allowance, PACE};
pub use selector::{Selector, SelectorError};
pub use spec::{LABEL, Mode, Module, Need, OnFailure, PolicySpec, STATUS, Scope};
