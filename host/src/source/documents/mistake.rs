//! An object of a kind that is almost one of those that are read.

use egressd_core::text::quoted;
use egressd_vocabulary::spelling::nearest;
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
    let list = (version == "v1").then_some("List");
    match nearest(kind, names().map(|names| names.kind).chain(list)) {
        Some((_, right)) => Some(format!("{version} has no kind {}; write {right}", quoted(kind))),
        None if names().any(|names| names.alone) => {
            Some(format!("{version} has no kind {}; write one of its kinds", quoted(kind)))
        }
        None => None,
    }
}
