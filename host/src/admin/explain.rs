//! Prints the list of codes, and what one of them means.

use std::io::{self, Write};

use anyhow::Context;
use egressd_core::codes::{self, CodeEntry, GROUPS, Level};
use serde_json::{Value, json};

use crate::admin::print::versioned;
use crate::cli::{ExplainArgs, ExplainOutput};

/// A code that is not in the list.
#[derive(Debug, thiserror::Error)]
#[error("{code:?} is not a code of egressd{}; `egressd explain-code` lists all codes, and codes of a policy are \
         described with the policy", proposal(.similar))]
struct Unknown {
    code: String,
    similar: Vec<&'static str>,
}

/// What the command line asks for.
///
/// # Errors
/// When the code is not in the list, or the answer cannot be written.
pub fn print(out: &mut dyn Write, args: &ExplainArgs) -> anyhow::Result<()> {
    let entry = args.code.as_deref().map(find).transpose()?;
    match (entry, args.output) {
        (Some(entry), ExplainOutput::Text) => text(out, entry),
        (Some(entry), ExplainOutput::Json) => writeln!(out, "{:#}", versioned("Code", json(entry))),
        (None, ExplainOutput::Text) => table(out),
        (None, ExplainOutput::Json) => writeln!(out, "{:#}", versioned("CodeList", json!({ "items": json_of_all() }))),
    }
    .context("cannot print the codes")
}

fn find(code: &str) -> Result<&'static CodeEntry, Unknown> {
    codes::find(code).ok_or_else(|| Unknown { code: code.to_owned(), similar: codes::similar(code) })
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

/// All entries for programs.
fn json_of_all() -> Value {
    codes::all().map(json).collect()
}

fn proposal(similar: &[&str]) -> String {
    match similar {
        [] => String::new(),
        [..] => format!("; the nearest are {}", similar.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_code_is_explained_by_severity_sentence_cause_and_remedy() {
        let mut out = Vec::new();
        text(&mut out, find("vip-host-case").unwrap()).unwrap();
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
        let finding = json(find("held-elsewhere").unwrap());
        assert_eq!((&finding["of"], &finding["severities"]), (&json!("finding"), &json!(["info", "warning"])));
        let event = json(find("Applied").unwrap());
        assert_eq!((&event["of"], &event["types"]), (&json!("event"), &json!(["Normal", "Warning"])));
        assert_eq!(json_of_all().as_array().map(Vec::len), Some(codes::all().count()));
    }

    #[test]
    fn an_unknown_code_is_one_sentence_with_the_nearest_ones() {
        let rest = "`egressd explain-code` lists all codes, and codes of a policy are described with the policy";
        for (code, sentence) in [
            ("held-elsewere", "\"held-elsewere\" is not a code of egressd; the nearest are held-elsewhere; "),
            ("xyz", "\"xyz\" is not a code of egressd; "),
        ] {
            assert_eq!(find(code).unwrap_err().to_string(), format!("{sentence}{rest}"));
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
