//! Names with values that a component is shown, the same in every version of the contract.

use egressd_core::model::{Labels, is_withheld};

pub(super) type Pairs = Vec<(String, String)>;

pub(super) fn all(labels: &Labels) -> Pairs {
    pairs(labels, |_| true)
}

/// Those that begin with one of these prefixes.
pub(super) fn labels(labels: &Labels, prefixes: &[String]) -> Pairs {
    pairs(labels, |name| begins(name, prefixes))
}

/// The same without those that no policy is shown.
pub(super) fn annotations(annotations: &Labels, prefixes: &[String]) -> Pairs {
    pairs(annotations, |name| begins(name, prefixes) && !is_withheld(name))
}

fn begins(name: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn pairs(labels: &Labels, wanted: impl Fn(&str) -> bool) -> Pairs {
    labels.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
