//! Terms of an earlier dialect that text, names and messages do not use: readers searched for the field's terms in vain.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rust::{name, root};

/// As a whole term, in any case, in prose and as a part of an identifier: `is_told`, `Told`, `TOLD`.
const RETIRED: [&str; 21] = [
    "basket",
    "bystander",
    "desk",
    "doomed",
    "doors",
    "giver",
    "heed",
    "hoarder",
    "mend",
    "mended",
    "mends",
    "nobody",
    "nobodys",
    "purse",
    "said",
    "somebody",
    "spokesman",
    "tell",
    "tells",
    "told",
    "word",
];

/// What is not the project's own text, by the beginning of the path.
const EXCEPT: [(&str, &str); 9] = [
    (".git", "no text of the project"),
    ("Cargo.lock", "names of packages"),
    ("LICENSE", "the licences' own text"),
    ("host/target", "built"),
    ("target", "built"),
    ("tests/apiserver/go.", "names of modules"),
    ("tests/house/retired.rs", "this list"),
    ("tests/wasm/released", "released"),
    ("wit/0.1.0", "a released contract"),
];

/// The table of what was renamed has the earlier names in its first column.
const CHANGELOG: &str = "CHANGELOG.md";

#[test]
fn no_text_and_no_name_has_a_retired_term() {
    let mut found = Vec::new();
    for file in texts(root()) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let name = name(&file);
        let lines = text.lines().enumerate().map(|(at, line)| (at, own_part(&name, line)));
        let with = lines.filter_map(|(at, line)| Some(format!("{name}:{}: {}", at + 1, retired(line)?)));
        found.extend(with.chain(retired(&name).map(|term| format!("the name {name}: {term}"))));
    }
    assert_eq!(found, Vec::<String>::new(), "write the field's term instead");
}

#[test]
fn a_retired_term_is_found_in_prose_and_in_each_form_of_a_name() {
    for line in ["Nobody's.", "it was Told", "fn is_told()", "struct ToldOnce", "const TOLD: u8", "to-mend", "told2"] {
        assert!(retired(line).is_some(), "{line}");
    }
    for line in ["recommended", "Dword", "tolds", "a keyword", "wording", "HTTPDesks", "untold"] {
        assert_eq!(retired(line), None, "{line}");
    }
}

#[test]
fn only_the_earlier_names_of_the_changelog_are_left_out() {
    assert_eq!(own_part(CHANGELOG, "| code `told` | `reported` |"), "`reported` |");
    assert_eq!(own_part(CHANGELOG, "told"), "told");
    assert_eq!(own_part("README.md", "| told | reported |"), "| told | reported |");
}

/// The files below a folder that may have text of the project.
fn texts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the project can be read").flatten();
    let own = entries.map(|entry| entry.path()).filter(|path| !is_excepted(&name(path)));
    own.flat_map(|path| if path.is_dir() { texts(&path) } else { vec![path] }).collect()
}

fn is_excepted(name: &str) -> bool {
    EXCEPT.iter().any(|(beginning, _)| name.starts_with(beginning) && *beginning != ".git" || name == *beginning)
}

/// A line without the earlier names of a table of the changelog.
fn own_part<'a>(file: &str, line: &'a str) -> &'a str {
    match line.strip_prefix("| ").and_then(|cells| cells.split_once(" | ")) {
        Some((_, newer)) if file == CHANGELOG => newer,
        _ => line,
    }
}

/// The first retired term of a line.
fn retired(line: &str) -> Option<String> {
    let terms = line.split(|sign: char| !sign.is_ascii_alphabetic()).flat_map(humps);
    terms.map(|term| term.to_ascii_lowercase()).find(|term| RETIRED.contains(&&**term))
}

/// The parts of a name in camel case: `ToldOnce` has two, and `TOLD` one.
fn humps(name: &str) -> Vec<&str> {
    let signs = name.as_bytes();
    let begins = |at: &usize| signs[*at].is_ascii_uppercase() && signs[at - 1].is_ascii_lowercase();
    let mut rest = 0;
    let mut humps = Vec::new();
    for at in (1..name.len()).filter(begins).chain([name.len()]) {
        humps.push(&name[rest..at]);
        rest = at;
    }
    humps
}
