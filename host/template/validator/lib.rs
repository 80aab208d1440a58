//! A validator for egressd: a Service that asks for more than one destination port (or range of ports) is denied.
//!
//! It looks at the rules that all policies together left, and may only complain.

mod settings;

use egressd_policy_sdk::{
    Context, Description, Diagnostic, Draft, PortRange, Rule, Subject, Validator, export_validator,
};

pub use crate::settings::Settings;

/// The validator.
#[derive(Clone, Copy, Debug)]
pub struct OnePort;

impl Validator for OnePort {
    type Settings = Settings;

    fn describe(_settings: &Settings) -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Denies Services that ask for other destination ports.".to_owned(),
            ..Description::default()
        }
    }

    fn validate(
        settings: &Settings,
        _context: &Context,
        _subject: &Subject,
        draft: &Draft,
    ) -> Vec<Diagnostic> {
        draft
            .rules()
            .iter()
            .filter_map(|rule| too_much(rule, settings.port))
            .collect()
    }
}

/// What is wrong with a rule, if it reaches further than it may.
fn too_much(rule: &Rule, port: PortRange) -> Option<Diagnostic> {
    let ports = rule.destination_ports();
    let asked = match ports.iter().find(|range| !port.contains(**range)) {
        Some(other) => other.to_string(),
        None if ports.is_empty() => "all ports".to_owned(),
        None => return None,
    };
    let message = format!(
        "rule {:?} is for {asked}, and only {port} may be translated; ask for {port}",
        rule.id()
    );
    Some(Diagnostic::error("port-not-allowed", message).for_rule(rule.id()))
}

export_validator!(OnePort);

#[cfg(test)]
mod tests {
    use egressd_policy_sdk::testkit;

    use super::*;

    #[test]
    fn the_cases_come_out_as_expected() {
        testkit::validator_cases::<OnePort>("cases");
    }

    #[test]
    fn the_schema_says_what_the_settings_are() {
        testkit::check_schema::<Settings>();
    }
}
