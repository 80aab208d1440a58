//! An object of a kind that is almost one of those that are read.

use egressd_core::text::quoted;
use serde_json::Value;

use super::collector::Typed;
use crate::source::kind::Kind;

/// Why an object of no kind that is read is taken for one that is miswritten, as in a file that was cut off; none where it
/// is another's.
pub(super) fn mistake(typed: &Typed, value: &Value) -> Option<String> {
    let Typed { version, kind } = typed;
    let (group, _) = version.rsplit_once('/').unwrap_or(("", version));
    let names = || Kind::ALL.into_iter().map(Kind::names).filter(|names| names.group == group);
    if let Some(names) = names().find(|names| names.kind == kind) {
        let right = format!("{group}/{}", names.versions[0]);
        return Some(format!("{kind} of {version} is not read; write {}", right.trim_start_matches('/')));
    }
    if value.get("items").is_some_and(Value::is_array) {
        return Some(format!("kind {} has items and is no list; write List", quoted(kind)));
    }
    let near = names().find(|names| is_almost(names.kind, kind)).map(|names| names.kind);
    let near = near.or_else(|| (version == "v1" && is_almost("List", kind)).then_some("List"));
    match near {
        Some(right) => Some(format!("{version} has no kind {}; write {right}", quoted(kind))),
        None if names().any(|names| names.alone) => {
            Some(format!("{version} has no kind {}; write one of its kinds", quoted(kind)))
        }
        None => None,
    }
}

/// Whether two edits at most lie between a name and what was written, capitals aside.
fn is_almost(name: &str, written: &str) -> bool {
    let (name, written) = (name.to_ascii_lowercase(), written.to_ascii_lowercase());
    if name.len().abs_diff(written.len()) > 2 {
        return false;
    }
    let mut row: Vec<usize> = (0..=written.len()).collect();
    for (above, a) in name.bytes().enumerate() {
        let mut next = vec![above + 1];
        for (at, b) in written.bytes().enumerate() {
            let replaced = row[at] + usize::from(a != b);
            next.push(replaced.min(row[at + 1] + 1).min(next[at] + 1));
        }
        row = next;
    }
    row[written.len()] <= 2
}
