//! Policies as operators configure them: what a ConfigMap asks for, whom it covers, and when a policy that fails
//! is left alone. What policies say is [`crate::chain`]'s business.

mod quarantine;
mod selector;
mod spec;

pub use quarantine::{Cost, FIRST, LONGEST, PROMPT_FAILURES, Quarantine};
pub use selector::{Selector, SelectorError};
pub use spec::{LABEL, Mode, Module, OnFailure, PolicySpec, STATUS, Scope};
