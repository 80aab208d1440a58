//! One policy: from its ConfigMap to a member of the chain.

use std::sync::Arc;

use egressd_core::chain::{Member, MemberRole};
use egressd_core::finding::{Finding, sentences};
use egressd_core::model::{AnnotationPrefix, PolicyObject};
use egressd_core::policy::{Cost, Excess, Mode, Module as Source, PolicySpec};
use serde_json::{Value, json};

use super::module::{self, digest, unpack};
use super::report::{Kind, PolicyReport, PolicyState};
use super::supervised::Supervision;
use super::{BUILT_IN, Sandbox};
use crate::metrics::Metrics;
use crate::wasm::{self, Description, Loaded, Module};

/// What every policy is loaded with.
#[derive(Debug)]
pub(super) struct LoadContext {
    pub(super) sandbox: Sandbox,
    pub(super) metrics: Metrics,
    /// What the built-in policy reads.
    pub(super) prefix: AnnotationPrefix,
}

/// Why a ConfigMap gives no policy.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{}", sentences(.0))]
    Spec(Vec<Finding>),
    #[error(transparent)]
    Unpack(#[from] module::Error),
    #[error("its component has the SHA-256 {found}, and annotation egressd.io/sha256 has {given}")]
    Digest { found: String, given: String },
    #[error("data.settings is not a JSON object: {reason}; write one, like {{}}")]
    Settings { reason: String },
    #[error(
        "setting \"prefix\" is {given}, and --annotation-prefix (EGRESSD_ANNOTATION_PREFIX) is {ours}, which takes \
         precedence; set that option as intended, and remove the setting (docs/upgrade.md)"
    )]
    Prefix { given: String, ours: String },
    #[error(transparent)]
    Wasm(#[from] wasm::Error),
    #[error(transparent)]
    Excess(#[from] Excess),
}

/// Whether a policy of this cost has a place beside the others.
pub(super) type FitsBudget<'a> = &'a dyn Fn(Cost) -> Result<(), Excess>;

impl Error {
    /// Whether another time may go better.
    pub(super) fn may_recover(&self) -> bool {
        match self {
            Self::Wasm(error) => error.may_recover(),
            // It is tried again when there is a place for it, whatever the time.
            Self::Excess(_) => false,
            Self::Spec(_) | Self::Unpack(_) | Self::Digest { .. } | Self::Settings { .. } | Self::Prefix { .. } => {
                false
            }
        }
    }
}

/// Where a ConfigMap comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// From the source, as it is now.
    Wanted,
    /// From what an earlier process had in force. Of one that took the built-in policy's prefix from its settings that goes
    /// on: else an update would change what is translated (P6).
    InForce,
}

#[derive(Clone, Debug)]
pub(super) struct LoadedPolicy {
    /// What it was loaded from.
    pub(super) object: Arc<PolicyObject>,
    spec: PolicySpec,
    /// None when it is off.
    instance: Option<PolicyInstance>,
}

/// What is asked.
#[derive(Clone, Debug)]
struct PolicyInstance {
    module: Module,
    /// Of the module; none for the one in the program.
    cost: Option<Cost>,
    digest: String,
    settings: String,
    description: Description,
    kind: Kind,
    asked: MemberRole,
    supervision: Arc<Supervision>,
}

impl LoadedPolicy {
    /// Does everything that can be done before the first question. What stayed the same since `earlier` is kept:
    /// the compiled component, and what is known of its failures. Only another component has to fit.
    pub(super) fn load(
        context: &LoadContext,
        object: &Arc<PolicyObject>,
        earlier: Option<&Self>,
        fits: FitsBudget<'_>,
    ) -> Result<Self, Error> {
        let spec = PolicySpec::read(object, BUILT_IN).map_err(Error::Spec)?;
        let earlier = earlier.and_then(|valid| valid.instance.as_ref());
        let instance = match spec.mode {
            Mode::Off => None,
            Mode::Enforce | Mode::Shadow => {
                Some(PolicyInstance::load(context, &spec, &settings(context, &spec, Origin::Wanted)?, earlier, fits)?)
            }
        };
        Ok(Self { object: Arc::clone(object), spec, instance })
    }

    /// The same of what an earlier process had in force. It was there first, so it has a place whatever the limits are
    /// today.
    pub(super) fn restore(context: &LoadContext, object: &Arc<PolicyObject>) -> Result<Self, Error> {
        let spec = PolicySpec::read(object, BUILT_IN).map_err(Error::Spec)?;
        let instance = match spec.mode {
            Mode::Off => None,
            Mode::Enforce | Mode::Shadow => {
                Some(PolicyInstance::load(context, &spec, &settings(context, &spec, Origin::InForce)?, None, &|_| {
                    Ok(())
                })?)
            }
        };
        Ok(Self { object: Arc::clone(object), spec, instance })
    }

    /// Why its ConfigMap would be refused today, though it was in force.
    pub(super) fn outdated(&self, context: &LoadContext) -> Option<Error> {
        settings(context, &self.spec, Origin::Wanted).err()
    }

    /// Its place in the chain, if it has one.
    pub(super) fn member(&self) -> Option<Member> {
        let instance = self.instance.as_ref()?;
        let member = Member::new(instance.asked.clone()).with(&self.spec).reading(instance.description.reads());
        Some(member.handling(instance.description.handles(), instance.module.contract().form()))
    }

    /// What it costs of the budget; none for what is off, and for the built-in policy.
    pub(super) fn cost(&self) -> Option<Cost> {
        self.instance.as_ref()?.cost
    }

    /// What is reported about it.
    pub(super) fn report(&self) -> PolicyReport {
        let state = match self.spec.mode {
            Mode::Enforce => PolicyState::Enforced,
            Mode::Shadow => PolicyState::Shadow,
            Mode::Off => PolicyState::Off,
        };
        let report = PolicyReport::unloaded(&self.spec.name, state, None).with(&self.spec);
        let Some(instance) = &self.instance else { return report };
        PolicyReport {
            kind: Some(instance.kind),
            version: Some(instance.description.version.clone()),
            digest: Some(instance.digest.clone()),
            supervision: Some(Arc::clone(&instance.supervision)),
            ..report
        }
    }
}

impl PolicyInstance {
    fn load(
        context: &LoadContext,
        spec: &PolicySpec,
        settings: &str,
        earlier: Option<&Self>,
        fits: FitsBudget<'_>,
    ) -> Result<Self, Error> {
        let Compiled { module, cost, digest } = Compiled::make(context, spec, earlier, fits)?;
        let same = earlier.filter(|earlier| earlier.digest == digest && earlier.settings == settings);
        if let Some(same) = same {
            return Ok(same.clone());
        }
        let Loaded { description, asked, meter: _ } = wasm::configure(&module, &spec.name, settings)?;
        let kind = match asked {
            MemberRole::Validator(_) => Kind::Validator,
            MemberRole::Policy(_) | MemberRole::Missing(_) => Kind::Policy,
        };
        let supervision = Supervision::new(&spec.name, context.metrics.policy(&spec.name));
        let asked = supervision.over(asked);
        let settings = settings.to_owned();
        Ok(Self { module, cost, digest, settings, description, kind, asked, supervision })
    }
}

/// The component, ready to be configured.
struct Compiled {
    module: Module,
    cost: Option<Cost>,
    digest: String,
}

impl Compiled {
    fn make(
        context: &LoadContext,
        spec: &PolicySpec,
        earlier: Option<&PolicyInstance>,
        fits: FitsBudget<'_>,
    ) -> Result<Self, Error> {
        let unpacked;
        let bytes: &[u8] = match &spec.module {
            Source::BuiltIn => wasm::built_in(),
            Source::Wasm(bytes) => bytes,
            Source::Gzip(bytes) => {
                unpacked = unpack(bytes)?;
                &unpacked
            }
        };
        let digest = digest(bytes);
        if let Some(given) = spec.digest.clone().filter(|given| *given != digest) {
            return Err(Error::Digest { found: digest, given });
        }
        if let Some(PolicyInstance { module, cost, .. }) = earlier.filter(|earlier| earlier.digest == digest) {
            return Ok(Self { module: module.clone(), cost: *cost, digest });
        }
        let sandbox = &context.sandbox;
        match &spec.module {
            Source::BuiltIn => Ok(Self { module: sandbox.built_in.clone(), cost: None, digest }),
            Source::Wasm(_) | Source::Gzip(_) => {
                // Where nothing fits any more, nothing is compiled.
                fits(Cost::LEAST)?;
                let module = Module::compile(&sandbox.engine, &sandbox.compiler, bytes, &spec.name)?;
                fits(module.cost())?;
                Ok(Self { cost: Some(module.cost()), module, digest })
            }
        }
    }
}

/// JSON text of an object. The prefix is the host's, which hands it to the built-in policy; that one's own default goes unsaid,
/// and it reads empty settings without a parser.
fn settings(context: &LoadContext, spec: &PolicySpec, origin: Origin) -> Result<String, Error> {
    let text = spec.settings.as_deref().map(str::trim).filter(|text| !text.is_empty()).unwrap_or("{}");
    let refused = |reason: String| Error::Settings { reason };
    let value: Value = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
    let Value::Object(mut members) = value else { return Err(refused("it is something else".to_owned())) };
    if spec.name == BUILT_IN {
        let ours = context.prefix.to_string();
        let other = members.get("prefix").and_then(Value::as_str).filter(|given| *given != ours);
        if let (Some(given), Origin::Wanted) = (other, origin) {
            return Err(Error::Prefix { given: given.to_owned(), ours });
        }
        if context.prefix != AnnotationPrefix::default() {
            members.entry("prefix").or_insert_with(|| json!(ours));
            return Ok(Value::Object(members).to_string());
        }
    }
    Ok(text.to_owned())
}
