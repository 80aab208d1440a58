//! `policy check`, and what every other tool does first: a component that egressd takes, with its settings.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use egressd_core::chain::MemberRole;
use egressd_core::model::EndpointScope;
use serde_json::Value;

use super::Error;
use crate::clock;
use crate::files;
use crate::policies::digest;
use crate::wasm::{self, Compiler, Description, Engine, Inspection, Limits, Loaded, Meter, Module, Version, World};

/// A component that was loaded as `run` would load it.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) bytes: Vec<u8>,
    pub(super) inspection: Inspection,
    /// JSON text of an object; none when no file was given.
    pub(super) settings: Option<String>,
    pub(super) description: Description,
    pub(super) asked: MemberRole,
    pub(super) meter: Meter,
    /// How long compiling took, in its own process.
    pub(super) compiled_in: Duration,
}

/// What components are compiled with: in a child, because not every author knows whose component it is.
pub(super) fn compiler() -> Compiler {
    Compiler::Child("/proc/self/exe".into())
}

/// An engine with the limits of `run`.
pub(super) fn engine() -> Result<Engine, Error> {
    Ok(Engine::new(Limits::default())?)
}

/// Compiles a file. Errors call it by the file's name.
pub(super) fn compiled(engine: &Engine, file: &Path) -> Result<(Vec<u8>, Module), Error> {
    let bytes = files::read(file).map_err(|error| Error::Read { path: file.to_owned(), source: error.into() })?;
    let module = Module::compile(engine, &compiler(), &bytes, &stem(file))?;
    Ok((bytes, module))
}

/// Does with a component all that is done before its first Service.
pub(super) fn checked(engine: &Engine, file: &Path, settings: Option<&Path>) -> Result<Checked, Error> {
    let begun = clock::now();
    let (bytes, module) = compiled(engine, file)?;
    let compiled_in = clock::since(begun);
    // The child has looked at it already, so it cannot harm this process.
    let inspection = wasm::inspect(&bytes)?;
    let settings = settings.map(read_settings).transpose()?;
    let name = stem(file);
    let loaded = wasm::configure(&module, &name, settings.as_deref().unwrap_or("{}"))?;
    let Loaded { description, asked, meter } = loaded;
    check_schema(&name, &description.settings_schema)?;
    Ok(Checked { bytes, inspection, settings, description, asked, meter, compiled_in })
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read_settings(file: &Path) -> Result<String, Error> {
    let path = || file.to_owned();
    let text = files::text(file).map_err(|error| Error::Read { path: path(), source: error.into() })?;
    object(&text).map_err(|reason| Error::Settings { path: path(), reason })?;
    Ok(text.trim().to_owned())
}

fn check_schema(policy: &str, schema: &str) -> Result<(), Error> {
    if schema.is_empty() {
        return Ok(());
    }
    object(schema).map_err(|reason| Error::Schema { policy: policy.to_owned(), reason })
}

fn object(text: &str) -> Result<(), String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) => Err("it is something else".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What the row with the version of the contract is called.
const CONTRACT: &str = "contract";

/// Prints all that was found.
pub(super) fn print(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    let Checked { bytes, inspection, settings, description, compiled_in, .. } = checked;
    let kind = match inspection.world {
        World::Policy => "policy",
        World::Validator => "validator",
    };
    let (functions, largest) = (inspection.functions, inspection.largest_function);
    let settings = match (description.settings_schema.is_empty(), settings) {
        (true, _) => "no schema",
        (false, None) => "accepted: none, as its schema allows",
        (false, Some(_)) => "accepted",
    };
    for (name, value) in [
        (kind, format!("{} {}", description.name, description.version)),
        ("summary", description.summary.clone()),
        (CONTRACT, contract(inspection.contract)),
        ("imports", list(&inspection.imports)),
        ("subjects", list(&description.subject_kinds)),
        ("endpoints", endpoints(description.endpoints).to_owned()),
        ("annotations", list(&description.annotation_prefixes)),
        ("labels", list(&description.label_prefixes)),
        ("settings", settings.to_owned()),
        ("size", format!("{} bytes", inspection.bytes)),
        ("functions", format!("{functions}, the largest of {largest} bytes")),
        ("locals", format!("{} in one function at most", inspection.most_locals)),
        ("memory", format!("{} bytes to begin with, and {} at most", inspection.memory, Limits::MEMORY)),
        ("compiled in", format!("{} ms", compiled_in.as_millis())),
        ("sha256", digest(bytes)),
    ] {
        row(out, name, &value)?;
    }
    Ok(())
}

/// Prints which version of the contract a component uses, as `policy check` does among the rest.
pub(super) fn print_contract(out: &mut dyn Write, version: Version) -> io::Result<()> {
    row(out, CONTRACT, &contract(version))
}

fn row(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<12} {value}")
}

fn endpoints(scope: EndpointScope) -> &'static str {
    match scope {
        EndpointScope::Here => "of its node",
        EndpointScope::All => "of all nodes",
    }
}

/// With what to do where there is a newer one.
fn contract(version: Version) -> String {
    let newest = Version::NEWEST;
    if version == newest {
        return format!("egressd:policy@{version}");
    }
    format!("egressd:policy@{version}; there is {newest}, which shows and takes more: docs/upgrade-a-policy.md")
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
