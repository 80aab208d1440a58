//! The contract as text, and whether a component fits it.

use wit_parser::{Resolve, SourceMap};

use super::unfit::{Unfit, one_line};
use super::world::{PACKAGE, VERSION, World};

/// What `wit/0.1.0` says, which is also what the bindings were made of.
const WIT: [(&str, &str); 2] = [
    ("types.wit", include_str!("../../../wit/0.1.0/types.wit")),
    ("worlds.wit", include_str!("../../../wit/0.1.0/worlds.wit")),
];

/// What a policy may import: types, and the log.
const IMPORTS: [&str; 2] = ["host", "types"];

/// Which world a component with these imports and exports is of, by their names alone.
pub(super) fn world(imports: &[String], exports: &[String]) -> Result<World, Unfit> {
    imports.iter().try_for_each(|name| may_import(name))?;
    let exported = |world: &World| exports.iter().any(|name| split(name).is_some_and(|(i, _)| i == world.interface()));
    let worlds: Vec<World> = World::ALL.into_iter().filter(exported).collect();
    let world = match worlds.as_slice() {
        [world] => *world,
        [] => return Err(Unfit::NoExport),
        _ => return Err(Unfit::BothExports),
    };
    exports.iter().try_for_each(|name| is_served(name)).map(|()| world)
}

fn may_import(name: &str) -> Result<(), Unfit> {
    if name.starts_with("wasi:") || name.starts_with("wasi_") {
        return Err(Unfit::Wasi { name: name.to_owned() });
    }
    match split(name) {
        Some((interface, _)) if IMPORTS.contains(&interface) => is_served(name),
        Some(_) | None => Err(Unfit::Import { name: name.to_owned() }),
    }
}

/// Names of other packages are none of the contract's business.
fn is_served(name: &str) -> Result<(), Unfit> {
    match split(name) {
        Some((_, version)) if version != VERSION => Err(Unfit::Version { name: name.to_owned() }),
        Some(_) | None => Ok(()),
    }
}

/// Interface and version of a name in the contract's package.
fn split(name: &str) -> Option<(&str, &str)> {
    let inside = name.strip_prefix(PACKAGE)?;
    Some(inside.split_once('@').unwrap_or((inside, "")))
}

/// Whether every function of the world is there with the contract's types. The bytes are a valid component.
pub(super) fn fits(component: &[u8], world: World) -> Result<(), Unfit> {
    let misfit = |error: anyhow::Error| Unfit::Misfit { what: one_line(&format!("{:#}", error.root_cause())) };
    let mut map = SourceMap::default();
    for (name, text) in WIT {
        map.push_str(name, text);
    }
    let mut resolve = Resolve::default();
    let group = map.parse().map_err(|(_, error)| misfit(error.into()))?;
    let package = resolve.push_group(group).map_err(|error| misfit(error.into()))?;
    let world = resolve.select_world(&[package], Some(world.name())).map_err(misfit)?;
    wit_component::targets(&resolve, world, component).map_err(misfit)
}
