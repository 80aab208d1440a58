//! Golden cases: folders with a subject and what a policy makes of it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::manifests::Case;
use super::{THIS_NODE, case_from_yaml, draft_from_yaml, render, shown};
use crate::Draft;
use crate::ask;
use crate::description::Description;
use crate::policy::{Policy, Validator};
use crate::{Diagnostic, Severity};

/// Runs every folder in `directory` (from the crate's root on) natively. A folder holds:
///
/// - `service.yaml`: Kubernetes manifests, see [`case_from_yaml`].
/// - `settings.json`: the settings; without it there are none (`{}`).
/// - `draft.yaml`: the draft that earlier policies left, see [`draft_from_yaml`]; without it there is no rule yet.
/// - `node.txt`: the name of the node; without it, it is `node-a`.
/// - `expected.txt`: what comes out, as [`outcome_text`](super::outcome_text) prints it. With `EGRESSD_BLESS=1` in the
///   environment it is written instead of compared.
///
/// `egressd policy test` runs the same folders through the component.
///
/// # Panics
/// When there is no folder, one cannot be read, or something else comes out of one; all of them are named.
pub fn cases<P: Policy>(directory: impl AsRef<Path>) {
    run(directory.as_ref(), |folder| {
        let settings = settings(folder)?;
        let Case { context, subject } = case(folder)?;
        let refused = ask::check(&settings, P::check);
        if is_refusal(&refused) {
            return Ok(render::refusal_text(&refused, &subject));
        }
        let subject = shown(subject, &description(&settings, P::describe)?);
        Ok(render::outcome_text(&ask::evaluate::<P>(&settings, &context, &subject, draft(folder)?), &subject))
    });
}

/// As [`cases`], for a validator; what comes out is printed by [`validation_text`](super::validation_text).
///
/// # Panics
/// As [`cases`].
pub fn validator_cases<V: Validator>(directory: impl AsRef<Path>) {
    run(directory.as_ref(), |folder| {
        let settings = settings(folder)?;
        let Case { context, subject } = case(folder)?;
        let refused = ask::check(&settings, V::check);
        if is_refusal(&refused) {
            return Ok(render::refusal_text(&refused, &subject));
        }
        let subject = shown(subject, &description(&settings, V::describe)?);
        let diagnostics = ask::validate::<V>(&settings, &context, &subject, &draft(folder)?);
        Ok(render::validation_text(&diagnostics, &subject))
    });
}

fn run(directory: &Path, answer: impl Fn(&Path) -> Result<String, String>) {
    let folders = folders(directory).unwrap_or_else(|error| panic!("{error}"));
    let checked = |folder: &PathBuf| {
        let outcome = answer(folder).and_then(|answer| compare(folder, &answer));
        outcome.err().map(|wrong| format!("{}: {wrong}", folder.display()))
    };
    let wrong: Vec<String> = folders.iter().filter_map(checked).collect();
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), folders.len(), wrong.join("\n"));
}

fn folders(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error| format!("cannot read the cases in {}: {error}", directory.display());
    let entries = fs::read_dir(directory).map_err(cannot)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut folders: Vec<PathBuf> = paths.map_err(cannot)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    if folders.is_empty() {
        return Err(format!("there is no folder in {}; every case is one", directory.display()));
    }
    Ok(folders)
}

fn compare(folder: &Path, answer: &str) -> Result<(), String> {
    let file = folder.join("expected.txt");
    if env::var_os("EGRESSD_BLESS").is_some_and(|value| value == "1") {
        return fs::write(&file, answer).map_err(|error| format!("cannot write expected.txt: {error}"));
    }
    let bless = "right would be what the policy shall say; EGRESSD_BLESS=1 writes what it says";
    let expected = optional(folder, "expected.txt")?.ok_or(format!("there is no expected.txt; {bless}"))?;
    if expected == answer {
        return Ok(());
    }
    Err(format!("something else comes out; {bless}\n--- expected\n{expected}--- came out\n{answer}---"))
}

fn case(folder: &Path) -> Result<Case, String> {
    let node = optional(folder, "node.txt")?;
    let text = optional(folder, "service.yaml")?.ok_or("there is no service.yaml; every case needs one")?;
    let node = node.as_deref().map_or(THIS_NODE, str::trim);
    case_from_yaml(&text, node).map_err(|error| format!("service.yaml: {error}"))
}

fn settings(folder: &Path) -> Result<String, String> {
    Ok(optional(folder, "settings.json")?.unwrap_or_else(|| "{}".to_owned()))
}

fn draft(folder: &Path) -> Result<Draft, String> {
    let text = optional(folder, "draft.yaml")?;
    text.map_or(Ok(Draft::default()), |text| draft_from_yaml(&text).map_err(|error| format!("draft.yaml: {error}")))
}

fn description<S: crate::settings::Settings>(
    settings: &str,
    describe: impl FnOnce(&S) -> Description,
) -> Result<Description, String> {
    ask::describe(settings, describe).map_err(|refused| refused.message)
}

fn is_refusal(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// A file of a case; none when it is not there.
fn optional(folder: &Path, name: &str) -> Result<Option<String>, String> {
    let file = folder.join(name);
    if !file.exists() {
        return Ok(None);
    }
    fs::read_to_string(&file).map(Some).map_err(|error| format!("cannot read {name}: {error}"))
}
