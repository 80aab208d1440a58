//! Policies and validators that are components: configured once, asked often.

use std::sync::Arc;

use egressd_core::chain::{MemberRole, Policy, PolicyFailure, Validator};
use egressd_core::decision::{Diagnostic, Draft, Outcome};
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::{Context, SubjectView};

use super::ask;
use super::compiler::Compiler;
use super::configured::Configured;
use super::description::Description;
use super::engine::Engine;
use super::error::Error;
use super::guest::{Guest, Meter};
use super::module::Module;
use super::v0_1::V0_1;
use super::v0_2::V0_2;
use super::world::{Version, World};

/// A component with settings that it takes, ready for a chain.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says about itself.
    pub description: Description,
    /// Whom to ask: a [`ComponentPolicy`] or a [`ComponentValidator`].
    pub asked: MemberRole,
    /// What its calls cost.
    pub meter: Meter,
}

/// A component of world `policy` with its settings.
pub struct ComponentPolicy(Configured);

/// A component of world `validator` with its settings.
pub struct ComponentValidator(Configured);

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
    let findings = settings_findings(&guest, module, settings).map_err(question)?;
    if let Some(reasons) = errors(&findings) {
        return Err(Error::Settings { policy: name.to_owned(), reasons });
    }
    let description = describe(&guest, module, settings).map_err(question)?;
    let meter = guest.meter.clone();
    let (functions, version) = (module.functions.clone(), module.contract());
    let configured =
        Configured { guest, functions, version, settings: settings.to_owned(), description: description.clone() };
    let asked = match module.world() {
        World::Policy => MemberRole::Policy(Arc::new(ComponentPolicy(configured))),
        World::Validator => MemberRole::Validator(Arc::new(ComponentValidator(configured))),
    };
    Ok(Loaded { description, asked, meter })
}

/// Everything that a module has to say about settings; a finding of severity `Error` refuses them.
///
/// # Errors
/// When it fails; the error names the policy.
pub fn check_settings(module: &Module, name: &str, settings: &str) -> Result<Vec<Finding>, Error> {
    let findings = settings_findings(&Guest::new(&module.engine, name), module, settings);
    findings.map_err(|source| Error::Question { policy: name.to_owned(), source })
}

fn settings_findings(guest: &Guest, module: &Module, settings: &str) -> Result<Vec<Finding>, PolicyFailure> {
    match module.contract() {
        Version::V0_1 => ask::check_settings::<V0_1>(guest, &module.functions, settings),
        Version::V0_2 => ask::check_settings::<V0_2>(guest, &module.functions, settings),
    }
}

fn describe(guest: &Guest, module: &Module, settings: &str) -> Result<Description, PolicyFailure> {
    match module.contract() {
        Version::V0_1 => ask::describe::<V0_1>(guest, &module.functions, settings),
        Version::V0_2 => ask::describe::<V0_2>(guest, &module.functions, settings),
    }
}

/// Why a policy refuses its settings, as one line; none when it takes them.
fn errors(findings: &[Finding]) -> Option<String> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let reasons: Vec<&str> = errors.map(|finding| finding.message.as_str()).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

impl Policy for ComponentPolicy {
    fn name(&self) -> &str {
        &self.0.guest.name
    }

    fn evaluate(&self, context: &Context, service: &SubjectView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        match self.0.version {
            Version::V0_1 => ask::evaluate::<V0_1>(&self.0, context, service, draft),
            Version::V0_2 => ask::evaluate::<V0_2>(&self.0, context, service, draft),
        }
    }
}

impl Validator for ComponentValidator {
    fn name(&self) -> &str {
        &self.0.guest.name
    }

    fn validate(
        &self,
        context: &Context,
        service: &SubjectView,
        draft: &Draft,
    ) -> Result<Vec<Diagnostic>, PolicyFailure> {
        match self.0.version {
            Version::V0_1 => ask::validate::<V0_1>(&self.0, context, service, draft),
            Version::V0_2 => ask::validate::<V0_2>(&self.0, context, service, draft),
        }
    }
}
