//! One call of a guest: in a fresh instance, within its limits, and its result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use egressd_core::chain::{FailureKind, PolicyFailure};
use egressd_core::model::SubjectKind;
use egressd_core::text::Text;
use wasmtime::Store;

use super::engine::Engine;
use super::failure;
use super::imports::Call;
use super::limits::Size;

/// How much fuel a policy used in its last call that ended, whoever asked.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Units of fuel; roughly instructions. The same for the same question, on every node.
    pub fn last(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Calls a component by a name.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) name: Arc<str>,
    pub(super) engine: Engine,
    pub(super) meter: Meter,
}

impl Guest {
    pub(super) fn new(engine: &Engine, name: &str) -> Self {
        Self { name: name.into(), engine: engine.clone(), meter: Meter::default() }
    }

    /// One call, about so much. `ask` instantiates: nothing of the instance is left for the next Service, whatever
    /// this one did.
    pub(super) fn call<T>(
        &self,
        size: Size,
        ask: impl FnOnce(&mut Store<Call>) -> wasmtime::Result<T>,
    ) -> Result<T, PolicyFailure> {
        let limits = self.engine.limits();
        let fuel = limits.fuel_for(size);
        let mut store = Store::new(self.engine.wasmtime(), Call::new(Arc::clone(&self.name), limits, fuel));
        store.limiter(|call| call);
        store.set_epoch_deadline(self.engine.deadline());
        store.set_hostcall_fuel(limits.answer);
        let answer = store.set_fuel(fuel).and_then(|()| ask(&mut store));
        self.meter.0.store(fuel.saturating_sub(store.get_fuel().unwrap_or(fuel)), Ordering::Relaxed);
        answer.map_err(|error| {
            tracing::debug!(policy = %self.name, error = format!("{error:#}"), "a policy failed");
            let reason = failure::reason(&error, store.data(), limits);
            let reason = Text::new(reason).into();
            PolicyFailure { policy: self.name.to_string(), reason, kind: failure::kind(&error) }
        })
    }

    /// An answer that came in time and means nothing.
    pub(super) fn invalid_answer(&self, invalid_answer: &impl ToString) -> PolicyFailure {
        self.prompt_failure(invalid_answer.to_string())
    }

    /// Not called: its contract has no form for a subject of this kind. The chain denies such subjects before it asks.
    pub(super) fn not_shown(&self, kind: SubjectKind) -> PolicyFailure {
        self.prompt_failure(format!("its contract has no form for a subject of kind {kind}"))
    }

    fn prompt_failure(&self, reason: String) -> PolicyFailure {
        PolicyFailure { policy: self.name.to_string(), reason: Text::new(reason).into(), kind: FailureKind::Prompt }
    }
}
