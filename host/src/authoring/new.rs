//! `policy new`: a crate with everything that it needs to be built.

use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use super::lock::pruned;
use crate::cli::PolicyKind;

/// What the binary carries of its own source: paths and contents.
const CARRIED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// Where it goes in the crate.
const OURS: &str = "egressd";

/// What the template depends on.
const DEPENDENCIES: [&str; 2] = ["egressd-policy-sdk", "serde"];

/// A file of the template.
macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../template/", $name))
    };
}

/// Files that both kinds have, with the placeholders in braces still in them.
const COMMON: [(&str, &str); 9] = [
    ("README.md", template!("common/README.md")),
    (".gitignore", template!("common/gitignore")),
    ("settings.schema.json", template!("common/settings.schema.json")),
    ("src/settings.rs", template!("common/settings.rs")),
    ("cases/all-ports/draft.yaml", template!("common/all-ports.draft.yaml")),
    ("cases/bad-settings/settings.json", template!("common/bad.settings.json")),
    ("cases/bad-settings/expected.txt", template!("common/bad.expected.txt")),
    ("cases/other-ports/draft.yaml", template!("common/other-ports.draft.yaml")),
    ("cases/other-ports/settings.json", template!("common/range.settings.json")),
];

/// What comes out of the cases is what makes the kinds different.
const POLICY: [(&str, &str); 4] = [
    ("src/lib.rs", template!("policy/lib.rs")),
    ("cases/no-egress/expected.txt", template!("policy/no-egress.expected.txt")),
    ("cases/all-ports/expected.txt", template!("policy/all-ports.expected.txt")),
    ("cases/other-ports/expected.txt", template!("policy/other-ports.expected.txt")),
];

const VALIDATOR: [(&str, &str); 4] = [
    ("src/lib.rs", template!("validator/lib.rs")),
    ("cases/no-egress/expected.txt", template!("validator/no-egress.expected.txt")),
    ("cases/all-ports/expected.txt", template!("validator/all-ports.expected.txt")),
    ("cases/other-ports/expected.txt", template!("validator/other-ports.expected.txt")),
];

/// Each has the same Service.
const CASES: [&str; 4] = ["all-ports", "bad-settings", "no-egress", "other-ports"];

/// Makes the crate `name` in the directory `parent`; returns where it is.
pub(super) fn new(parent: &Path, name: &str, kind: PolicyKind) -> Result<PathBuf, Error> {
    if let Some(reason) = wrong(name) {
        return Err(Error::Name { name: name.to_owned(), reason });
    }
    let root = parent.join(name);
    if root.exists() {
        return Err(Error::Exists { path: root });
    }
    for (file, text) in files(name, kind)? {
        write(&root.join(file), &text)?;
    }
    Ok(root)
}

/// All files of the crate, with their final content.
fn files(name: &str, kind: PolicyKind) -> Result<Vec<(String, String)>, Error> {
    let (kind_name, own) = match kind {
        PolicyKind::Policy => ("policy", POLICY),
        PolicyKind::Validator => ("validator", VALIDATOR),
    };
    let filled = |text: &str| text.replace("{{name}}", name).replace("{{kind}}", kind_name);
    let mut files: Vec<(String, String)> =
        COMMON.iter().chain(&own).map(|(file, text)| ((*file).to_owned(), filled(text))).collect();
    for case in CASES {
        files.push((format!("cases/{case}/service.yaml"), template!("common/service.yaml").to_owned()));
    }
    let workspace = workspace(carried("Cargo.toml")?, carried("policy-sdk/Cargo.toml")?);
    files.push(("Cargo.toml".to_owned(), filled(template!("common/Cargo.toml")) + &workspace));
    files.push(("Cargo.lock".to_owned(), pruned(carried("Cargo.lock")?, name, &DEPENDENCIES)));
    let ours = CARRIED.iter().filter(|(file, _)| !file.starts_with("Cargo."));
    files.extend(ours.map(|(file, text)| (format!("{OURS}/{file}"), (*text).to_owned())));
    Ok(files)
}

fn carried(name: &str) -> Result<&'static str, Error> {
    let found = CARRIED.iter().find(|(file, _)| *file == name).map(|(_, text)| *text);
    found.ok_or_else(|| Error::NotCarried { what: name.to_owned() })
}

/// What the SDK's manifest inherits, out of our workspace's.
fn workspace(ours: &str, sdk: &str) -> String {
    let mut kept = String::new();
    for section in ours.split("\n[").skip(1) {
        let (name, body) = section.split_once("]\n").unwrap_or((section, ""));
        let body = match name {
            "workspace.package" | "profile.policy" => body.to_owned(),
            "workspace.dependencies" => inherited(body, sdk),
            name if name.starts_with("workspace.lints.") => body.to_owned(),
            _ => continue,
        };
        // A comment at the end belongs to the next section.
        let lines: Vec<&str> = body.trim_end().lines().filter(|line| !line.starts_with('#')).collect();
        kept += &format!("[{name}]\n{}\n\n", lines.join("\n").trim_end());
    }
    kept.trim_end().to_owned() + "\n"
}

/// The dependencies that the SDK takes from its workspace.
fn inherited(dependencies: &str, sdk: &str) -> String {
    let taken = |line: &&str| {
        let name = line.split(" = ").next().unwrap_or_default();
        sdk.lines().any(|line| line.strip_prefix(name) == Some(".workspace = true"))
    };
    dependencies.lines().filter(taken).collect::<Vec<_>>().join("\n")
}

/// Why cargo, rustc or Kubernetes would not take a name.
fn wrong(name: &str) -> Option<&'static str> {
    const TAKEN: [&str; 9] =
        ["alloc", "build", "core", "deps", "egressd-policy-sdk", "egressd-vocabulary", "proc-macro", "serde", "std"];
    const RUST: [&str; 46] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "if", "impl", "in", "let", "loop", "macro", "match",
        "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "test",
        "trait", "true", "try", "type", "unsafe", "use", "where",
    ];
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match name {
        "" => Some("it is empty"),
        _ if !name.bytes().all(plain) => Some("only lower-case letters, digits and dashes may be in it"),
        _ if !name.starts_with(|c: char| c.is_ascii_lowercase()) => Some("it must begin with a letter"),
        _ if name.ends_with('-') => Some("it must not end with a dash"),
        _ if name.len() > 63 => Some("it has more than 63 characters"),
        _ if TAKEN.contains(&name) || RUST.contains(&name) => Some("Rust has something else of this name"),
        _ => None,
    }
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    let cannot = |source| Error::Write { path: file.to_owned(), source };
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).map_err(cannot)?;
    }
    fs::write(file, text).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_what_the_sdk_inherits() {
        let ours = "[workspace]\nmembers = []\n\n[workspace.package]\nversion = \"1.0.0\"\n\n[workspace.dependencies]\na = \"1\"\nab = \"2\"\n\n# Why.\n[profile.dev]\nx = 1\n\n[profile.policy]\ny = 2\n";
        let sdk = "[dependencies]\nab.workspace = true\n";
        let expected = "[workspace.package]\nversion = \"1.0.0\"\n\n[workspace.dependencies]\nab = \"2\"\n\n[profile.policy]\ny = 2\n";
        assert_eq!(workspace(ours, sdk), expected);
    }

    #[test]
    fn invalid_crate_names_are_refused() {
        for name in ["", "My", "a_b", "../a", "a/b", "1a", "-a", "a-", "fn", "serde", "ä"] {
            assert!(wrong(name).is_some(), "{name}");
        }
        assert_eq!(wrong(&"a".repeat(64)), Some("it has more than 63 characters"));
        assert_eq!(wrong("only-https-2"), None);
    }
}
