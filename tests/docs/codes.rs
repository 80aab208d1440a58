//! The list of codes has all codes that host, core, the built-in policy and the SDK emit, and `docs/findings.md` is
//! generated from it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Output};
use std::{env, fs};

use egressd_core::codes::{self, CodeEntry, GROUPS, Level};
use serde_json::Value;

use crate::emitted::emitted;
use crate::root;

#[test]
fn the_list_of_codes_is_what_the_sources_emit() {
    let (emitted, unclear) = emitted(&root());
    assert_eq!(unclear, Vec::<String>::new(), "give the code as a text or a constant, or the file to CHOOSING");
    let listed = codes::all().filter(|entry| matches!(entry.level, Level::Finding(_))).map(|entry| entry.code);
    let emitted: BTreeSet<&str> = emitted.keys().map(String::as_str).collect();
    assert_eq!(emitted, listed.collect(), "left: what the sources emit; right: host/core/src/codes");
}

#[test]
fn the_severities_in_the_list_are_those_of_the_sources() {
    let (emitted, _) = emitted(&root());
    for entry in codes::all() {
        let (Level::Finding(listed), Some(found)) = (entry.level, emitted.get(entry.code)) else { continue };
        for severity in found.iter().flatten() {
            assert!(listed.contains(severity), "{} is emitted as {severity}", entry.code);
        }
        let is_known = |severity| found.contains(&None) || found.contains(&Some(severity));
        assert!(listed.iter().all(|severity| is_known(*severity)), "{} has a severity too many", entry.code);
    }
}

#[test]
fn the_page_on_findings_is_the_list() {
    let (file, page) = (root().join("docs/findings.md"), page());
    if env::var_os("EGRESSD_BLESS").is_some() {
        fs::write(file, page).unwrap();
        return;
    }
    let written = fs::read_to_string(file).unwrap_or_default();
    let differing = page.lines().zip(written.lines()).find(|(list, page)| list != page);
    assert_eq!(differing, None, "left: the list; right: docs/findings.md (EGRESSD_BLESS=1 writes it anew)");
    assert_eq!(written.len(), page.len(), "docs/findings.md ends elsewhere than the list");
}

#[test]
fn a_code_is_explained_on_the_command_line_and_an_unknown_one_is_an_error_of_one_line() {
    let known = explain(&["held-elsewhere"]);
    let text = String::from_utf8(known.stdout).unwrap();
    assert!(
        known.status.success() && text.starts_with("held-elsewhere (finding, severity info or warning)\n"),
        "{text}"
    );
    let all: Value = serde_json::from_slice(&explain(&["--output", "json"]).stdout).unwrap();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(codes::all().count()));
    let unknown = explain(&["held-elsewere"]);
    let sentence = String::from_utf8(unknown.stderr).unwrap();
    let begin = "egressd: \"held-elsewere\" is not a code of egressd; the nearest are held-elsewhere; ";
    assert!(unknown.status.code() == Some(1) && sentence.starts_with(begin), "{sentence}");
    assert!(unknown.stdout.is_empty() && sentence.lines().count() == 1, "{sentence}");
}

fn explain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_egressd")).arg("explain-code").args(arguments).output().unwrap()
}

const HEAD: &str = "# Codes of findings, and reasons of Events

Each finding has a code. `egressd status`, `egressd plan` and the notes of Events have it in brackets, as in `[held-elsewhere]`, the
log in the field `code`, JSON in `code`. Behind the brackets stand the policy that reports the finding and the rule that it is about,
where there are any: `[not-a-port] policy annotations, rule web`.
`egressd explain-code CODE...` prints entries of this page, `egressd explain-code` the list, both also with `-o json` or `-o yaml`.
By symptom: [troubleshooting.md](troubleshooting.md).

Codes and reasons are stable, and this list is closed: neither egressd nor its built-in policy emits others. A policy that is loaded
from a ConfigMap has codes of its own, which are described with the policy.

| severity | means |
|---|---|
| info | worth knowing |
| warning | in force, but probably not as meant |
| error | something that was asked for is not in force |
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for group in GROUPS {
        let codes: Vec<String> = group.entries.iter().map(link).collect();
        write!(page, "\n## {}\n\n{}\n\n{}\n", group.title, group.about, codes.join(",\n")).unwrap();
        group.entries.iter().for_each(|entry| page.push_str(&section(entry)));
    }
    page
}

/// An anchor is a heading in lower case.
fn link(CodeEntry { code, .. }: &CodeEntry) -> String {
    format!("[`{code}`](#{})", code.to_ascii_lowercase())
}

fn section(entry: &CodeEntry) -> String {
    let CodeEntry { code, level, sentence, cause, remedy } = entry;
    let [sentence, cause, remedy] = [sentence, cause, remedy].map(|text| linked(text));
    let what = match level {
        Level::Finding(_) => "Severity",
        Level::Event(_) => "Type",
    };
    format!("\n### `{code}`\n\n{sentence}\n\n- {what}: {level}\n- Cause: {cause}\n- Remedy: {remedy}\n")
}

/// Other pages as links; a terminal has their path.
fn linked(text: &str) -> String {
    let mut parts = text.split("docs/");
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (page, rest) = part.split_once(".md").unwrap();
        write!(linked, "[{page}.md]({page}.md){rest}").unwrap();
    }
    linked
}
