//! What a policy's ConfigMap asks for, checked.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use super::selector::Selector;
use crate::finding::{Finding, Span};
use crate::model::{Labels, PolicyObject, SubjectView, is_dns_label};
use egressd_vocabulary::spelling::{MOST_EDITS, edits, nearest};

/// The label by which a ConfigMap is a policy; its value is `true`.
pub const LABEL: &str = "egressd.io/policy";

const ORDER: &str = "egressd.io/order";
const MODE: &str = "egressd.io/mode";
const ON_FAILURE: &str = "egressd.io/on-failure";
const REQUIRED: &str = "egressd.io/required";
const DIGEST: &str = "egressd.io/sha256";
const SERVICES: &str = "egressd.io/services";
const NAMESPACES: &str = "egressd.io/namespaces";
/// What egressd writes itself, and does not read.
pub const STATUS: &str = "egressd.io/status";

const KNOWN: [&str; 7] = [ORDER, MODE, ON_FAILURE, REQUIRED, DIGEST, SERVICES, NAMESPACES];

/// Whether its answers are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Answers are applied.
    #[default]
    Enforce,
    /// It is asked about real Services, and what would change is reported; nothing of it is applied.
    Shadow,
    /// It is not asked at all. For the built-in policy, which is there without a ConfigMap.
    Off,
}

/// What becomes of a Service when the policy cannot answer, or cannot be loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnFailure {
    /// Its last good rules stay in force (P7).
    #[default]
    KeepLast,
    /// It has no rules, as if it were denied.
    Closed,
    /// The chain goes on as if the policy had no opinion.
    Skip,
}

/// Whether Services may go without a policy that was never loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// They may, unless it is closed.
    #[default]
    Optional,
    /// It is closed, and a node is not ready before it was loaded once.
    Required,
}

/// Which Services a policy is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// By the labels of their namespace, which its tenants cannot change.
    pub namespaces: Selector,
    /// Selects Services by their labels.
    pub services: Selector,
}

impl Scope {
    /// Whether the policy is asked about this Service.
    pub fn covers(&self, view: &SubjectView) -> bool {
        self.namespaces.selects(&view.namespace.labels) && self.services.selects(view.subject.labels())
    }
}

/// The component, as the ConfigMap has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// In the program: the ConfigMap has the built-in policy's name and brings none.
    BuiltIn,
    /// Not compressed.
    Wasm(Arc<[u8]>),
    /// Compressed.
    Gzip(Arc<[u8]>),
}

/// What a ConfigMap asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySpec {
    pub name: String,
    /// Policies are asked from the smallest to the largest, and of equals by name. The built-in one has 0.
    pub order: i32,
    /// Whether its answers are applied.
    pub mode: Mode,
    /// When it cannot answer.
    pub on_failure: OnFailure,
    /// Whether Services may go without it.
    pub need: Need,
    /// Which Services it is asked about.
    pub scope: Scope,
    /// JSON text, unparsed; none when the ConfigMap has no settings.
    pub settings: Option<String>,
    pub module: Module,
    /// SHA-256 of the component (not of its compressed form), in hexadecimal, lower case.
    pub digest: Option<String>,
}

impl PolicySpec {
    /// Reads a ConfigMap. `built_in` is the name under which a component is not needed.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(object: &PolicyObject, built_in: &str) -> Result<Self, Vec<Finding>> {
        let mut wrong: Vec<Finding> = bad_name(&object.name).into_iter().collect();
        wrong.extend(unknown(&object.annotations));
        wrong.extend(labels(&object.labels));
        let spec = Self::outline_and(object, &mut wrong);
        match (module(object, built_in), wrong.is_empty()) {
            (Ok(module), true) => Ok(Self { module, ..spec }),
            (Ok(_), false) => Err(wrong),
            (Err(finding), _) => {
                wrong.push(finding);
                Err(wrong)
            }
        }
    }

    /// What a ConfigMap asks for of which nothing can be loaded, whatever else is wrong with it. What cannot be read
    /// counts as the stricter: a guard with a mistake in it is not open.
    pub fn outline(object: &PolicyObject) -> Self {
        Self::outline_and(object, &mut Vec::new())
    }

    fn outline_and(object: &PolicyObject, wrong: &mut Vec<Finding>) -> Self {
        let mut reader = Reader { annotations: &object.annotations, labels: &object.labels, wrong };
        let need = if reader.is_misspelled(REQUIRED) {
            Need::Required
        } else {
            reader.read_or(REQUIRED, need, Need::Required)
        };
        let on_failure = if reader.is_misspelled(ON_FAILURE) {
            OnFailure::Closed
        } else {
            reader.read_or(ON_FAILURE, |text| on_failure(text, need), OnFailure::Closed)
        };
        Self {
            name: object.name.clone(),
            order: reader.read(ORDER, |text| text.parse().map_err(|_| format!("{text:?} is not an integer"))),
            mode: reader.read(MODE, mode),
            on_failure: match need {
                Need::Optional => on_failure,
                Need::Required => OnFailure::Closed,
            },
            need,
            scope: Scope { namespaces: reader.read(NAMESPACES, selector), services: reader.read(SERVICES, selector) },
            settings: object.settings.clone(),
            module: Module::BuiltIn,
            digest: reader.read(DIGEST, |text| digest(text).map(Some)),
        }
    }
}

struct Reader<'a> {
    annotations: &'a Labels,
    labels: &'a Labels,
    wrong: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn read<T: Default>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.read_or(name, parse, T::default())
    }

    /// Whether an annotation is there under a name that is almost its own, or as a label, and not under its own. One
    /// letter less must not make a guard of which nothing can be loaded pass for none.
    fn is_misspelled(&self, name: &str) -> bool {
        let mut others = self.annotations.keys().chain(self.labels.keys());
        !self.annotations.contains_key(name) && others.any(|other| is_almost(other, name))
    }

    /// With what it counts as when it cannot be read.
    fn read_or<T: Default>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>, otherwise: T) -> T {
        let Some(value) = self.annotations.get(name) else { return T::default() };
        parse(value.trim()).unwrap_or_else(|reason| {
            let span = Span { annotation: name.to_owned(), offset: 0, length: value.len() };
            let message = format!("annotation {name}: {reason}");
            self.wrong.push(Finding { span: Some(span), ..Finding::error("bad-policy-annotation", message) });
            otherwise
        })
    }
}

/// The name becomes a file's name and a label of metrics. The API server takes no others anyway.
fn bad_name(name: &str) -> Option<Finding> {
    let good = name.len() <= 253 && name.split('.').all(is_dns_label);
    let message = format!("metadata.name {name:?} is not a valid lowercase DNS name; write one like my-policy");
    (!good).then(|| Finding::error("bad-policy-name", message))
}

/// A misspelled guard must not pass for none.
fn unknown(annotations: &Labels) -> Vec<Finding> {
    let known: BTreeSet<&str> = KNOWN.into_iter().collect();
    let ours = annotations.keys().filter(|name| is_almost_known(name) && !name.starts_with(STATUS));
    let stray = ours.filter(|name| !known.contains(name));
    let sentence = |name: &str| format!("unknown annotation {name}; remove it, or {}", right(name));
    stray.map(|name| Finding::error("unknown-policy-annotation", sentence(name))).collect()
}

/// As a label it is read nowhere.
fn labels(labels: &Labels) -> Vec<Finding> {
    let sentence = |name: &str| format!("label {name} is not read; {} as an annotation", right(name));
    labels.keys().map(|name| Finding::error("unknown-policy-annotation", sentence(name))).collect()
}

/// What to write instead.
fn right(name: &str) -> String {
    match nearest(name, KNOWN) {
        Some((_, known)) => format!("write {known}"),
        None => format!("write one of {}", KNOWN.join(", ")),
    }
}

/// Whether a name is one of a policy's annotations, or begins as they do, or was probably meant to.
pub fn is_almost_known(name: &str) -> bool {
    is_of_product(name) || nearest(name, KNOWN).is_some()
}

/// Whether the domain of a name is egressd's, with any end.
fn is_of_product(name: &str) -> bool {
    let first = name.split_once('/').and_then(|(domain, _)| domain.split('.').next());
    first.is_some_and(|first| first.eq_ignore_ascii_case("egressd"))
}

/// Whether a name was probably meant to be the label of a policy.
pub fn is_almost_label(name: &str) -> bool {
    is_almost(name, LABEL) || is_of_product(name) && name.to_ascii_lowercase().ends_with("/policy")
}

/// Whether two names differ in case, or in two letters at most.
fn is_almost(name: &str, known: &str) -> bool {
    edits(&name.to_ascii_lowercase(), known) <= MOST_EDITS
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "enforce" => Ok(Mode::Enforce),
        "shadow" => Ok(Mode::Shadow),
        "off" => Ok(Mode::Off),
        _ => Err(format!("{text:?} is not enforce, shadow or off")),
    }
}

fn on_failure(text: &str, need: Need) -> Result<OnFailure, String> {
    match (text, need) {
        ("closed", _) => Ok(OnFailure::Closed),
        ("keep-last" | "skip", Need::Required) => {
            Err(format!("{text:?} contradicts {REQUIRED}; remove one of the two, or write closed"))
        }
        ("keep-last", Need::Optional) => Ok(OnFailure::KeepLast),
        ("skip", Need::Optional) => Ok(OnFailure::Skip),
        _ => Err(format!("{text:?} is not keep-last, closed or skip")),
    }
}

fn need(text: &str) -> Result<Need, String> {
    match text {
        "true" => Ok(Need::Required),
        "false" => Ok(Need::Optional),
        _ => Err(format!("{text:?} is not true or false; until it is, the policy is treated as required")),
    }
}

fn selector(text: &str) -> Result<Selector, String> {
    Selector::from_str(text).map_err(|error| error.to_string())
}

fn digest(text: &str) -> Result<String, String> {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let is_digest = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_digest {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is not 64 hexadecimal digits; write the SHA-256 of the component"))
    }
}

fn module(object: &PolicyObject, built_in: &str) -> Result<Module, Finding> {
    let wrong = |message: &str| Err(Finding::error("no-policy-module", message));
    match (&object.wasm, &object.gzip) {
        (Some(_), Some(_)) => wrong("binaryData has policy.wasm and policy.wasm.gz; keep one of the two"),
        (Some(wasm), None) => Ok(Module::Wasm(Arc::clone(wasm))),
        (None, Some(gzip)) => Ok(Module::Gzip(Arc::clone(gzip))),
        (None, None) if object.name == built_in => Ok(Module::BuiltIn),
        (None, None) => {
            wrong("binaryData has neither policy.wasm nor policy.wasm.gz; `egressd policy pack` writes the ConfigMap")
        }
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
