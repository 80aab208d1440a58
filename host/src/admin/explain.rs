//! Prints the list of codes, and what one of them means.

use std::fmt;
use std::io::{self, Write};

use anyhow::Context;
use egressd_core::codes::{self, CodeEntry, GROUPS, Level};
use egressd_core::text::quoted;
use serde_json::{Value, json};

use crate::admin::print::{self, versioned};
use crate::cli::{ExplainArgs, ExplainOutput};

/// A code that is not in the list.
#[derive(Debug)]
struct UnknownCode {
    code: String,
    similar: Vec<&'static str>,
}

/// Codes that are not in the list.
#[derive(Debug, thiserror::Error)]
#[error("{}; `egressd explain-code` lists all codes, and a policy that is loaded from a ConfigMap has its own, which are \
         described with the policy", sentences(.0))]
struct UnknownCodes(Vec<UnknownCode>);

/// What the command line asks for.
///
/// # Errors
/// When a code is not in the list, or the answer cannot be written.
pub fn print(out: &mut dyn Write, args: &ExplainArgs) -> anyhow::Result<()> {
    let known: Vec<&CodeEntry> = args.codes.iter().filter_map(|code| codes::find(code)).collect();
    let unknown: Vec<UnknownCode> = args.codes.iter().filter_map(|code| unknown(code)).collect();
    let printed = match (known.as_slice(), args.output) {
        ([], _) if !args.codes.is_empty() => Ok(()),
        ([], ExplainOutput::Text) => table(out),
        (entries, ExplainOutput::Text) => texts(out, entries),
        (entries, ExplainOutput::Json) => print::json(out, &document(entries, args.codes.len())),
        (entries, ExplainOutput::Yaml) => print::yaml(out, &document(entries, args.codes.len())),
    };
    printed.context("cannot print the codes")?;
    if unknown.is_empty() { Ok(()) } else { Err(UnknownCodes(unknown).into()) }
}

fn unknown(code: &str) -> Option<UnknownCode> {
    codes::find(code).is_none().then(|| UnknownCode { code: code.to_owned(), similar: codes::similar(code) })
}

/// The entry of one code, or a list where another number of codes was asked for; all of them for none.
fn document(entries: &[&CodeEntry], asked: usize) -> Value {
    match (entries, asked) {
        ([entry], 1) => versioned("Code", json(entry)),
        (_, 0) => list(codes::all()),
        (entries, _) => list(entries.iter().copied()),
    }
}

fn list<'a>(entries: impl Iterator<Item = &'a CodeEntry>) -> Value {
    versioned("CodeList", json!({ "items": entries.map(json).collect::<Value>() }))
}

fn texts(out: &mut dyn Write, entries: &[&CodeEntry]) -> io::Result<()> {
    for (number, entry) in entries.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        text(out, entry)?;
    }
    Ok(())
}

fn text(out: &mut dyn Write, entry: &CodeEntry) -> io::Result<()> {
    let CodeEntry { code, level, sentence, cause, remedy } = entry;
    let place = match level {
        Level::Finding(_) => "finding, severity",
        Level::Event(_) => "reason of an Event, type",
    };
    writeln!(out, "{code} ({place} {level})\n\n{sentence}\n\nCause: {cause}\n\nRemedy: {remedy}")
}

/// All codes as a table, by what they are about.
fn table(out: &mut dyn Write) -> io::Result<()> {
    let width = codes::all().map(|entry| entry.code.len()).max().unwrap_or_default();
    let level = codes::all().map(|entry| entry.level.to_string().len()).max().unwrap_or_default();
    for (number, group) in GROUPS.iter().enumerate() {
        let separator = if number == 0 { "" } else { "\n" };
        writeln!(out, "{separator}{}:", group.title)?;
        for entry in group.entries {
            writeln!(out, "  {:width$}  {:level$}  {}", entry.code, entry.level, entry.sentence)?;
        }
    }
    Ok(())
}

/// One entry for programs.
fn json(entry: &CodeEntry) -> Value {
    let CodeEntry { code, level, sentence, cause, remedy } = entry;
    let (place, levels) = match level {
        Level::Finding(_) => ("finding", "severities"),
        Level::Event(_) => ("event", "types"),
    };
    json!({"code": code, "of": place, levels: level.names(), "sentence": sentence, "cause": cause, "remedy": remedy})
}

fn sentences(unknown: &[UnknownCode]) -> String {
    unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a code of egressd", quoted(&self.code))?;
        match self.similar.as_slice() {
            [] => Ok(()),
            similar => write!(f, "; the nearest are {}", similar.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_code_is_explained_by_severity_sentence_cause_and_remedy() {
        let mut out = Vec::new();
        text(&mut out, codes::find("vip-host-case").unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "vip-host-case (finding, severity info)\n\n\
             `vipHost` names a node in another case than Kubernetes does, and is taken for that node.\n\n\
             Cause: kube-vip writes the host name, which may have capitals, while names of Nodes have none.\n\n\
             Remedy: None is needed.\n"
        );
    }

    #[test]
    fn programs_get_severities_of_findings_and_types_of_events() {
        let finding = json(codes::find("held-elsewhere").unwrap());
        assert_eq!((&finding["of"], &finding["severities"]), (&json!("finding"), &json!(["info", "warning"])));
        let event = json(codes::find("Applied").unwrap());
        assert_eq!((&event["of"], &event["types"]), (&json!("event"), &json!(["Normal", "Warning"])));
        assert_eq!(list(codes::all())["items"].as_array().map(Vec::len), Some(codes::all().count()));
    }

    fn printed(codes: &[&str], output: ExplainOutput) -> (String, Option<String>) {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        let mut out = Vec::new();
        let error = print(&mut out, &ExplainArgs { codes, output }).err();
        (String::from_utf8(out).unwrap(), error.map(|error| error.to_string()))
    }

    #[test]
    fn an_unknown_code_is_one_sentence_with_the_nearest_ones() {
        let rest = "`egressd explain-code` lists all codes, and a policy that is loaded from a ConfigMap has its own, \
                    which are described with the policy";
        for (code, sentence) in [
            ("held-elsewere", "\"held-elsewere\" is not a code of egressd; the nearest are held-elsewhere; "),
            ("xyz", "\"xyz\" is not a code of egressd; "),
        ] {
            assert_eq!(printed(&[code], ExplainOutput::Text), (String::new(), Some(format!("{sentence}{rest}"))));
        }
        let (_, error) = printed(&[&"x".repeat(100_000)], ExplainOutput::Json);
        assert!(error.is_some_and(|error| error.len() < 400), "a long code is cut");
    }

    #[test]
    fn of_several_codes_the_known_ones_are_explained_and_the_others_are_one_error() {
        let (text, error) = printed(&["[held_elsewhere]", "nought", "not-a-port", "zilch"], ExplainOutput::Text);
        assert!(text.starts_with("held-elsewhere (") && text.contains("\n\nnot-a-port ("), "{text}");
        let begin = "\"nought\" is not a code of egressd; \"zilch\" is not a code of egressd; `egressd explain-code` ";
        assert!(error.as_ref().is_some_and(|error| error.starts_with(begin)), "{error:?}");
    }

    #[test]
    fn yaml_has_what_json_has() {
        for (codes, kind) in [(&["overlap"][..], "Code"), (&["overlap", "no-address"], "CodeList"), (&[], "CodeList")] {
            let (json, _) = printed(codes, ExplainOutput::Json);
            let (yaml, _) = printed(codes, ExplainOutput::Yaml);
            let json: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), json);
            assert_eq!(json["kind"], kind);
        }
    }

    #[test]
    fn the_table_has_every_code() {
        let mut out = Vec::new();
        table(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for entry in codes::all() {
            assert!(text.lines().any(|line| line.starts_with(&format!("  {} ", entry.code))), "{}", entry.code);
        }
    }
}
