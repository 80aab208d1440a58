//! Policies as operators configure them: what a ConfigMap asks for, whom it covers, what all of them together may cost,
//! and how much time the failures of one may use. What policies say is [`crate::chain`]'s business.

mod allowance;
mod budget;
mod selector;
mod spec;

pub use allowance::{Allowance, POLICY_REST};
pub use budget::{Budget, Cost, Excess, Limits};
pub use selector::{Selector, SelectorError};
pub use spec::{LABEL, Mode, Module, Need, OnFailure, PolicySpec, STATUS, Scope, is_almost_known, is_almost_label};
