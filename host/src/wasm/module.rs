//! A component that can be asked: compiled, and its imports bound. Settings come later, so that other settings do
//! not compile it again.

use egressd_core::policy::Cost;
use wasmtime::component::{Component, ComponentExportIndex, HasSelf, Linker};

use super::bindings::{policy, validator};
use super::compiler::Compiler;
use super::engine::Engine;
use super::error::Error;
use super::imports::Call;
use super::world::World;

/// A compiled component that fits the contract. Clones share it.
#[derive(Clone)]
pub struct Module {
    pub(super) engine: Engine,
    pub(super) bound: Bound,
    cost: Cost,
}

/// All that can be done before a call is done.
#[derive(Clone)]
pub(super) enum Bound {
    Policy(Ready<policy::PolicyPre<Call>>),
    Validator(Ready<validator::ValidatorPre<Call>>),
}

/// A component of one world.
#[derive(Clone)]
pub(super) struct Ready<P> {
    pub(super) pre: P,
    /// The function that is called for every Service. The others are called when a policy is configured, so in an instance
    /// that is asked they are not looked up.
    pub(super) question: ComponentExportIndex,
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
        let bound = bound.map_err(|error| Error::Link { policy: name.to_owned(), source: error.into() })?;
        Ok(Self { engine: engine.clone(), bound, cost })
    }

    /// What it took to compile, and what it takes of memory.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// What it is for.
    pub fn world(&self) -> World {
        match self.bound {
            Bound::Policy(_) => World::Policy,
            Bound::Validator(_) => World::Validator,
        }
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("world", &self.world()).finish_non_exhaustive()
    }
}

fn bind(engine: &Engine, component: &Component) -> wasmtime::Result<Bound> {
    let mut linker = Linker::new(engine.wasmtime());
    // The only import of both worlds is the log.
    policy::Policy::add_to_linker::<_, HasSelf<_>>(&mut linker, |call| call)?;
    let pre = linker.instantiate_pre(component)?;
    if component.get_export_index(None, World::Validator.export()).is_some() {
        let question = question(component, World::Validator)?;
        return Ok(Bound::Validator(Ready { pre: validator::ValidatorPre::new(pre)?, question }));
    }
    let question = question(component, World::Policy)?;
    Ok(Bound::Policy(Ready { pre: policy::PolicyPre::new(pre)?, question }))
}

/// Where the function is that is called for every Service.
fn question(component: &Component, world: World) -> wasmtime::Result<ComponentExportIndex> {
    let interface = component.get_export_index(None, world.export());
    let function = interface.and_then(|interface| component.get_export_index(Some(&interface), world.question()));
    function.ok_or_else(|| wasmtime::Error::msg(format!("{} is not exported", world.question())))
}
