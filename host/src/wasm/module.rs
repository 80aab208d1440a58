//! A component that can be asked: compiled, and its imports bound. Settings come later, so that other settings do
//! not compile it again.

use egressd_core::policy::Cost;
use wasmtime::component::{Component, HasSelf, Linker};

use super::compiler::Compiler;
use super::engine::Engine;
use super::error::Error;
use super::functions::Functions;
use super::world::{Kind, Version, World};
use super::{v0_1, v0_2};

/// A compiled component that fits the contract. Clones share it.
#[derive(Clone)]
pub struct Module {
    pub(super) engine: Engine,
    pub(super) functions: Functions,
    kind: Kind,
    cost: Cost,
}

impl Module {
    /// Inspects, compiles and links a component. `name` is what errors call it.
    ///
    /// In a child it takes the start of a process more than in this one, and ends for the worst of components
    /// within a minute; the calling thread waits.
    ///
    /// # Errors
    /// When it is no policy that this egressd takes, or takes too much to compile, or the child does not run; the
    /// error names the policy.
    pub fn compile(engine: &Engine, compiler: &Compiler, bytes: &[u8], name: &str) -> Result<Self, Error> {
        let (component, cost) = compiler.component(engine, bytes, name)?;
        let bound = bind(engine, &component);
        let (kind, functions) = bound.map_err(|error| Error::Link { policy: name.to_owned(), source: error.into() })?;
        Ok(Self { engine: engine.clone(), functions, kind, cost })
    }

    /// What it took to compile, and what it takes of memory.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    pub fn world(&self) -> World {
        self.kind.world
    }

    /// The version of the contract that it was built for.
    pub fn contract(&self) -> Version {
        self.kind.version
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Of which kind a component is that passed all checks, and its functions. The only import of all kinds is the log.
fn bind(engine: &Engine, component: &Component) -> wasmtime::Result<(Kind, Functions)> {
    let mut linker = Linker::new(engine.wasmtime());
    v0_1::Imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |call| call)?;
    v0_2::Imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |call| call)?;
    let is_exported = |kind: &Kind| component.get_export_index(None, kind.export()).is_some();
    let kind = Kind::all().find(is_exported).ok_or_else(|| wasmtime::format_err!("it exports no interface"))?;
    Ok((kind, Functions::bind(&linker, component, kind)?))
}
