//! Import cycles, direct and indirect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::rooms::is_test;
use crate::rust::{code, files, paths, root, without_tests};
use crate::shell::SHELL;
use crate::walls::ROOMS;

/// What imports what.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn rooms_do_not_import_each_other_in_a_cycle() {
    for (crate_name, table) in [("core", &ROOMS[..]), ("shell", &SHELL[..])] {
        let row = |(room, allowed): &(&str, &[&str])| ((*room).to_owned(), owned(allowed));
        assert_eq!(circle(table.iter().map(row).collect()), BTreeSet::new(), "rooms of the {crate_name}");
    }
}

/// Where a file is imported by its own items, and not through re-exports of `mod.rs`, its position among the others
/// shows.
#[test]
fn files_of_the_wasm_room_do_not_import_each_other_in_a_cycle() {
    let imports = imports_of_files("host/src/wasm");
    let through_mod: BTreeSet<_> = imports.iter().filter(|(_, to)| to.contains("mod")).map(|(from, _)| from).collect();
    assert_eq!(through_mod, BTreeSet::new(), "they import what mod.rs passes on: name the file that defines it");
    assert_eq!(circle(imports), BTreeSet::new());
}

#[test]
fn a_cycle_is_found_without_the_modules_that_only_lead_to_it() {
    let imports = [("a", &["b"][..]), ("b", &["c"]), ("c", &["b", "d"]), ("d", &["e"]), ("e", &[])];
    let imports: Imports = imports.iter().map(|(from, to)| ((*from).to_owned(), owned(to))).collect();
    assert_eq!(circle(imports), owned(&["b", "c"]));
}

fn owned(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What is in circles, or between two of them: all that is left once nothing imports it or it imports nothing.
fn circle(mut imports: Imports) -> BTreeSet<String> {
    loop {
        let left: BTreeSet<String> = imports.keys().cloned().collect();
        let imported: BTreeSet<String> = imports.values().flatten().cloned().collect();
        imports.retain(|name, to| {
            to.retain(|to| left.contains(to));
            !to.is_empty() && imported.contains(name)
        });
        if imports.len() == left.len() {
            return left;
        }
    }
}

/// The files of one folder that is a room, by their path in it, without `mod.rs` of any folder, which only passes on.
fn imports_of_files(folder: &str) -> Imports {
    let product: Vec<_> = files(folder).into_iter().filter(|file| !is_test(file)).collect();
    let names: BTreeMap<String, _> = product.iter().filter_map(|file| Some((inside(file, folder)?, file))).collect();
    let known: BTreeSet<String> = names.keys().cloned().collect();
    names.iter().map(|(name, file)| (name.clone(), imported(name, without_tests(&code(file)), &known))).collect()
}

/// `v0_1/ask` of `host/src/wasm/v0_1/ask.rs`; none of a `mod.rs`.
fn inside(file: &Path, folder: &str) -> Option<String> {
    let path = file.strip_prefix(root().join(folder)).ok()?.with_extension("");
    let path = path.to_string_lossy().into_owned();
    (path != "mod" && !path.ends_with("/mod")).then_some(path)
}

/// `mod` stands for what is named as the folder's own. A folder in it is named by what its `mod.rs` passes on, which is
/// any of its files.
fn imported(name: &str, code: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let folder = name.rsplit_once('/').map(|(folder, _)| format!("{folder}/"));
    let target = |path: String| -> Vec<String> {
        let Some(inner) = path.strip_prefix("super::") else { return Vec::new() };
        let (beginning, inner) = match (&folder, inner.strip_prefix("super::")) {
            (Some(_), Some(outer)) => ("", outer),
            (Some(folder), None) => (folder.as_str(), inner),
            (None, _) => ("", inner),
        };
        let first = inner.split("::").next().unwrap_or_default();
        let within = format!("{beginning}{first}/");
        let mut found: Vec<String> = names.iter().filter(|name| name.starts_with(&within)).cloned().collect();
        found.extend(names.get(&format!("{beginning}{first}")).cloned());
        if found.is_empty() && first.starts_with(|c: char| c.is_uppercase()) {
            found.push("mod".to_owned());
        }
        found
    };
    paths(code).into_iter().flat_map(target).collect()
}
