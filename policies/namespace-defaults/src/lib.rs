//! A policy for operators: Services inherit egress from their namespace or labels.
//!
//! It stands before the policy that reads annotations, and leaves a Service alone that says something itself, be it
//! that it wants no egress. What it answers looks as if the Service's owner had written the annotations.

mod plan;
mod settings;

use egressd_policy_sdk::{
    Context, Description, Diagnostic, Draft, Outcome, Policy, ServiceType, Subject, export_policy,
};

pub use crate::settings::{Change, Egress, Entry, Families, Settings, Unavailable};

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct NamespaceDefaults;

impl Policy for NamespaceDefaults {
    type Settings = Settings;

    fn describe(settings: &Settings) -> Description {
        let labels = settings.defaults.iter().flat_map(|entry| entry.services.label_names());
        Description {
            name: "namespace-defaults".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Gives Services without annotations the egress of their namespace.".to_owned(),
            annotation_prefixes: vec![format!("{}/egress", settings.prefix)],
            label_prefixes: labels.map(str::to_owned).collect(),
            ..Description::default()
        }
    }

    fn evaluate(settings: &Settings, context: &Context, subject: &Subject, draft: Draft) -> Outcome {
        let named = |entry: &&Entry| entry.namespaces.selects(&subject.namespace.name, &subject.namespace.labels);
        let chosen = |entry: &&Entry| named(entry) && entry.services.selects(&subject.name, &subject.labels);
        let speaks = subject.annotations.get(&format!("{}/egress", settings.prefix)).is_some();
        // A Service of another type has no address of its own, and its owner asked for nothing.
        let ours = !speaks && subject.service_type() == Some(ServiceType::LoadBalancer) && draft.rules().is_empty();
        match settings.defaults.iter().find(chosen).filter(|_| ours) {
            Some(entry) => {
                let ignored = ignored(settings, subject);
                plan::plan(&entry.egress, context, subject, draft).with(ignored)
            }
            None => Outcome::pass(),
        }
    }
}

/// Filters without `egress` itself filter nothing, which is worse here than where there is no egress.
fn ignored(settings: &Settings, subject: &Subject) -> Vec<Diagnostic> {
    let beginning = format!("{}/egress-", settings.prefix);
    // kube-vip writes this one; it asks for nothing.
    let filters = subject
        .annotations
        .iter()
        .filter(|(name, _)| name.strip_prefix(beginning.as_str()).is_some_and(|rest| rest != "nftables-table"));
    let findings = filters.map(|(name, value)| {
        let message = format!(
            "{name} has no effect, because the egress of this Service comes from its namespace; write {}/egress: \"true\" too, or remove it",
            settings.prefix
        );
        Diagnostic::warning("filter-without-egress", message).about(name, value, value)
    });
    findings.collect()
}

export_policy!(NamespaceDefaults);
