//! The engine that all tests share, and its components.

use std::sync::{Arc, LazyLock};

use egressd::wasm::{self, Compiler, Engine, Limits};
use egressd_core::chain::{MemberRole, Policy, Validator};
use egressd_core::model::{Subject, SubjectView};

pub(crate) use crate::views::{changed, context, ip, view};

pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Limits::default()).unwrap());

/// The compiler that `run` uses.
pub(crate) static CHILD: LazyLock<Compiler> = LazyLock::new(|| Compiler::Child(env!("CARGO_BIN_EXE_egressd").into()));

/// A view with other addresses or endpoints.
pub(crate) fn with(mut view: SubjectView, change: impl FnOnce(&mut Subject)) -> SubjectView {
    change(&mut view.subject);
    view
}

/// Loaded as the built-in policy is.
pub(crate) fn policy(engine: &Engine, bytes: &[u8], name: &str, settings: &str) -> Arc<dyn Policy> {
    match wasm::load(engine, &Compiler::InProcess, bytes, name, settings).unwrap().asked {
        MemberRole::Policy(policy) => policy,
        asked @ (MemberRole::Validator(_) | MemberRole::Missing(_)) => panic!("not a policy: {asked:?}"),
    }
}

/// The same for a validator.
pub(crate) fn validator(bytes: &[u8], name: &str) -> Arc<dyn Validator> {
    match wasm::load(&ENGINE, &Compiler::InProcess, bytes, name, "{}").unwrap().asked {
        MemberRole::Validator(validator) => validator,
        asked @ (MemberRole::Policy(_) | MemberRole::Missing(_)) => panic!("not a validator: {asked:?}"),
    }
}
