//! The contract's versions as text, and whether a component fits one.

use std::collections::BTreeSet;

use wit_parser::{Resolve, SourceMap};

use super::invalid_component::{InvalidComponent, one_line};
use super::world::{Kind, PACKAGE, SELECTOR, Version};

/// A file of the contract, and what is in it.
type Text = (&'static str, &'static str);

/// What the folders of `wit/` say, which is also what the bindings were made of.
fn wit(version: Version) -> [Text; 2] {
    match version {
        Version::V0_1 => [
            ("types.wit", include_str!("../../../wit/0.1.0/types.wit")),
            ("worlds.wit", include_str!("../../../wit/0.1.0/worlds.wit")),
        ],
        Version::V0_2 => [
            ("types.wit", include_str!("../../../wit/0.2.0/types.wit")),
            ("worlds.wit", include_str!("../../../wit/0.2.0/worlds.wit")),
        ],
    }
}

/// What a policy may import: types, and the log.
const IMPORTS: [&str; 2] = ["host", "types"];

/// Of which kind a component with these imports and exports is, by their names alone.
pub(super) fn kind(imports: &[String], exports: &[String]) -> Result<Kind, InvalidComponent> {
    imports.iter().try_for_each(|name| may_import(name))?;
    let mut versions = BTreeSet::new();
    for name in imports.iter().chain(exports) {
        versions.extend(version_of(name)?);
    }
    if versions.len() > 1 {
        return Err(InvalidComponent::Versions { versions: numbers(&versions) });
    }
    if exports.iter().any(|name| name == SELECTOR) {
        return Err(InvalidComponent::Subjects);
    }
    let kinds: Vec<Kind> = Kind::all().filter(|kind| exports.contains(&kind.export())).collect();
    match kinds.as_slice() {
        [kind] => Ok(*kind),
        [] => Err(InvalidComponent::NoExport),
        [one, other, ..] => Err(InvalidComponent::BothExports { one: one.export(), other: other.export() }),
    }
}

fn may_import(name: &str) -> Result<(), InvalidComponent> {
    if name.starts_with("wasi:") || name.starts_with("wasi_") {
        return Err(InvalidComponent::Wasi { name: name.to_owned() });
    }
    match split(name) {
        Some((interface, _)) if IMPORTS.contains(&interface) => Ok(()),
        Some(_) | None => Err(InvalidComponent::Import { name: name.to_owned() }),
    }
}

/// The version that a name of the contract's package is of. Names of other packages are none of the contract's business.
fn version_of(name: &str) -> Result<Option<Version>, InvalidComponent> {
    let Some((_, number)) = split(name) else { return Ok(None) };
    Version::of(number).map(Some).ok_or_else(|| InvalidComponent::Version { name: name.to_owned() })
}

/// Interface and version of a name in the contract's package.
fn split(name: &str) -> Option<(&str, &str)> {
    let inside = name.strip_prefix(PACKAGE)?;
    Some(inside.split_once('@').unwrap_or((inside, "")))
}

fn numbers(versions: &BTreeSet<Version>) -> String {
    versions.iter().map(|version| version.number()).collect::<Vec<_>>().join(" and ")
}

/// Whether every function of the world is there with the contract's types. The bytes are a valid component.
pub(super) fn fits(component: &[u8], kind: Kind) -> Result<(), InvalidComponent> {
    let Kind { version, world } = kind;
    let misfit = |error: anyhow::Error| {
        let what = one_line(&format!("{:#}", error.root_cause()));
        InvalidComponent::Misfit { version, what }
    };
    let mut map = SourceMap::default();
    for (name, text) in wit(version) {
        map.push_str(name, text);
    }
    let mut resolve = Resolve::default();
    let group = map.parse().map_err(|(_, error)| misfit(error.into()))?;
    let package = resolve.push_group(group).map_err(|error| misfit(error.into()))?;
    let world = resolve.select_world(&[package], Some(world.name())).map_err(misfit)?;
    wit_component::targets(&resolve, world, component).map_err(misfit)
}
