//! A validator for operators: which namespaces may ask for which destination ports.
//!
//! It looks at the rules that came out of all policies, wherever they came from, and names each port that goes too
//! far. One of them denies the whole Service: a part of what was asked for would be a surprise.

mod allowed;
mod settings;

use egressd_policy_sdk::{
    Context, Description, Diagnostic, Draft, PortRange, Rule, Subject, Validator, export_validator,
};

use crate::allowed::Allowed;
pub use crate::settings::{Entry, Settings, WithoutPorts};

/// Objections to one rule: people correct the first ones first, and an answer has a largest size.
const MAX_FINDINGS_PER_RULE: usize = 10;

/// The validator.
#[derive(Clone, Copy, Debug)]
pub struct PortAllowlist;

impl Validator for PortAllowlist {
    type Settings = Settings;

    fn describe(_settings: &Settings) -> Description {
        Description {
            name: "port-allowlist".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Says which namespaces may ask for which destination ports.".to_owned(),
            ..Description::default()
        }
    }

    fn validate(settings: &Settings, _context: &Context, subject: &Subject, draft: &Draft) -> Vec<Diagnostic> {
        if draft.rules().is_empty() {
            return Vec::new();
        }
        let allowed = Allowed::of(settings, subject);
        draft.rules().iter().flat_map(|rule| objections(rule, &allowed, subject)).collect()
    }
}

/// One for each port of a rule that goes too far, of the first ten.
fn objections(rule: &Rule, allowed: &Allowed, subject: &Subject) -> Vec<Diagnostic> {
    if *allowed == Allowed::Everything {
        return Vec::new();
    }
    if rule.destination_ports().is_empty() {
        return vec![objection(rule, "every port", allowed, subject)];
    }
    let too_far = rule.destination_ports().iter().filter(|asked| !allowed.contains(**asked));
    too_far
        .take(MAX_FINDINGS_PER_RULE)
        .map(|asked: &PortRange| objection(rule, &asked.to_string(), allowed, subject))
        .collect()
}

fn objection(rule: &Rule, asked: &str, allowed: &Allowed, subject: &Subject) -> Diagnostic {
    let (id, namespace) = (rule.id(), &subject.namespace.name);
    let message = format!("rule {id:?}: namespace {namespace} may not ask for {asked}; it may ask for {allowed}");
    Diagnostic::error("port-not-allowed", message).for_rule(id)
}

export_validator!(PortAllowlist);
