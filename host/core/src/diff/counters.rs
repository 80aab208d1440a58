//! Counters that rules refer to: created before the rules and deleted after them.

use super::Verb;
use crate::ruleset::Table;

/// The counters that come; `old` is none for a table that comes.
pub(super) fn come(old: Option<&Table>, new: &Table) -> Vec<Verb> {
    let known = |name| old.is_some_and(|old| old.counters.contains(name));
    new.counters.iter().filter(|name| !known(name)).cloned().map(Verb::AddCounter).collect()
}

/// The counters that go.
pub(super) fn go(old: &Table, new: &Table) -> Vec<Verb> {
    old.counters.difference(&new.counters).cloned().map(Verb::DeleteCounter).collect()
}
