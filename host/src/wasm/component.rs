//! A policy that is a component: loaded once, asked often.

use std::sync::Arc;

use egressd_core::chain::{FailureKind, Policy, PolicyFailure};
use egressd_core::decision::{Draft, Outcome};
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::{Context, ServiceView};
use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker};

use super::imports::Call;
use super::limits::Size;
use super::{Engine, Error, bindings, convert, failure};

/// What a policy says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name that its author gave it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// A JSON schema of its settings; empty when there are none.
    pub settings_schema: String,
    /// Annotations that begin with one of these are sent to it.
    pub annotation_prefixes: Vec<String>,
    /// Labels that begin with one of these are sent to it.
    pub label_prefixes: Vec<String>,
}

/// A loaded policy.
pub struct ComponentPolicy {
    name: Arc<str>,
    settings: String,
    description: Description,
    guest: Guest,
}

/// Compiles a component, checks that it fits the contract and that it takes these settings (JSON text; `{}`
/// for none). `name` is what status and messages call it.
///
/// Takes some 50 ms for the built-in policy. There is no bound yet on the time that a hostile component takes
/// to compile, so the bytes must come from somebody who may be trusted that far.
///
/// # Errors
/// When any of that fails; the error names the policy.
pub fn load(engine: &Engine, bytes: &[u8], name: &str, settings: &str) -> Result<ComponentPolicy, Error> {
    let guest = Guest::new(engine, bytes, name)?;
    let question = |source| Error::Question { policy: name.to_owned(), source };
    check_settings(&guest, settings)
        .map_err(question)?
        .map_or(Ok(()), |reasons| Err(Error::Settings { policy: name.to_owned(), reasons }))?;
    let description =
        guest.call(Size::default(), |guest, call| guest.egressd_policy_evaluator().call_describe(call, settings));
    let description = convert::description(description.map_err(question)?);
    Ok(ComponentPolicy { name: name.into(), settings: settings.to_owned(), description, guest })
}

impl ComponentPolicy {
    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.description
    }
}

impl Policy for ComponentPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn evaluate(&self, context: &Context, service: &ServiceView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        let context = convert::context(context, &self.settings);
        let sent = convert::service(service, &self.description);
        let draft = convert::draft(draft);
        let bytes = sent.annotations.iter().map(|(_, value)| value.len()).sum();
        let outcome = self.guest.call(Size { endpoints: sent.endpoints.len(), bytes }, |guest, call| {
            guest.egressd_policy_evaluator().call_evaluate(call, &context, &sent, &draft)
        })?;
        convert::outcome(outcome, &sent).map_err(|nonsense| self.guest.failure(nonsense.to_string()))
    }
}

/// The component with its imports bound: all that can be done before a call is done.
struct Guest {
    name: Arc<str>,
    engine: Engine,
    pre: bindings::PolicyPre<Call>,
}

impl Guest {
    fn new(engine: &Engine, bytes: &[u8], name: &str) -> Result<Self, Error> {
        let policy = || name.to_owned();
        let component = Component::from_binary(engine.wasmtime(), bytes)
            .map_err(|error| Error::Compile { policy: policy(), source: error.into() })?;
        let link = |error: wasmtime::Error| Error::Link { policy: policy(), source: error.into() };
        let mut linker = Linker::new(engine.wasmtime());
        bindings::Policy::add_to_linker::<_, HasSelf<_>>(&mut linker, |call| call).map_err(link)?;
        let pre = linker.instantiate_pre(&component).and_then(bindings::PolicyPre::new).map_err(link)?;
        Ok(Self { name: name.into(), engine: engine.clone(), pre })
    }

    /// One call, about so much, in a fresh instance: nothing of it is left for the next Service,
    /// whatever it did.
    fn call<T>(
        &self,
        size: Size,
        ask: impl FnOnce(&bindings::Policy, &mut Store<Call>) -> wasmtime::Result<T>,
    ) -> Result<T, PolicyFailure> {
        let limits = self.engine.limits();
        let fuel = limits.fuel_for(size);
        let mut store = Store::new(self.engine.wasmtime(), Call::new(Arc::clone(&self.name), limits, fuel));
        store.limiter(|call| call);
        store.set_epoch_deadline(self.engine.deadline());
        store.set_hostcall_fuel(limits.answer);
        let answer = store
            .set_fuel(fuel)
            .and_then(|()| self.pre.instantiate(&mut store))
            .and_then(|guest| ask(&guest, &mut store));
        answer.map_err(|error| {
            tracing::debug!(policy = %self.name, error = format!("{error:#}"), "a policy failed");
            self.failure(failure::reason(&error, store.data(), limits))
        })
    }

    fn failure(&self, reason: String) -> PolicyFailure {
        PolicyFailure { policy: self.name.to_string(), reason, kind: FailureKind::Prompt }
    }
}

/// Why the policy refuses its settings, as one line; none when it takes them.
fn check_settings(guest: &Guest, settings: &str) -> Result<Option<String>, PolicyFailure> {
    let ask = |evaluator: &bindings::Policy, call: &mut Store<Call>| {
        evaluator.egressd_policy_evaluator().call_check_settings(call, settings)
    };
    let findings = convert::settings_findings(guest.call(Size::default(), ask)?);
    let findings: Vec<Finding> = findings.map_err(|nonsense| guest.failure(nonsense.to_string()))?;
    let reasons: Vec<String> =
        findings.into_iter().filter(|f| f.severity == Severity::Error).map(|f| f.message).collect();
    Ok((!reasons.is_empty()).then(|| reasons.join("; ")))
}
