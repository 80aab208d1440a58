//! The room (top-level module) of a file, and the rooms that it imports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::rust::{code, files, paths, root, without_tests};

/// Folders of the shell that hold several rooms.
pub(crate) const WINGS: [&str; 3] = ["admin", "instances", "kernel"];

/// The room of a file below `source`, the `src` folder of a crate: its first folder or its name, and in a wing also the
/// second.
pub(crate) fn room(file: &Path, source: &Path) -> String {
    room_of_module(&module(file, source)).unwrap_or_else(|| "lib".to_owned())
}

/// The other rooms of the same crate that a file mentions outside its unit tests.
pub(crate) fn entered(file: &Path, source: &Path) -> BTreeSet<String> {
    let here = module(file, source);
    let mentioned = paths(&without_reach(without_tests(&code(file))));
    let mut rooms: BTreeSet<String> = mentioned.iter().filter_map(|path| room_of_path(path, &here)).collect();
    rooms.remove(&room(file, source));
    rooms
}

/// Code without visibility modifiers, which name rooms and import none.
fn without_reach(code: &str) -> String {
    let mut parts = code.split("pub(in ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |sum, part| sum + part.split_once(')').map_or(part, |(_, rest)| rest))
}

/// Every room of a crate with the other rooms that its files mention outside their tests.
pub(crate) fn all_entered(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let source = root().join(folder);
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(folder).iter().filter(|file| !is_test(file)) {
        rooms.entry(room(file, &source)).or_default().extend(entered(file, &source));
    }
    rooms
}

/// A file of tests, or in a folder of them.
pub(crate) fn is_test(file: &Path) -> bool {
    file.iter().any(|part| part.to_string_lossy().trim_end_matches(".rs").ends_with("_tests"))
}

/// Whether a file mentions another crate.
pub(crate) fn mentions_crate(file: &Path, name: &str) -> bool {
    let inside = format!("{name}::");
    paths(&code(file)).iter().any(|path| path == name || path.starts_with(&inside))
}

/// The module path of a file, without `crate`.
fn module(file: &Path, source: &Path) -> Vec<String> {
    let inside = file.strip_prefix(source).expect("the file is in the folder").with_extension("");
    let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    module.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
    module
}

/// The room that a path beginning with `crate` or `super` leads into.
fn room_of_path(path: &str, here: &[String]) -> Option<String> {
    let mut parts = path.split("::").peekable();
    if parts.next_if_eq(&"crate").is_some() {
        return room_of_module(&parts.map(str::to_owned).collect::<Vec<_>>());
    }
    let mut at = here.to_vec();
    let mut upwards = false;
    while parts.next_if_eq(&"super").is_some() {
        at.pop();
        upwards = true;
    }
    at.extend(parts.map(str::to_owned));
    if upwards { room_of_module(&at) } else { None }
}

/// None for the root of the crate.
fn room_of_module(module: &[String]) -> Option<String> {
    let first = module.first()?;
    let second = module.get(1).filter(|_| WINGS.contains(&first.as_str()));
    Some(second.map_or_else(|| first.clone(), |second| format!("{first}/{second}")))
}
