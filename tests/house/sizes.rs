//! Limits on the lengths of files and functions.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::rust::{blank, code, files, name};

/// Lines of a file.
const MAX_FILE_LINES: usize = 400;

/// Lines of a function, from `fn` to the closing brace.
const MAX_FUNCTION_LINES: usize = 40;

/// Files and functions (`file::function`) that are longer, and why.
const EXCUSED: [(&str, &str); 0] = [];

#[test]
fn files_and_functions_fit_on_a_screen_or_have_a_reason() {
    let mut long = BTreeSet::new();
    for file in sources() {
        let (file_name, code) = (name(&file), code(&file));
        if code.lines().count() > MAX_FILE_LINES {
            long.insert(file_name.clone());
        }
        let functions = functions(&code).into_iter().filter(|(_, length)| *length > MAX_FUNCTION_LINES);
        long.extend(functions.map(|(function, _)| format!("{file_name}::{function}")));
    }
    let excused: BTreeSet<String> = EXCUSED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(long, excused, "left: what is too long; right: what has a reason");
}

#[test]
fn functions_are_measured_from_their_name_to_their_last_brace() {
    let code = blank("fn a() {\n  if b { \"}\" }\n}\ntrait T { fn c(x: [u8; 4]); fn d() {} }\ntype E = fn();\n");
    assert_eq!(functions(&code), [("a".to_owned(), 3), ("d".to_owned(), 1)]);
}

fn sources() -> Vec<PathBuf> {
    ["host", "policies", "policy-sdk", "tests"].iter().flat_map(|folder| files(folder)).collect()
}

/// The functions of some code with their lengths in lines.
fn functions(code: &str) -> Vec<(String, usize)> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices("fn ")
        .filter(|(at, _)| !code[..*at].ends_with(in_name))
        .filter_map(|(at, keyword)| {
            let after = &code[at + keyword.len()..];
            let name: String = after.chars().take_while(|c| in_name(*c)).collect();
            let body = body(after)?;
            (!name.is_empty()).then(|| (name, body.lines().count()))
        })
        .collect()
}

/// From a function's name to the brace that closes it; none for a declaration without a body.
fn body(code: &str) -> Option<&str> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(&code[..=at]),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}
