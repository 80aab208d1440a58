//! Reads Rust as far as the house rules need: no comments, no text, and which paths a file mentions.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests have a folder of their own")
}

/// All Rust files below a folder of the project, sorted; none when there is no such folder.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A path as people name it in this project.
pub(crate) fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The file's code; every comment, string and character is blanked out, and lines keep their numbers.
pub(crate) fn code(path: &Path) -> String {
    blank(&fs::read_to_string(path).expect("a source file can be read"))
}

/// The part of some code before its unit tests, which by the rules of the house come last.
pub(crate) fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]").map_or(code, |at| &code[..at])
}

/// What the reader is in the middle of.
enum Inside {
    Code,
    LineComment,
    /// So many deep.
    BlockComment(usize),
    /// Opened by a quote after so many `#`; none: escapes count.
    Text(Option<usize>),
}

/// See [`code`].
pub(crate) fn blank(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut clean = String::with_capacity(source.len());
    let (mut inside, mut at) = (Inside::Code, 0);
    while at < characters.len() {
        let (next, length) = step(&inside, &characters[at..], characters.get(at.wrapping_sub(1)));
        let keep = matches!((&inside, &next), (Inside::Code, Inside::Code)) && length == 1;
        for &c in &characters[at..at + length] {
            clean.push(if keep || c == '\n' { c } else { ' ' });
        }
        (inside, at) = (next, at + length);
    }
    clean
}

/// The next state, and the number of characters of the step. Steps of more than one character are never code.
fn step(inside: &Inside, rest: &[char], previous: Option<&char>) -> (Inside, usize) {
    match *inside {
        Inside::Code => step_in_code(rest, previous),
        Inside::LineComment if rest[0] == '\n' => (Inside::Code, 1),
        Inside::LineComment => (Inside::LineComment, 1),
        Inside::BlockComment(depth) => match rest {
            ['/', '*', ..] => (Inside::BlockComment(depth + 1), 2),
            ['*', '/', ..] if depth == 1 => (Inside::Code, 2),
            ['*', '/', ..] => (Inside::BlockComment(depth - 1), 2),
            _ => (Inside::BlockComment(depth), 1),
        },
        Inside::Text(None) => match rest {
            ['\\', _, ..] => (Inside::Text(None), 2),
            ['"', ..] => (Inside::Code, 1),
            _ => (Inside::Text(None), 1),
        },
        Inside::Text(Some(hashes)) if rest[0] == '"' && count_hashes(&rest[1..]) >= hashes => {
            (Inside::Code, 1 + hashes)
        }
        Inside::Text(hashes) => (Inside::Text(hashes), 1),
    }
}

fn step_in_code(rest: &[char], previous: Option<&char>) -> (Inside, usize) {
    let begins_token = previous.is_none_or(|c| !c.is_alphanumeric() && *c != '_');
    match rest {
        ['/', '/', ..] => (Inside::LineComment, 2),
        ['/', '*', ..] => (Inside::BlockComment(1), 2),
        ['"', ..] => (Inside::Text(None), 1),
        ['r', after @ ..] if begins_token && after.get(count_hashes(after)) == Some(&'"') => {
            let hashes = count_hashes(after);
            (Inside::Text(Some(hashes)), 2 + hashes)
        }
        // An escaped character; then a plain one. Other quotes are lifetimes.
        ['\'', '\\', after @ ..] => (Inside::Code, 4 + after.iter().skip(1).take_while(|c| **c != '\'').count()),
        ['\'', _, '\'', ..] => (Inside::Code, 3),
        _ => (Inside::Code, 1),
    }
}

fn count_hashes(characters: &[char]) -> usize {
    characters.iter().take_while(|c| **c == '#').count()
}

/// Every path that some code mentions, `use a::{b, c::d}` written out: `a::b`, `a::c::d`.
pub(crate) fn paths(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let (mut paths, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        at += if is_name(tokens[at]) { tree(&tokens[at..], "", &mut paths) } else { 1 };
    }
    paths
}

/// Reads one path or tree of paths, and returns how many tokens it took.
fn tree(tokens: &[&str], prefix: &str, paths: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    let mut at = 0;
    while let Some(token) = tokens.get(at).filter(|token| is_name(token)) {
        path += token;
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        path += "::";
        at += 1;
    }
    if !path.ends_with("::") || tokens.get(at) != Some(&"{") {
        paths.push(path);
        return at.max(1);
    }
    at += 1;
    while at < tokens.len() && tokens[at] != "}" {
        at += if is_name(tokens[at]) { tree(&tokens[at..], &path, paths) } else { 1 };
    }
    at + 1
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::`, and every other sign by itself.
pub(crate) fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let in_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            c if in_name(c) => rest.find(|c| !in_name(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        if !first.is_whitespace() {
            tokens.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    tokens
}

#[test]
fn comments_and_texts_are_not_code() {
    let source = "let a = \"x // {\"; // y {\nlet b = '{'; let c = '\\''; /* { /* } */ { */ r#\"\"{\"# 'a fn";
    let clean = blank(source);
    assert!(!clean.contains(['{', '}', 'x', 'y']), "{clean}");
    assert!(clean.ends_with("'a fn") && clean.lines().count() == 2, "{clean}");
}

#[test]
fn use_trees_are_expanded() {
    let mentioned = paths("use a::{b, c::{d, e as f}};\nfn g() { h::i(); crate::j::K::new() }");
    for path in ["a::b", "a::c::d", "a::c::e", "h::i", "crate::j::K::new"] {
        assert!(mentioned.contains(&path.to_owned()), "{path} in {mentioned:?}");
    }
}
