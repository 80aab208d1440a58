//! Policies and validators that are components: configured once, asked often.

use std::sync::Arc;

use egressd_core::chain::{Asked, Policy, PolicyFailure, Validator};
use egressd_core::decision::{Draft, Outcome};
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::{Context, ServiceView};
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift};

use super::bindings::{policy, types, validator};
use super::compiler::Compiler;
use super::convert;
use super::description::Description;
use super::engine::Engine;
use super::error::Error;
use super::guest::{Guest, Meter};
use super::imports::Call;
use super::limits::Size;
use super::module::Module;
use super::module::{Bound, Ready};

/// A component with settings that it takes, ready for a chain.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says about itself.
    pub description: Description,
    /// Whom to ask: a [`ComponentPolicy`] or a [`ComponentValidator`].
    pub asked: Asked,
    /// What its calls cost.
    pub meter: Meter,
}

/// A component of world `policy` with its settings.
pub struct ComponentPolicy {
    configured: Configured,
    ready: Ready<policy::PolicyPre<Call>>,
}

/// A component of world `validator` with its settings.
pub struct ComponentValidator {
    configured: Configured,
    ready: Ready<validator::ValidatorPre<Call>>,
}

/// What both have.
struct Configured {
    guest: Guest,
    settings: String,
    description: Description,
}

/// Both steps at once: [`Module::compile`], then [`configure`].
///
/// # Errors
/// As those.
pub fn load(engine: &Engine, compiler: &Compiler, bytes: &[u8], name: &str, settings: &str) -> Result<Loaded, Error> {
    configure(&Module::compile(engine, compiler, bytes, name)?, name, settings)
}

/// Asks a module whether it takes these settings (JSON text; `{}` for none), and what it is under them. `name` is
/// what status and messages call it. Two calls of the guest.
///
/// # Errors
/// When it fails, or refuses the settings; the error names the policy.
pub fn configure(module: &Module, name: &str, settings: &str) -> Result<Loaded, Error> {
    let guest = Guest::new(&module.engine, name);
    let question = |source| Error::Question { policy: name.to_owned(), source };
    let told = told_about(&guest, module, settings).map_err(question)?;
    if let Some(reasons) = errors(&told) {
        return Err(Error::Settings { policy: name.to_owned(), reasons });
    }
    let described = guest.call(Size::default(), |store| module.bound.describe(store, settings)).map_err(question)?;
    let (description, meter) = (convert::description(described), guest.meter.clone());
    let configured = Configured { guest, settings: settings.to_owned(), description: description.clone() };
    let asked = match &module.bound {
        Bound::Policy(ready) => Asked::Policy(Arc::new(ComponentPolicy { configured, ready: ready.clone() })),
        Bound::Validator(ready) => Asked::Validator(Arc::new(ComponentValidator { configured, ready: ready.clone() })),
    };
    Ok(Loaded { description, asked, meter })
}

/// Everything that a module has to say about settings; a finding of severity `Error` refuses them.
///
/// # Errors
/// When it fails; the error names the policy.
pub fn check_settings(module: &Module, name: &str, settings: &str) -> Result<Vec<Finding>, Error> {
    let told = told_about(&Guest::new(&module.engine, name), module, settings);
    told.map_err(|source| Error::Question { policy: name.to_owned(), source })
}

fn told_about(guest: &Guest, module: &Module, settings: &str) -> Result<Vec<Finding>, PolicyFailure> {
    let told = guest.call(Size::default(), |store| module.bound.check_settings(store, settings))?;
    convert::settings_findings(told).map_err(|nonsense| guest.nonsense(&nonsense))
}

/// Why a policy refuses its settings, as one line; none when it takes them.
fn errors(told: &[Finding]) -> Option<String> {
    let errors = told.iter().filter(|finding| finding.severity == Severity::Error);
    let reasons: Vec<&str> = errors.map(|finding| finding.message.as_str()).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

impl Bound {
    fn check_settings(&self, store: &mut Store<Call>, settings: &str) -> wasmtime::Result<Vec<types::Diagnostic>> {
        match self {
            Self::Policy(Ready { pre, question: _ }) => {
                pre.instantiate(&mut *store)?.egressd_policy_evaluator().call_check_settings(store, settings)
            }
            Self::Validator(Ready { pre, question: _ }) => {
                pre.instantiate(&mut *store)?.egressd_policy_complainer().call_check_settings(store, settings)
            }
        }
    }

    fn describe(&self, store: &mut Store<Call>, settings: &str) -> wasmtime::Result<types::Description> {
        match self {
            Self::Policy(Ready { pre, question: _ }) => {
                pre.instantiate(&mut *store)?.egressd_policy_evaluator().call_describe(store, settings)
            }
            Self::Validator(Ready { pre, question: _ }) => {
                pre.instantiate(&mut *store)?.egressd_policy_complainer().call_describe(store, settings)
            }
        }
    }
}

impl Policy for ComponentPolicy {
    fn name(&self) -> &str {
        &self.configured.guest.name
    }

    fn evaluate(&self, context: &Context, service: &ServiceView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        let question = Question::new(&self.configured, context, service, draft);
        let guest = &self.configured.guest;
        let Ready { pre, question: function } = &self.ready;
        let (outcome,) = guest.call(question.size, |store| question.put(store, pre.instance_pre(), function))?;
        convert::outcome(outcome, &question.service).map_err(|nonsense| guest.nonsense(&nonsense))
    }
}

impl Validator for ComponentValidator {
    fn name(&self) -> &str {
        &self.configured.guest.name
    }

    fn validate(&self, context: &Context, service: &ServiceView, draft: &Draft) -> Result<Vec<Finding>, PolicyFailure> {
        let question = Question::new(&self.configured, context, service, draft);
        let guest = &self.configured.guest;
        let Ready { pre, question: function } = &self.ready;
        let (told,) = guest.call(question.size, |store| question.put(store, pre.instance_pre(), function))?;
        convert::diagnostics(told, &question.service).map_err(|nonsense| guest.nonsense(&nonsense))
    }
}

/// What both functions take.
type Words<'a> = (&'a types::Context, &'a types::Service, &'a types::Draft);

/// One Service in the contract's words.
struct Question {
    context: types::Context,
    service: types::Service,
    draft: types::Draft,
    size: Size,
}

impl Question {
    fn new(configured: &Configured, context: &Context, service: &ServiceView, draft: &Draft) -> Self {
        let service = convert::service(service, &configured.description);
        let bytes = service.annotations.iter().map(|(name, value)| name.len() + value.len()).sum();
        let size = Size { endpoints: service.endpoints.len(), bytes };
        Self { context: convert::context(context, &configured.settings), service, draft: convert::draft(draft), size }
    }

    /// Puts it to a fresh instance, in which this function alone is looked up.
    fn put<A: ComponentNamedList + Lift>(
        &self,
        store: &mut Store<Call>,
        pre: &InstancePre<Call>,
        function: &ComponentExportIndex,
    ) -> wasmtime::Result<A> {
        let instance = pre.instantiate(&mut *store)?;
        let function = instance.get_typed_func::<Words<'_>, A>(&mut *store, function)?;
        function.call(store, (&self.context, &self.service, &self.draft))
    }
}
