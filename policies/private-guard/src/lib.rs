//! A policy for operators: private destinations are never translated, whatever a Service says.
//!
//! It adds excluded destinations to every rule that earlier policies left, and does nothing else: no rule goes, none
//! comes, and none reaches further than before.

mod settings;

use egressd_policy_sdk::{
    Context, Description, Diagnostic, Draft, IpNet, Outcome, Policy, Rule, RuleError, Subject, export_policy,
};

pub use crate::settings::Settings;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct PrivateGuard;

impl Policy for PrivateGuard {
    type Settings = Settings;

    fn describe(_settings: &Settings) -> Description {
        Description {
            name: "private-guard".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Excludes private destinations from every rule.".to_owned(),
            ..Description::default()
        }
    }

    fn evaluate(settings: &Settings, _context: &Context, _subject: &Subject, mut draft: Draft) -> Outcome {
        let rules = draft.take_rules();
        if rules.is_empty() {
            return Outcome::pass();
        }
        let guarded: Result<Vec<Rule>, RuleError> = rules.into_iter().map(|rule| guarded(rule, settings)).collect();
        match guarded.and_then(|rules| draft.with_rules(rules)) {
            Ok(draft) => {
                let idle: Vec<Diagnostic> = draft.rules().iter().filter_map(|rule| idle(rule, settings)).collect();
                Outcome::plan(draft).with(idle)
            }
            Err(error) => Outcome::deny(vec![error.into()]),
        }
    }
}

/// The rule without the guarded destinations. Those that it does not reach anyway would only cost the kernel memory.
fn guarded(rule: Rule, settings: &Settings) -> Result<Rule, RuleError> {
    let reached = |network: &IpNet| rule.include().is_empty() || rule.include().iter().any(|i| overlap(i, network));
    let excluded = |network: &IpNet| rule.exclude().iter().any(|known| known.contains(network));
    let family = rule.family().networks(settings.networks.iter().copied());
    let networks: Vec<IpNet> = family.filter(|network| reached(network) && !excluded(network)).collect();
    rule.except(networks)
}

/// Two networks of one family have common addresses only when one of them is inside the other.
fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// A rule that is left without a destination stays, because without it a later one might apply; a warning reports it.
fn idle(rule: &Rule, settings: &Settings) -> Option<Diagnostic> {
    let covered = |network: &IpNet| settings.networks.iter().any(|guarded| guarded.contains(network));
    let nothing_left = !rule.include().is_empty() && rule.include().iter().all(covered);
    let message = format!(
        "rule {:?} goes to guarded networks only, so it translates nothing; allow it a public network, or remove it",
        rule.id()
    );
    nothing_left.then(|| Diagnostic::warning("nothing-left", message).for_rule(rule.id()))
}

export_policy!(PrivateGuard);
