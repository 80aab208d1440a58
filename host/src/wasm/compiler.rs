//! Where components are compiled, and how long their native code is kept.

use std::path::PathBuf;
use std::time::Duration;

use egressd_core::policy::Cost;
use wasmtime::component::Component;

use super::child::Compiled;
use super::engine::Engine;
use super::error::Error;
use super::invalid_component::InvalidComponent;
use super::invalid_component::one_line;
use super::{child, inspect};

/// Where components are compiled. A component of 1 MiB can cost a compiler minutes and 800 MB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// In this process: for bytes that are trusted (the built-in policy), and for people's own tools.
    InProcess,
    /// In a process that ends when it is done or has taken too much: this program, executed again with
    /// [`super::SUBCOMMAND`]. Normally `/proc/self/exe`, which is this program also after an update of its file.
    Child(PathBuf),
}

impl Compiler {
    /// Checks and compiles; also says what that cost. What is compiled in this process costs no time that counts.
    pub(super) fn component(&self, engine: &Engine, bytes: &[u8], name: &str) -> Result<(Component, Cost), Error> {
        let refused = |source| Error::Refused { policy: name.to_owned(), source };
        let failed = |error: wasmtime::Error| Error::Compile { policy: name.to_owned(), source: error.into() };
        let (component, time) = match self {
            Self::InProcess => {
                inspect::checked(bytes).map_err(refused)?;
                // By an engine of its own: one that compiles keeps what its compiler has prepared, some MiB, for as long as it
                // lives.
                let native = super::engine::compiler().and_then(|compiler| compiler.precompile_component(bytes));
                // SAFETY: the bytes are what wasmtime made in this process, in this moment.
                let load = |native: Vec<u8>| unsafe { Component::deserialize(engine.wasmtime(), native) };
                (native.and_then(load), Duration::ZERO)
            }
            Self::Child(program) => {
                let compiled = child::compile(program, bytes, |lacks| engine.lacks(lacks));
                let Compiled { native, took } = compiled.map_err(|error| error.about(name))?;
                // SAFETY: the bytes are what wasmtime made in a child that is this very program: its whole output,
                // and the child ended well. A policy has no say in them but through the compiler, as in this process.
                (unsafe { Component::deserialize(engine.wasmtime(), native) }, took)
            }
        };
        let component = component.map_err(failed)?;
        let image = component.image_range();
        let native = image.end.addr().saturating_sub(image.start.addr()) as u64;
        Ok((component, Cost { native, time }))
    }
}

/// Native code of a component, for an [`Engine`] to run.
pub(super) fn native_code(bytes: &[u8]) -> Result<Vec<u8>, InvalidComponent> {
    inspect::checked(bytes)?;
    let refused = |error: wasmtime::Error| InvalidComponent::Compiler { what: one_line(&format!("{error:#}")) };
    super::engine::compiler().and_then(|engine| engine.precompile_component(bytes)).map_err(refused)
}
