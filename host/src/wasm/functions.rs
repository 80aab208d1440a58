//! What a component exports, and how it is called: the same in every version of the contract, but for the types.

use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Linker, Lower};

use super::imports::Call;
use super::world::Kind;

/// The functions of a component whose imports are bound. Clones share it.
#[derive(Clone)]
pub(super) struct Functions {
    pre: InstancePre<Call>,
    check_settings: ComponentExportIndex,
    describe: ComponentExportIndex,
    question: ComponentExportIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// `check-settings`.
    CheckSettings,
    /// `describe`.
    Describe,
    /// `evaluate` of a policy, `validate` of a validator: called for every Service.
    Question,
}

impl Functions {
    pub(super) fn bind(linker: &Linker<Call>, component: &Component, kind: Kind) -> wasmtime::Result<Self> {
        let interface = component.get_export_index(None, kind.export());
        let function = |name: &str| {
            let index = interface.and_then(|interface| component.get_export_index(Some(&interface), name));
            index.ok_or_else(|| wasmtime::format_err!("{name} is not exported"))
        };
        Ok(Self {
            pre: linker.instantiate_pre(component)?,
            check_settings: function("check-settings")?,
            describe: function("describe")?,
            question: function(kind.world.question())?,
        })
    }

    /// Calls one in a fresh instance, in which this function alone is looked up.
    pub(super) fn call<P, A>(&self, store: &mut Store<Call>, which: Function, parameters: P) -> wasmtime::Result<A>
    where
        P: ComponentNamedList + Lower,
        (A,): ComponentNamedList + Lift,
    {
        let index = match which {
            Function::CheckSettings => &self.check_settings,
            Function::Describe => &self.describe,
            Function::Question => &self.question,
        };
        let instance = self.pre.instantiate(&mut *store)?;
        let function = instance.get_typed_func::<P, (A,)>(&mut *store, index)?;
        function.call(store, parameters).map(|(answer,)| answer)
    }
}
