//! `policy test`: the golden cases of the SDK's test kit, through a component.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egressd_core::chain::MemberRole;
use egressd_core::decision::Draft;
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, Context, SubjectView, view};

use super::{Error, check, draft, render};
use crate::files;
use crate::source::documents::objects;
use crate::source::manifests::snapshot;
use crate::wasm::{self, Module};

/// The node of a case that names none.
const NODE: &str = "node-a";

/// How the cases came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tested {
    /// All as expected.
    AllWell,
    /// At least one otherwise.
    SomeFail,
}

/// Runs all cases of a crate, or in a directory of cases, and prints what came out of each.
pub(super) fn test(dir: &Path, component: Option<&Path>, out: &mut dyn Write) -> Result<Tested, Error> {
    let component = component.map_or_else(|| only_component(dir), |file| Ok(file.to_owned()))?;
    let (_, module) = check::compiled(&check::engine()?, &component)?;
    let inside = dir.join("cases");
    let folders = folders(if inside.is_dir() { &inside } else { dir })?;
    check::print_contract(out, module.contract())?;
    let mut failed = 0;
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        match answer(&module, folder).and_then(|answer| compare(folder, &answer)) {
            Ok(()) => writeln!(out, "{name}: ok")?,
            Err(wrong) => {
                failed += 1;
                writeln!(out, "{name}: {}", wrong.trim_end())?;
            }
        }
    }
    writeln!(out, "{} of {} cases come out as expected", folders.len() - failed, folders.len())?;
    Ok(if failed == 0 { Tested::AllWell } else { Tested::SomeFail })
}

/// What `policy build` leaves beside Cargo.toml.
fn only_component(dir: &Path) -> Result<PathBuf, Error> {
    let is_component = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    let mut found: Vec<PathBuf> = entries(dir)?.into_iter().filter(is_component).collect();
    let count = found.len();
    found.pop().filter(|_| count == 1).ok_or_else(|| Error::Components { path: dir.to_owned(), count })
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let has_service = |path: &PathBuf| path.join("service.yaml").is_file();
    let found: Vec<PathBuf> = entries(dir)?.into_iter().filter(has_service).collect();
    if found.is_empty() { Err(Error::NoCases { path: dir.to_owned() }) } else { Ok(found) }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let cannot = |source| Error::Read { path: dir.to_owned(), source };
    let paths: Result<Vec<PathBuf>, _> =
        fs::read_dir(dir).map_err(cannot)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(cannot)?;
    paths.sort();
    Ok(paths)
}

/// What the component says in a case, as text; or what is wrong with the case or the component.
fn answer(module: &Module, folder: &Path) -> Result<String, String> {
    let settings = optional(folder, "settings.json")?.unwrap_or_else(|| "{}".to_owned());
    let (context, service) = service(folder)?;
    let failed = |error: wasm::Error| crate::errors::with_causes(&error);
    let findings = wasm::check_settings(module, "it", &settings).map_err(failed)?;
    if findings.iter().any(|finding: &Finding| finding.severity == Severity::Error) {
        return Ok(render::refusal(&findings));
    }
    let loaded = wasm::configure(module, "it", &settings).map_err(failed)?;
    let draft = earlier(folder)?;
    let text = match &loaded.asked {
        MemberRole::Policy(policy) => {
            policy.evaluate(&context, &service, &draft).map(|o| render::outcome(&o, &service))
        }
        MemberRole::Validator(validator) => {
            validator.validate(&context, &service, &draft).map(|findings| render::validation(&findings, &service))
        }
        MemberRole::Missing(reason) => Ok(reason.clone()),
    };
    text.map_err(|failure| format!("it failed: {}", failure.reason))
}

fn service(folder: &Path) -> Result<(Context, SubjectView), String> {
    let node = optional(folder, "node.txt")?.map_or_else(|| NODE.to_owned(), |text| text.trim().to_owned());
    let text = optional(folder, "service.yaml")?.unwrap_or_default();
    let objects = objects(&text, &node).map_err(|error| format!("service.yaml: {error}"))?;
    let snapshot = snapshot(&objects);
    let mut keys = snapshot.services.keys();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err("service.yaml: a case needs exactly one Service".to_owned());
    };
    let labels = snapshot.nodes.get(&node).map(|node| Arc::new(node.labels.clone())).unwrap_or_default();
    let view = view(
        &snapshot,
        &ClusterFacts::detected(&snapshot),
        key,
        AddressTrust::Annotation,
        &AnnotationPrefix::default(),
    );
    let view = view.ok_or("service.yaml: its Service cannot be shown to a policy")?;
    Ok((Context { node, node_labels: labels }, view))
}

fn earlier(folder: &Path) -> Result<Draft, String> {
    let text = optional(folder, "draft.yaml")?;
    text.map_or(Ok(Draft::default()), |text| draft::from_yaml(&text).map_err(|error| format!("draft.yaml: {error}")))
}

fn compare(folder: &Path, answer: &str) -> Result<(), String> {
    if env::var_os("EGRESSD_BLESS").is_some_and(|value| value == "1") {
        return fs::write(folder.join("expected.txt"), answer)
            .map_err(|error| format!("cannot write expected.txt: {error}"));
    }
    let bless = "EGRESSD_BLESS=1 writes what comes out";
    let expected = optional(folder, "expected.txt")?.ok_or(format!("there is no expected.txt; {bless}"))?;
    if expected == answer {
        return Ok(());
    }
    let lines = difference(&expected, answer);
    Err(format!("something else comes out (- expected, + came out); {bless}\n{lines}"))
}

/// Line by line: what is equal before and behind stays, and between stands the one and then the other.
fn difference(expected: &str, answer: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), answer.lines().collect());
    let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = (old.len() - before).min(new.len() - before);
    let behind = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let marked = |mark: &str, lines: &[&str]| lines.iter().map(|line| format!("  {mark} {line}\n")).collect::<String>();
    let (end_old, end_new) = (old.len() - behind, new.len() - behind);
    marked(" ", &old[..before])
        + &marked("-", &old[before..end_old])
        + &marked("+", &new[before..end_new])
        + &marked(" ", &old[end_old..])
}

/// A file of a case; none when it is not there.
fn optional(folder: &Path, name: &str) -> Result<Option<String>, String> {
    let file = folder.join(name);
    if !file.exists() {
        return Ok(None);
    }
    files::text(&file).map(Some).map_err(|error| format!("cannot read {name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_shows_what_is_equal_around_it() {
        let lines = difference("plan\na\nb\nend\n", "plan\nc\nend\n");
        assert_eq!(lines, "    plan\n  - a\n  - b\n  + c\n    end\n");
        assert_eq!(difference("a\n", "a\na\n"), "    a\n  + a\n");
    }
}
