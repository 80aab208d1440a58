//! What imports each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};

use crate::rooms::is_test;
use crate::rust::{code, files, paths, without_tests};
use crate::shell::SHELL;
use crate::walls::ROOMS;

/// What imports what.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn rooms_do_not_import_each_other_in_a_circle() {
    for (crate_name, table) in [("core", &ROOMS[..]), ("shell", &SHELL[..])] {
        let row = |(room, allowed): &(&str, &[&str])| ((*room).to_owned(), owned(allowed));
        assert_eq!(circle(table.iter().map(row).collect()), BTreeSet::new(), "rooms of the {crate_name}");
    }
}

/// Where a file is imported by what it defines, and not by what `mod.rs` passes on, its place among the others shows.
#[test]
fn files_of_the_wasm_room_do_not_import_each_other_in_a_circle() {
    let imports = imports_of_files("host/src/wasm");
    let through_mod: BTreeSet<_> = imports.iter().filter(|(_, to)| to.contains("mod")).map(|(from, _)| from).collect();
    assert_eq!(through_mod, BTreeSet::new(), "they import what mod.rs passes on: name the file that defines it");
    assert_eq!(circle(imports), BTreeSet::new());
}

#[test]
fn a_circle_is_found_and_what_only_leads_to_it_is_not() {
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

/// The files of one folder that is a room, without `mod.rs`, which knows all of them.
fn imports_of_files(folder: &str) -> Imports {
    let product: Vec<_> = files(folder).into_iter().filter(|file| !is_test(file)).collect();
    let stems = product.iter().filter_map(|file| file.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    let names: BTreeSet<String> = stems.filter(|name| name != "mod").collect();
    let named = product.iter().filter_map(|file| Some((file, file.file_stem()?.to_string_lossy().into_owned())));
    let rows = named.filter(|(_, name)| names.contains(name));
    rows.map(|(file, name)| (name, imported(without_tests(&code(file)), &names))).collect()
}

/// `mod` stands for what is named as the folder's own.
fn imported(code: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let firsts =
        paths(code).into_iter().filter_map(|path| path.strip_prefix("super::")?.split("::").next().map(str::to_owned));
    let target = |first: String| match names.contains(&first) {
        true => Some(first),
        false => first.starts_with(|c: char| c.is_uppercase()).then(|| "mod".to_owned()),
    };
    firsts.filter_map(target).collect()
}
