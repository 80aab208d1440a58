//! Which policies there are: the built-in one and those of ConfigMaps. Loads them beside those in force, and
//! never lets an invalid one replace a valid one.

mod entry;
mod fingerprint;
mod latest;
mod library;
mod loader;
mod module;
mod report;
mod retry;
mod standing;
mod start;
mod supervised;
mod wanted;

use std::path::PathBuf;

pub use library::{Library, Loaded, Objects, REFUSED, Step, findings};
pub use loader::{Loader, LoaderGone};
pub use module::{digest, unpack};
pub use report::{Kind, PolicyReport, PolicyState};
pub use supervised::Supervision;
pub use wanted::wanted;

use crate::wasm::{self, Compiler, Engine, Limits, Module};

/// What the built-in policy is called; a ConfigMap of this name is about it.
pub const BUILT_IN: &str = "annotations";

/// What all policies run in, with the built-in one compiled. Clones share it.
#[derive(Clone, Debug)]
pub struct Sandbox {
    engine: Engine,
    compiler: Compiler,
    built_in: Module,
}

impl Sandbox {
    /// Starts the engine and compiles the built-in policy. Others are compiled in a process of their own, by
    /// this same program.
    ///
    /// # Errors
    /// When the engine does not start, or the built-in policy does not load: a defect of the build.
    pub fn new() -> Result<Self, wasm::Error> {
        Self::compiling(Compiler::Child(PathBuf::from("/proc/self/exe")))
    }

    /// The same with another way to compile what comes from ConfigMaps.
    ///
    /// # Errors
    /// As [`Sandbox::new`].
    pub fn compiling(compiler: Compiler) -> Result<Self, wasm::Error> {
        let engine = Engine::new(Limits::default())?;
        let built_in = Module::compile(&engine, &Compiler::InProcess, wasm::built_in(), BUILT_IN)?;
        Ok(Self { engine, compiler, built_in })
    }

    /// What its policies run in.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

#[cfg(test)]
pub(crate) use loader::LoaderControl;
