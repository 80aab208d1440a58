//! One folder: from its manifests to its golden files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use egressd::admin::oneshot::{self, Known, Report};
use egressd::admin::output::{self, Columns, Paint};
use egressd::metrics::Metrics;
use egressd::policies::{Library, Sandbox};
use egressd::source::manifests::{POLICIES, PlaceArgument};
use egressd::source::{Origin, Source};
use egressd_core::diff::diff;
use egressd_core::finding::Severity;
use egressd_core::model::{AddressTrust, ClusterSettings, Labels, SubjectKey, Uid};
use egressd_core::owner::Owner;
use egressd_core::pipeline::Settings;
use egressd_core::status::State;
use egressd_core::testkit;

use crate::difference::difference;

/// The node of all cases.
const NODE: &str = "node-a";

/// What to do with golden files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Compares the files.
    Compare,
    /// Writes the files again.
    Bless,
}

/// A folder with manifests and golden files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GoldenCase {
    folder: PathBuf,
}

impl GoldenCase {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Compares or writes all golden files, and reports all that differ.
    pub(crate) fn run(&self, sandbox: &Sandbox, mode: Mode) -> Result<()> {
        ensure!(self.folder.join("README.md").is_file(), "there is no README.md that says what it shows");
        let before =
            self.folder.join("before").exists().then(|| self.report("before", sandbox, BTreeMap::new())).transpose()?;
        let report = self.report("manifests", sandbox, before.as_ref().map(accepted).unwrap_or_default())?;
        let before = before.map(|report| report.round.ruleset).unwrap_or_default();
        let golden = [
            ("plan.txt", plan(&report)?),
            ("ruleset.nft", report.round.ruleset.to_string()),
            ("changes.nft", diff(&before, &report.round.ruleset).to_string()),
        ];
        match mode {
            Mode::Compare => {
                let differences: Vec<String> =
                    golden.iter().filter_map(|(name, found)| compare(&self.folder.join(name), found)).collect();
                ensure!(differences.is_empty(), "{}(EGRESSD_BLESS=1 writes them anew)", differences.concat());
                Ok(())
            }
            Mode::Bless => golden.iter().try_for_each(|(name, found)| {
                fs::write(self.folder.join(name), found).with_context(|| name.to_string())
            }),
        }
    }

    /// What `egressd plan --manifests` works out, with the built-in policy as it ships.
    fn report(&self, folder: &str, sandbox: &Sandbox, accepted: BTreeMap<Uid, Arc<Labels>>) -> Result<Report> {
        let path = self.folder.join(folder);
        if !fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("there are no manifests in {}", path.display());
        }
        let known = Known { accepted, ..Known::default() };
        planned(path, sandbox, settings(), known)
    }
}

/// The settings of the node of all cases.
pub(crate) fn settings() -> Settings {
    // Manifests are trusted with addresses, and no node here has interfaces.
    Settings { trust: AddressTrust::Annotation, cluster: ClusterSettings::default(), ..testkit::settings(Owner::Any) }
}

/// The report for the manifests of a directory.
pub(crate) fn planned(path: PathBuf, sandbox: &Sandbox, settings: Settings, known: Known) -> Result<Report> {
    let mut library = Library::new(sandbox.clone(), settings.prefix.clone(), Metrics::default(), BTreeMap::new());
    let update = Source::open(Origin::Manifests(vec![PlaceArgument::Path(path)]), NODE, POLICIES.to_owned())?.read()?;
    Ok(oneshot::plan(update, settings, known, &mut library))
}

/// What `egressd run` would remember of a state (P4): the annotations of Services whose input was accepted.
fn accepted(report: &Report) -> BTreeMap<Uid, Arc<Labels>> {
    let good = |key: &SubjectKey| report.round.statuses.get(key).is_some_and(|s| s.state == State::Translating);
    let services = report.snapshot.services.values().filter(|service| good(&service.key));
    services.map(|service| (service.uid.clone(), Arc::new(service.annotations.clone()))).collect()
}

/// The output of `egressd plan`.
pub(crate) fn plan(report: &Report) -> Result<String> {
    let mut shown = format!("$ egressd plan --manifests manifests --node {NODE} --owner any\n").into_bytes();
    output::table(&mut shown, report, Columns::Usual, Paint::Plain)?;
    let code = if output::worst(report) == Some(Severity::Error) { 1 } else { 0 };
    shown.extend_from_slice(format!("exit code {code}\n").as_bytes());
    Ok(String::from_utf8(shown)?)
}

/// The difference between a golden file and the result.
pub(crate) fn compare(golden: &Path, found: &str) -> Option<String> {
    let name = golden.file_name().unwrap_or_default().to_string_lossy();
    match fs::read_to_string(golden) {
        Ok(wanted) if wanted == found => None,
        Ok(wanted) => Some(format!("{name} differs:\n{}", difference(&wanted, found))),
        Err(error) => Some(format!("{name} cannot be read: {error}\n")),
    }
}
