//! All policies together cost a node no more than the limits, and policies in force have precedence over new ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use egressd::metrics::Metrics;
use egressd::policies::{Library, Loaded, Objects, PolicyState, Sandbox};
use egressd::wasm::{Compiler, Module};
use egressd_core::model::{AnnotationPrefix, PolicyObject};
use egressd_core::policy::Limits;

use crate::guests::Guest;
use crate::services::{CHILD, ENGINE};

/// A compiler that counts how often it is called, and waits with a component that says so until it may go on.
pub(crate) struct CountingCompiler {
    directory: tempfile::TempDir,
}

/// The content by which such a component is recognised.
const HELD: &[u8] = b"wait until you may go on";

impl CountingCompiler {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().display();
        let (egressd, held) = (env!("CARGO_BIN_EXE_egressd"), String::from_utf8_lossy(HELD).into_owned());
        let text = format!(
            "#!/bin/sh\necho >> {at}/calls\n[ ! -e {at}/first ] || . {at}/first\ncat > {at}/$$\nif grep -q '{held}' \
             {at}/$$; then\n\
             while [ ! -e {at}/go ]; do sleep 0.05; done\nfi\nexec {egressd} \"$@\" < {at}/$$\n"
        );
        let this = Self { directory };
        lab::script(&this.program(), &text).unwrap();
        this
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("compiler")
    }

    pub(crate) fn library(&self, remembered: Objects, limits: Limits) -> Library {
        let sandbox = Sandbox::compiling(Compiler::Child(self.program())).unwrap();
        Library::new(sandbox, AnnotationPrefix::default(), Metrics::default(), remembered).within(limits)
    }

    /// Shell commands that it runs first.
    pub(crate) fn first(&self, commands: &str) {
        fs::write(self.directory.path().join("first"), commands).unwrap();
    }

    /// Lets the waiting compilers continue.
    pub(crate) fn release(&self) {
        fs::write(self.directory.path().join("go"), "").unwrap();
    }

    /// The number of compilations that were started.
    pub(crate) fn calls(&self) -> usize {
        fs::read(self.directory.path().join("calls")).map_or(0, |calls| calls.len())
    }
}

/// A different component for each number.
fn component(number: u8) -> Vec<u8> {
    Guest { answer: [vec![0; 512], vec![number]].concat(), ..Guest::new() }.component()
}

/// A component whose compiler waits.
pub(crate) fn held() -> Vec<u8> {
    Guest { answer: [vec![0; 512], HELD.to_vec()].concat(), ..Guest::new() }.component()
}

pub(crate) fn object(name: &str, component: Vec<u8>, annotations: &[(&str, &str)]) -> Arc<PolicyObject> {
    let annotations = annotations.iter().map(|(name, value)| (format!("egressd.io/{name}"), (*value).to_owned()));
    let (name, wasm) = (name.to_owned(), Some(component.into()));
    Arc::new(PolicyObject { name, annotations: annotations.collect(), wasm, ..PolicyObject::default() })
}

pub(crate) fn policy(name: &str, number: u8) -> Arc<PolicyObject> {
    object(name, component(number), &[])
}

pub(crate) fn objects(policies: impl IntoIterator<Item = Arc<PolicyObject>>) -> Objects {
    policies.into_iter().map(|object| (object.name.clone(), object)).collect()
}

/// The state of each policy except the built-in one.
pub(crate) fn states(loaded: &Loaded) -> BTreeMap<&str, PolicyState> {
    let reports = loaded.reports.iter().filter(|report| report.name != "annotations");
    reports.map(|report| (report.name.as_str(), report.state)).collect()
}

fn trouble<'a>(loaded: &'a Loaded, name: &str) -> &'a str {
    let report = loaded.reports.iter().find(|report| report.name == name);
    report.and_then(|report| report.trouble.as_deref()).unwrap_or_default()
}

use PolicyState::{Enforced, Off, Refused, Shadow};

fn two() -> Limits {
    Limits { policies: 2, ..Limits::default() }
}

#[test]
fn policies_beyond_the_limit_are_not_compiled_until_one_is_removed() {
    let compiler = CountingCompiler::new();
    let mut library = compiler.library(Objects::new(), two());
    let all = || ["a", "b", "c", "d"].into_iter().zip(1..).map(|(name, number)| policy(name, number));
    let loaded = library.update(all());
    assert_eq!(states(&loaded), [("a", Enforced), ("b", Enforced), ("c", Refused), ("d", Refused)].into());
    assert_eq!(
        trouble(&loaded, "c"),
        "ConfigMap c does not fit beside the policies in force: the limit of policies, 2, is reached; remove one, or raise \
         --policies-most (EGRESSD_POLICIES_MOST); none of it is in force"
    );
    assert_eq!(compiler.calls(), 2);
    assert!(library.update(all()).chain.is_none(), "nothing changed, and nothing is tried again");
    let loaded = library.update(all().skip(1));
    assert_eq!(states(&loaded), [("b", Enforced), ("c", Enforced), ("d", Refused)].into());
    assert_eq!(compiler.calls(), 3);
}

#[test]
fn a_new_policy_never_displaces_one_in_force() {
    let compiler = CountingCompiler::new();
    let mut library = compiler.library(Objects::new(), two());
    library.update([policy("y", 1), object("z", component(2), &[("mode", "shadow")])]);
    // It comes first by its name and its order, and Services are to have no rules without it.
    let first = || object("a", component(3), &[("order", "-9"), ("on-failure", "closed")]);
    let loaded = library.update([first(), policy("y", 4), object("z", component(2), &[("mode", "shadow")])]);
    let expected = [("a", PolicyState::Missed), ("y", Enforced), ("z", Shadow)];
    assert_eq!(states(&loaded), expected.into(), "another version of one in force has its place");
    let loaded = library.update([first(), policy("y", 4), object("z", component(2), &[("mode", "off")])]);
    assert_eq!(
        states(&loaded),
        [("a", Enforced), ("y", Enforced), ("z", Off)].into(),
        "what is off makes room at once"
    );
}

#[test]
fn native_code_and_time_have_limits_for_all_policies_together() {
    let one = Module::compile(&ENGINE, &CHILD, &component(1), "a").unwrap().cost();
    assert!(one.native > 1000 && !one.time.is_zero(), "{one:?}");
    let compiler = CountingCompiler::new();
    let limits = Limits { native: one.native * 5 / 2, ..Limits::default() };
    let mut library = compiler.library(Objects::new(), limits);
    let all = || ["a", "b", "c"].into_iter().zip(1..).map(|(name, number)| policy(name, number));
    let loaded = library.update(all());
    assert_eq!(states(&loaded), [("a", Enforced), ("b", Enforced), ("c", Refused)].into());
    assert!(trouble(&loaded, "c").contains("(EGRESSD_POLICIES_MEBIBYTES)"), "{}", trouble(&loaded, "c"));
    library.update(all());
    assert_eq!(compiler.calls(), 3, "what does not fit is compiled once, to know its size");

    let compiler = CountingCompiler::new();
    let mut library = compiler.library(Objects::new(), Limits { time: one.time / 1000, ..Limits::default() });
    let loaded = library.update([policy("a", 1)]);
    assert!(trouble(&loaded, "a").contains("(EGRESSD_POLICIES_CPU_SECONDS)"), "{}", trouble(&loaded, "a"));
    assert_eq!(loaded.chain.unwrap().members().len(), 1, "the built-in policy costs nothing of it");
}

#[test]
fn policies_in_force_before_a_restart_stay_despite_lower_limits() {
    let compiler = CountingCompiler::new();
    let remembered = objects([policy("y", 1), policy("z", 2)]);
    let limits = Limits { policies: 1, native: 1, ..Limits::default() };
    let mut library = compiler.library(remembered.clone(), limits);
    let loaded = library.update([policy("a", 3), policy("y", 4), policy("z", 2)]);
    assert_eq!(states(&loaded), [("a", Refused), ("y", Enforced), ("z", Enforced)].into());
    assert!(trouble(&loaded, "y").ends_with("; the last good one stays in force"), "{}", trouble(&loaded, "y"));
    assert_eq!(loaded.valid.get("y"), remembered.get("y"));
    assert_eq!(compiler.calls(), 2, "nothing that is new was compiled");
}
