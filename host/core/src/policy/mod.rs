//! Policies as operators configure them: the ConfigMap's content, the scope, the resources of all together, and the
//! time that the failures of one may use. The answers of policies are in [`crate::chain`].

mod allowance;
mod budget;
mod selector;
mod spec;

pub use allowance::{Allowance, POLICY_REST};
pub use budget::{Budget, Cost, Excess, Limits};
pub use selector::{Selector, SelectorError};
pub use spec::{LABEL, Mode, Module, Need, OnFailure, PolicySpec, STATUS, Scope, is_almost_known, is_almost_label};
