//! Batches as nft commands: what was sent, in order, in the notation that an operator reads.

use std::fmt::{self, Display, Formatter};

use super::{Batch, Change, Changes, Verb};
use crate::ruleset::display::{
    element_text, map_comment, map_counter, map_keyword, map_type, set_flags, set_key_text, set_type, timed_text,
};
use crate::ruleset::{Hook, MapKind, Name, Rule, SetKey, SetKeyKind, SetKind};

impl Display for Changes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, batch) in self.batches().enumerate() {
            if self.effects.len() > 1 {
                writeln!(f, "# batch {} of {}", number + 1, self.effects.len())?;
            }
            batch.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Batch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| change.fmt(f))
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (family, table) = (self.family, &self.table);
        let path = |name: &Name| name.path(family, table);
        match &self.verb {
            Verb::AddTable(layout) => writeln!(f, "add table {family} {table} {{ comment \"{}\"; }}", layout.comment()),
            Verb::DeleteTable => writeln!(f, "delete table {family} {table}"),
            // Without flags it is awake.
            Verb::WakeTable => writeln!(f, "add table {family} {table}"),
            Verb::AddSet(set, kind) => add_set(f, &path(set), *kind),
            Verb::DeleteSet(set) => writeln!(f, "delete set {}", path(set)),
            Verb::RefillSet(set, ranges) => {
                writeln!(f, "flush set {}", path(set))?;
                elements(f, "add", &path(set), ranges)
            }
            Verb::AddRanges(set, ranges) => elements(f, "add", &path(set), ranges),
            Verb::DeleteRanges(set, ranges) => elements(f, "delete", &path(set), ranges),
            Verb::AddMembers(set, members) => elements(f, "add", &path(set), members),
            Verb::DeleteMembers(set, members) => elements(f, "delete", &path(set), members),
            Verb::AddKeys(set, kind, keys) => keys_lines(f, "add", &path(set), keys.iter().map(|key| (*kind, *key))),
            Verb::DeleteKeys(set, kind, keys) => {
                keys_lines(f, "delete", &path(set), keys.iter().map(|key| (*kind, *key)))
            }
            Verb::AddTimed(set, kind, all) => {
                element_lines(f, "add", &path(set), all.iter().map(|timed| timed_text(*kind, *timed)))
            }
            Verb::AddCounter(counter) => writeln!(f, "add counter {}", path(counter)),
            Verb::DeleteCounter(counter) => writeln!(f, "delete counter {}", path(counter)),
            Verb::AddMap(map, kind) => add_map(f, &path(map), *kind),
            Verb::DeleteMap(map) => writeln!(f, "delete map {}", path(map)),
            Verb::AddElements(map, _, all) => {
                element_lines(f, "add", &path(map), all.iter().map(|(key, element)| element_text(*key, element)))
            }
            Verb::DeleteElements(map, _, keys) => elements(f, "delete", &path(map), keys),
            Verb::AddChain(chain, hook) => writeln!(f, "add chain {}{}", path(chain), hook_text(hook.as_ref())),
            Verb::DeleteChain(chain) => writeln!(f, "delete chain {}", path(chain)),
            Verb::AddRules(chain, rules) => add_rules(f, &path(chain), rules),
            Verb::FlushRules(chain) => writeln!(f, "flush chain {}", path(chain)),
        }
    }
}

fn add_set(f: &mut Formatter<'_>, path: &str, kind: SetKind) -> fmt::Result {
    let flags = set_flags(kind).map(|flags| format!(" {flags};")).unwrap_or_default();
    writeln!(f, "add set {path} {{ {};{flags} }}", set_type(kind))
}

fn add_map(f: &mut Formatter<'_>, path: &str, kind: MapKind) -> fmt::Result {
    let counter = map_counter(kind).map(|counter| format!(" {counter};")).unwrap_or_default();
    let comment = map_comment(kind).map(|comment| format!(" {comment};")).unwrap_or_default();
    writeln!(f, "add {} {path} {{ type {};{comment}{counter} }}", map_keyword(kind), map_type(kind))
}

fn add_rules(f: &mut Formatter<'_>, path: &str, rules: &[Rule]) -> fmt::Result {
    rules.iter().try_for_each(|rule| writeln!(f, "add rule {path} {rule}"))
}

fn keys_lines(
    f: &mut Formatter<'_>,
    verb: &str,
    path: &str,
    keys: impl Iterator<Item = (SetKeyKind, SetKey)>,
) -> fmt::Result {
    element_lines(f, verb, path, keys.map(|(kind, key)| set_key_text(kind, key)))
}

fn elements(f: &mut Formatter<'_>, verb: &str, path: &str, all: &[impl Display]) -> fmt::Result {
    element_lines(f, verb, path, all.iter().map(ToString::to_string))
}

fn element_lines(
    f: &mut Formatter<'_>,
    verb: &str,
    path: &str,
    mut elements: impl Iterator<Item = String>,
) -> fmt::Result {
    elements.try_for_each(|element| writeln!(f, "{verb} element {path} {{ {element} }}"))
}

fn hook_text(hook: Option<&Hook>) -> String {
    hook.map(|hook| format!(" {{ {hook} }}")).unwrap_or_default()
}
