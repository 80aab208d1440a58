//! A policy for egressd: only one destination port (or range of ports) is translated, whatever a Service says.
//!
//! It narrows every rule that earlier policies left, and does nothing else.

mod settings;

use egressd_policy_sdk::{
    Context, Description, Diagnostic, Draft, Outcome, Policy, PortRange, Rule, RuleError, Subject,
    export_policy,
};

pub use crate::settings::Settings;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct OnePort;

impl Policy for OnePort {
    type Settings = Settings;

    fn describe(_settings: &Settings) -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Translates one destination port and no other.".to_owned(),
            ..Description::default()
        }
    }

    fn evaluate(
        settings: &Settings,
        _context: &Context,
        _subject: &Subject,
        mut draft: Draft,
    ) -> Outcome {
        let rules = draft.take_rules();
        if rules.is_empty() {
            return Outcome::pass();
        }
        let (kept, gone): (Vec<Rule>, Vec<Rule>) = rules
            .into_iter()
            .partition(|rule| ports(rule, settings.port).next().is_some());
        let findings: Vec<Diagnostic> = gone
            .iter()
            .map(|rule| nothing_left(rule, settings.port))
            .collect();
        let narrowed: Result<Vec<Rule>, RuleError> = kept
            .into_iter()
            .map(|rule| narrow(rule, settings.port))
            .collect();
        match narrowed.and_then(|rules| draft.with_rules(rules)) {
            Ok(draft) => Outcome::plan(draft).with(findings),
            Err(error) => Outcome::deny(vec![error.into()]),
        }
    }
}

/// The rule for no more than this port.
fn narrow(rule: Rule, port: PortRange) -> Result<Rule, RuleError> {
    let ports: Vec<PortRange> = ports(&rule, port).collect();
    rule.with_destination_ports(ports)
}

/// What is left of a rule's destination ports. A rule without any is for all of them.
fn ports(rule: &Rule, port: PortRange) -> impl Iterator<Item = PortRange> {
    let all = rule.destination_ports().is_empty().then_some(port);
    all.into_iter().chain(
        rule.destination_ports()
            .iter()
            .filter_map(move |range| common(*range, port)),
    )
}

/// The ports that are in both; none when there is no such port.
fn common(a: PortRange, b: PortRange) -> Option<PortRange> {
    if a.protocol() != b.protocol() {
        return None;
    }
    PortRange::new(
        a.protocol(),
        a.first().max(b.first()),
        a.last().min(b.last()),
    )
    .ok()
}

fn nothing_left(rule: &Rule, port: PortRange) -> Diagnostic {
    let message = format!(
        "rule {:?} is not for {port}, and nothing else is translated; ask for {port}",
        rule.id()
    );
    Diagnostic::warning("port-not-translated", message)
}

export_policy!(OnePort);

#[cfg(test)]
mod tests {
    use egressd_policy_sdk::testkit;

    use super::*;

    #[test]
    fn the_cases_come_out_as_expected() {
        testkit::cases::<OnePort>("cases");
    }

    #[test]
    fn the_schema_says_what_the_settings_are() {
        testkit::check_schema::<Settings>();
    }
}
