//! What a policy may answer about one subject. The types are those of the vocabulary, which policies use, too.

pub use egressd_vocabulary::{
    Decision, Diagnostic, Draft, Dscp, Extra, LabelOperator, LabelRequirement, LabelSelector, Mark, OnChange,
    OnUnavailable, Outcome, Rule, RuleError, RuleParts,
};
