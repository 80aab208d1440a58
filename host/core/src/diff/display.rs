//! Batches as nft commands: what was sent, in order, in the notation that an operator reads.

use std::fmt::{self, Display, Formatter};

use super::{Batch, Change, Changes, Verb};
use crate::ruleset::display::{element_text, map_comment, map_counter, map_keyword, map_type, set_flags, set_type};
use crate::ruleset::{Hook, Name};

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
            Verb::AddSet(set, kind) => {
                let flags = set_flags(*kind).map(|flags| format!(" {flags};")).unwrap_or_default();
                writeln!(f, "add set {} {{ type {};{flags} }}", path(set), set_type(*kind))
            }
            Verb::DeleteSet(set) => writeln!(f, "delete set {}", path(set)),
            Verb::RefillSet(set, ranges) => {
                writeln!(f, "flush set {}", path(set))?;
                elements(f, "add", &path(set), ranges)
            }
            Verb::AddRanges(set, ranges) => elements(f, "add", &path(set), ranges),
            Verb::DeleteRanges(set, ranges) => elements(f, "delete", &path(set), ranges),
            Verb::AddMembers(set, members) => elements(f, "add", &path(set), members),
            Verb::DeleteMembers(set, members) => elements(f, "delete", &path(set), members),
            Verb::AddMap(map, kind) => {
                let counter = map_counter(*kind).map(|counter| format!(" {counter};")).unwrap_or_default();
                let comment = map_comment(*kind).map(|comment| format!(" {comment};")).unwrap_or_default();
                writeln!(
                    f,
                    "add {} {} {{ type {};{comment}{counter} }}",
                    map_keyword(*kind),
                    path(map),
                    map_type(*kind)
                )
            }
            Verb::DeleteMap(map) => writeln!(f, "delete map {}", path(map)),
            Verb::AddElements(map, _, all) => {
                element_lines(f, "add", &path(map), all.iter().map(|(key, element)| element_text(*key, element)))
            }
            Verb::DeleteElements(map, _, keys) => elements(f, "delete", &path(map), keys),
            Verb::AddChain(chain, hook) => writeln!(f, "add chain {}{}", path(chain), hook_text(*hook)),
            Verb::DeleteChain(chain) => writeln!(f, "delete chain {}", path(chain)),
            Verb::AddRules(chain, rules) => {
                rules.iter().try_for_each(|rule| writeln!(f, "add rule {} {rule}", path(chain)))
            }
            Verb::FlushRules(chain) => writeln!(f, "flush chain {}", path(chain)),
        }
    }
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

fn hook_text(hook: Option<Hook>) -> String {
    hook.map(|hook| format!(" {{ {hook} }}")).unwrap_or_default()
}
