//! One statement per line: no function takes a tuple, and no line gives several values several names.

use std::path::PathBuf;

use crate::rust::{blank, code, files, name, without_tests};

/// Where it holds.
const FOLDERS: [&str; 4] = ["host/core/src", "host/src", "policy-sdk", "policies"];

/// So many names in one line are packed.
const PACKED_NAMES: usize = 3;

#[test]
fn no_function_takes_a_tuple() {
    let mut found = Vec::new();
    for file in sources() {
        let tuples = parameters(&code(&file)).into_iter().filter(|(_, parameter)| is_tuple(parameter));
        found.extend(tuples.map(|(function, parameter)| format!("{}::{function}({parameter})", name(&file))));
    }
    assert_eq!(found, Vec::<String>::new(), "give each value a parameter, or all of them a struct");
}

#[test]
fn no_line_is_packed() {
    let mut found = Vec::new();
    for file in sources() {
        let code = code(&file);
        found.extend(packed(without_tests(&code)).into_iter().map(|line| format!("{}: {line}", name(&file))));
    }
    assert_eq!(found, Vec::<String>::new(), "write a line for each value, or the value where it is used");
}

#[test]
fn tuples_are_found_as_patterns_and_as_types_and_containers_of_tuples_are_not() {
    let code = "fn a((b, c): (u8, &str), d: u8) {} fn e<T: Fn() -> u8>(f: &'a mut (u8, T)) {} \
                fn g(h: (), i: Vec<(u8, u8)>, j: impl Fn((u8, u8)) -> u8, k: fn(u8, u8), K { l, m }: K) {}";
    let tuples = parameters(&blank(code)).into_iter().filter(|(_, parameter)| is_tuple(parameter));
    assert_eq!(tuples.map(|(function, _)| function).collect::<Vec<_>>(), ["a", "e"]);
}

#[test]
fn a_line_that_assigns_three_values_or_defaults_at_once_is_packed() {
    let code = "let (a, b, c) = (f(1, 2), 2, 3); let (a, b) = (1, 2); let (a, b, c) = f(1); let (d, e) = Default::default();\
                let (a, (b, c)) = (1, 2); let (a, b, c) = match d { _ => (1, 2, 3) };";
    assert_eq!(packed(code), ["let (a, b, c)", "let (d, e)"]);
}

fn sources() -> impl Iterator<Item = PathBuf> {
    FOLDERS.iter().flat_map(|folder| files(folder))
}

/// The functions of some code, each once for every parameter.
fn parameters(code: &str) -> Vec<(String, String)> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    let keywords = code.match_indices("fn ").filter(|(at, _)| !code[..*at].ends_with(in_name));
    keywords
        .flat_map(|(at, keyword)| {
            let after = &code[at + keyword.len()..];
            let (function, rest) = after.split_at(after.find(|c| !in_name(c)).unwrap_or(after.len()));
            let list = &rest[generics(rest)..];
            let inside = &list[usize::from(list.starts_with('('))..closed(list)];
            parts(inside).into_iter().map(|parameter| (function.to_owned(), parameter.to_owned())).collect::<Vec<_>>()
        })
        .collect()
}

/// How long the part in angle brackets is with which some code begins.
fn generics(code: &str) -> usize {
    if code.starts_with('<') { closed(code) + 1 } else { 0 }
}

/// Where the bracket closes with which some code begins.
fn closed(code: &str) -> usize {
    depths(code).find(|(at, depth, _)| *at > 0 && *depth == 0).map_or(0, |(at, ..)| at)
}

/// The parts between commas outside of all brackets.
fn parts(code: &str) -> Vec<&str> {
    let mut from = 0;
    let mut parts = Vec::new();
    for (at, _, c) in depths(code).filter(|(_, depth, c)| *depth == 0 && *c == ',') {
        parts.push(code[from..at].trim());
        from = at + c.len_utf8();
    }
    parts.push(code[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Every character with how many brackets are open behind it. The sign of an arrow is no bracket.
fn depths(code: &str) -> impl Iterator<Item = (usize, i32, char)> {
    let mut depth = 0;
    let mut before = ' ';
    code.char_indices().map(move |(at, c)| {
        depth += match c {
            '(' | '[' | '{' | '<' => 1,
            '>' if matches!(before, '-' | '=') => 0,
            ')' | ']' | '}' | '>' => -1,
            _ => 0,
        };
        before = c;
        (at, depth, c)
    })
}

/// Whether a parameter's pattern or type is a tuple, by value or by reference.
fn is_tuple(parameter: &str) -> bool {
    let type_at = depths(parameter).find(|(_, depth, c)| *depth == 0 && *c == ':').map_or(0, |(at, ..)| at + 1);
    let of = parameter[type_at..].trim_start_matches(|c: char| c == '&' || c.is_whitespace());
    let of = of.strip_prefix('\'').map_or(of, |lifetime| lifetime.trim_start_matches(|c: char| c.is_alphanumeric()));
    let of = of.trim_start().trim_start_matches("mut ").trim_start();
    let is_pair = |text: &str| text.starts_with('(') && parts(&text[1..closed(text)]).len() > 1;
    is_pair(parameter) || is_pair(of)
}

/// The left sides of packed lines.
fn packed(code: &str) -> Vec<&str> {
    let lines = code.match_indices("let (").filter_map(|(at, keyword)| {
        let open = at + keyword.len() - 1;
        let end = open + closed(&code[open..]) + 1;
        let names = parts(&code[open + 1..end - 1]).len();
        let value = code[end..].trim_start().strip_prefix("= ")?;
        let is_written_out =
            value.starts_with('(') && value[closed(value) + 1..].starts_with(';') && names >= PACKED_NAMES;
        (is_written_out || value.starts_with("Default::default();")).then(|| &code[at..end])
    });
    lines.collect()
}
