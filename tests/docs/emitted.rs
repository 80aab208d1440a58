//! The codes that the sources of host, core, the built-in policy and the SDK emit, and their severities, as far as the
//! source shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use egressd_core::finding::Severity;

/// Files that choose a code before they make a finding: each text of theirs that is written like a code is one.
const CHOOSING: [&str; 7] = [
    "host/core/src/check.rs",
    "host/core/src/model/cluster/refusal.rs",
    "host/core/src/model/nodes/ends/fault.rs",
    "host/core/src/model/nodes/further.rs",
    "host/core/src/model/nodes/wrong.rs",
    "host/core/src/plan/excess.rs",
    "host/src/state/version.rs",
];

/// Files of the built-in policy that make a finding with the code that another function names.
const FORWARDING: [&str; 3] = [
    "policies/annotations/src/annotations.rs",
    "policies/annotations/src/boolean.rs",
    "policies/annotations/src/list.rs",
];

/// The only code without a hyphen in the files that choose.
const WITHOUT_HYPHEN: &str = "overlap";

/// A function that makes a finding, as it is written before its argument, and the severity that it has.
type Constructor = (&'static str, Option<Severity>);

/// Those of host and core. The longer ones come first.
const OF_FINDINGS: [Constructor; 5] = [
    ("Finding::error(", Some(Severity::Error)),
    ("Finding::warning(", Some(Severity::Warning)),
    ("Finding::new(Severity::Info,", Some(Severity::Info)),
    ("Finding::new(Severity::Warning,", Some(Severity::Warning)),
    ("Finding::new(", None),
];

/// Those of the built-in policy and the SDK.
const OF_DIAGNOSTICS: [Constructor; 10] = [
    ("Diagnostic::error(", Some(Severity::Error)),
    ("Diagnostic::warning(", Some(Severity::Warning)),
    ("Diagnostic::info(", Some(Severity::Info)),
    ("Diagnostic::new(severity,", None),
    ("Diagnostic::new(worst.severity,", None),
    ("Self::error(", Some(Severity::Error)),
    ("annotation.error(", Some(Severity::Error)),
    (".warning(", Some(Severity::Warning)),
    ("Mistake::new(", Some(Severity::Error)),
    ("counts_as(annotation,", Some(Severity::Warning)),
];

/// Where codes come from, and what makes findings there.
const TREES: [(&str, &[Constructor]); 5] = [
    ("host/src", &OF_FINDINGS),
    ("host/core/src", &OF_FINDINGS),
    ("policies/annotations/src", &OF_DIAGNOSTICS),
    ("policy-sdk/src", &OF_DIAGNOSTICS),
    ("policy-sdk/vocabulary/src", &OF_DIAGNOSTICS),
];

/// The field of a code that appears only in the log.
const LOGGED: &str = "code = ";

/// The severities of each code; none where a call does not show it.
pub(crate) type Emitted = BTreeMap<String, BTreeSet<Option<Severity>>>;

struct Source {
    /// The path below the root.
    name: String,
    /// Without tests, and with one blank wherever there are several or a line ends.
    code: String,
    constructors: &'static [Constructor],
}

/// All codes, and calls whose code is unknown.
pub(crate) fn emitted(root: &Path) -> (Emitted, Vec<String>) {
    let sources = sources(root);
    let (mut emitted, mut unclear) = (Emitted::new(), Vec::new());
    for source in &sources {
        let is_choosing = CHOOSING.contains(&source.name.as_str());
        let is_forwarding = FORWARDING.contains(&source.name.as_str());
        for (argument, severity) in calls(source.constructors, &source.code) {
            match code(argument, source, &sources) {
                Some(code) => emitted.entry(code).or_default().extend([severity]),
                None if is_choosing || is_forwarding => {}
                None => unclear.push(format!("{}: {argument}", source.name)),
            }
        }
        if is_choosing {
            texts(&source.code).for_each(|code| emitted.entry(code.to_owned()).or_default().extend([None]));
        }
    }
    (emitted, unclear)
}

/// The first characters of the expression in the place of a code, with the severity of the call.
fn calls<'a>(constructors: &[Constructor], code: &'a str) -> Vec<(&'a str, Option<Severity>)> {
    let mut calls = BTreeMap::new();
    for (constructor, severity) in constructors.iter().copied() {
        for (at, _) in code.match_indices(constructor) {
            let rest = code[at + constructor.len()..].trim_start();
            let argument = match (constructor.ends_with("::new(") && severity.is_none(), rest.split_once(',')) {
                (true, Some((_, rest))) => rest.trim_start(),
                (false, _) | (true, None) => rest,
            };
            calls.entry(at).or_insert((argument, severity));
        }
    }
    let logged = code.match_indices(LOGGED).map(|(at, _)| (at, (&code[at + LOGGED.len()..], None)));
    calls.extend(logged.filter(|(_, (argument, _))| argument.starts_with('"')));
    calls.into_values().map(|(argument, severity)| (first_argument(argument), severity)).collect()
}

/// A string literal with its quotation marks, or everything until a comma.
fn first_argument(argument: &str) -> &str {
    let end = match argument.strip_prefix('"') {
        Some(text) => text.find('"').map(|at| at + 2),
        None => argument.find([',', ';']),
    };
    &argument[..end.unwrap_or(argument.len())]
}

/// The value of a string literal or of a constant.
fn code(argument: &str, source: &Source, all: &[Source]) -> Option<String> {
    if let Some(text) = argument.strip_prefix('"') {
        return text.strip_suffix('"').map(str::to_owned);
    }
    if !argument.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        return None;
    }
    let declared = |source: &Source| {
        let (_, value) = source.code.split_once(&format!("const {argument}: &str = \""))?;
        value.split_once('"').map(|(value, _)| value.to_owned())
    };
    let elsewhere = || all.iter().filter_map(declared).filter(|value| is_code(value)).collect::<BTreeSet<_>>();
    declared(source).or_else(|| Some(elsewhere()).filter(|values| values.len() == 1)?.pop_first())
}

/// All string literals that have the form of codes.
fn texts(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').filter(|text| is_code(text))
}

fn is_code(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text == WITHOUT_HYPHEN || text.contains('-') && text.split('-').all(is_part)
}

#[test]
fn a_call_has_the_code_and_the_severity_that_its_arguments_say() {
    let source = "Finding::error(\"a-b\", x) Finding::new(Severity::Info, CODE, y) Finding::new(severity, \"c-d\", z) \
                  Finding::warning(code, x) warn!(code = \"e-f\", x)";
    let found: Vec<_> = calls(&OF_FINDINGS, source);
    let expected = [
        ("\"a-b\"", Some(Severity::Error)),
        ("CODE", Some(Severity::Info)),
        ("\"c-d\"", None),
        ("code", Some(Severity::Warning)),
        ("\"e-f\"", None),
    ];
    assert_eq!(found, expected);
}

fn sources(root: &Path) -> Vec<Source> {
    TREES.iter().flat_map(|(folder, constructors)| sources_of(root, folder, constructors)).collect()
}

fn sources_of(root: &Path, folder: &str, constructors: &'static [Constructor]) -> Vec<Source> {
    let mut files = Vec::new();
    crate::files(&root.join(folder), &mut files);
    // Below the root: what stands above it is any name.
    let parts = |file: &PathBuf| -> Vec<String> {
        let below = file.strip_prefix(root).unwrap();
        below.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned()).collect()
    };
    let is_test = |part: &String| part.ends_with("_tests") || part == "testkit";
    files.retain(|file| !parts(file).iter().any(|part| is_test(part) || part == "codes"));
    let source = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split_once("#[cfg(test)]\nmod tests {").map_or(&*text, |(code, _)| code);
        let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let name = file.strip_prefix(root).unwrap().display().to_string();
        Source { name, code: lines.collect::<Vec<_>>().join(" "), constructors }
    };
    files.into_iter().map(source).collect()
}
