//! Prints what `plan` and `status` show, in the form that `--output` names.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::admin::document::{self, Columns, Document, Inside};
use crate::admin::oneshot::Report;
use crate::admin::output::{self, Paint};
use crate::cli::{Output, StatusOutput};
use crate::out;

/// Of every document for programs. Within it fields are only added.
const API_VERSION: &str = "egressd.io/v1alpha1";

/// A plan. In forms that have no room for findings, those go to stderr.
///
/// # Errors
/// When it cannot be written.
pub fn plan(report: &Report, form: Output) -> io::Result<()> {
    let mut out = out::stdout();
    let colours = paint(out.is_terminal());
    match form {
        Output::Table => output::table(&mut out, report, Columns::Usual, colours),
        Output::Wide => output::table(&mut out, report, Columns::All, colours),
        Output::Name => output::names(&mut out, report).and_then(|()| findings(report)),
        Output::Nft => write!(out, "{}", report.round.ruleset).and_then(|()| findings(report)),
        Output::Json => json(&mut out, &versioned("Plan", output::json(report))),
        Output::Yaml => yaml(&mut out, &versioned("Plan", output::json(report))),
    }
}

fn findings(report: &Report) -> io::Result<()> {
    let mut errors = out::stderr();
    let colours = paint(errors.is_terminal());
    output::findings(&mut errors, report, colours)
}

/// What a running egressd answered.
///
/// # Errors
/// When it cannot be written.
pub fn status(document: &Document, form: StatusOutput) -> io::Result<()> {
    let mut out = out::stdout();
    match form {
        StatusOutput::Table => document::table_of(&mut out, document, Columns::Usual),
        StatusOutput::Wide => document::table_of(&mut out, document, Columns::All),
        StatusOutput::Name => document::names_of(&mut out, document),
        StatusOutput::Json => json(&mut out, &versioned("Status", json!(document))),
        StatusOutput::Yaml => yaml(&mut out, &versioned("Status", json!(document))),
    }
}

/// What is inside the cluster. It has two columns, all of them usual.
///
/// # Errors
/// When it cannot be written.
pub fn inside(all: &[Inside], form: StatusOutput) -> io::Result<()> {
    let mut out = out::stdout();
    let list = || versioned("InsideList", json!({ "items": all }));
    match form {
        StatusOutput::Table | StatusOutput::Wide => document::table_of_inside(&mut out, all),
        StatusOutput::Name => all.iter().try_for_each(|one| writeln!(out, "{}", one.destination)),
        StatusOutput::Json => json(&mut out, &list()),
        StatusOutput::Yaml => yaml(&mut out, &list()),
    }
}

/// Colours on a terminal, unless they are unwanted: <https://no-color.org>.
pub fn paint(terminal: bool) -> Paint {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if terminal && !unwanted { Paint::Colours } else { Paint::Plain }
}

/// A document with its version and kind, so that programs know how to read it.
pub fn versioned(kind: &str, mut document: Value) -> Value {
    if let Value::Object(fields) = &mut document {
        fields.insert("apiVersion".to_owned(), API_VERSION.into());
        fields.insert("kind".to_owned(), kind.into());
    }
    document
}

/// # Errors
/// When it cannot be written.
pub fn json(out: &mut dyn Write, document: &Value) -> io::Result<()> {
    writeln!(out, "{document:#}")
}

/// # Errors
/// When it cannot be written.
pub fn yaml(out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    let text = serde_saphyr::to_string(document).map_err(io::Error::other)?;
    writeln!(out, "{}", text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn yaml_says_what_json_says() {
        let texts =
            ["true", "null", "1", "1e3", "", " a", "a: b", "- a", "#", "\"", "'", "é", "a\nb\n", "\n", "a\tb", "@"];
        let document =
            versioned("Plan", json!({ "texts": texts, "none": null, "number": 7, "empty": [], "fields": {} }));
        let mut printed = Vec::new();
        yaml(&mut printed, &document).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        assert_eq!(serde_saphyr::from_str::<Value>(&printed).unwrap(), document, "{printed}");
        assert!(printed.starts_with("apiVersion: egressd.io/v1alpha1\n"), "{printed}");
    }

    #[test]
    fn a_document_says_how_to_read_it() {
        let document = versioned("Status", json!({ "node": "a" }));
        assert_eq!(document, json!({ "apiVersion": "egressd.io/v1alpha1", "kind": "Status", "node": "a" }));
    }
}
