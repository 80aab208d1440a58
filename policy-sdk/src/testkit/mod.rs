//! Policies under test, natively: subjects in the making, drafts, and golden cases.
//!
//! What is wrong with a test panics: it must not go on with another subject than it says.
//!
//! ```
//! use egressd_policy_sdk::testkit;
//!
//! let subject = testkit::load_balancer("shop", "web").address("192.0.2.10").local_endpoint("10.244.1.7").build();
//! assert_eq!(subject.local_endpoints().count(), 1);
//! ```
//!
//! A golden case is a folder with a subject and what comes out: [`cases`] for a policy, [`validator_cases`] for a
//! validator.

mod cases;
mod draft;
mod manifests;
mod objects;
mod render;
mod settings;
mod subject;

pub use cases::{cases, validator_cases};
pub use draft::{draft, draft_from_yaml, networks, ports, rule};
pub use manifests::{Case, case_from_yaml};
pub use render::{diagnostics_text, outcome_text, refusal_text, validation_text};
pub use settings::check_schema;
pub use subject::{SubjectBuilder, endpoint, load_balancer, pod, subject};

use crate::Diagnostic;
use crate::Draft;
use crate::EndpointScope;
use crate::Outcome;
use crate::ask;
use crate::description::Description;
use crate::policy::{Policy, Validator};
use crate::subject::{Context, Subject};

/// The node that [`context`] is about.
pub const THIS_NODE: &str = "node-a";

/// The node of remote endpoints.
pub const OTHER_NODE: &str = "node-b";

/// [`THIS_NODE`], without labels.
pub fn context() -> Context {
    context_of(THIS_NODE)
}

/// A node without labels.
pub fn context_of(node: &str) -> Context {
    Context { node_name: node.to_owned(), ..Context::default() }
}

/// A policy's answer under settings as the host sends them: JSON text. On [`THIS_NODE`].
pub fn evaluate<P: Policy>(settings: &str, subject: &Subject, draft: Draft) -> Outcome {
    evaluate_on::<P>(settings, &context(), subject, draft)
}

/// A policy's answer on any node.
pub fn evaluate_on<P: Policy>(settings: &str, context: &Context, subject: &Subject, draft: Draft) -> Outcome {
    ask::evaluate::<P>(settings, context, subject, draft)
}

/// A validator's answer under settings as the host sends them: JSON text. On [`THIS_NODE`].
pub fn validate<V: Validator>(settings: &str, subject: &Subject, draft: &Draft) -> Vec<Diagnostic> {
    validate_on::<V>(settings, &context(), subject, draft)
}

/// A validator's answer on any node.
pub fn validate_on<V: Validator>(
    settings: &str,
    context: &Context,
    subject: &Subject,
    draft: &Draft,
) -> Vec<Diagnostic> {
    ask::validate::<V>(settings, context, subject, draft)
}

/// What a policy says about settings before they are used.
pub fn check_settings<P: Policy>(settings: &str) -> Vec<Diagnostic> {
    ask::check(settings, P::check)
}

/// What a validator says about settings before they are used.
pub fn check_validator_settings<V: Validator>(settings: &str) -> Vec<Diagnostic> {
    ask::check(settings, V::check)
}

/// Only what a policy of this description is shown by the host: labels and annotations that it asked for, and never
/// those that egressd or `kubectl` write about the whole object; endpoints of other nodes where it asked for all.
#[must_use]
pub fn shown(mut subject: Subject, description: &Description) -> Subject {
    let begins = |name: &str, prefixes: &[String]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let withheld = |name: &str| WITHHELD.iter().any(|prefix| name.starts_with(prefix));
    let asked = |name: &str, prefixes: &[String]| begins(name, prefixes) && !withheld(name);
    subject.labels.retain(|name| begins(name, &description.label_prefixes));
    subject.annotations.retain(|name| asked(name, &description.annotation_prefixes));
    subject.namespace.annotations.retain(|name| asked(name, &description.namespace_annotation_prefixes));
    match description.endpoints {
        EndpointScope::All => {}
        EndpointScope::Here => {
            subject.endpoints_not_shown = subject.endpoints_elsewhere();
            subject.endpoints.retain(|endpoint| endpoint.here);
        }
    }
    subject
}

/// What no policy is shown, whatever it asks for.
const WITHHELD: [&str; 3] =
    ["kubectl.kubernetes.io/last-applied-configuration", "kube-vip.io/active-endpoint", "egressd.io/"];
