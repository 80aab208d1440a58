//! What comes out of a case, as text: the content of its `expected.txt`. The host prints the same for a component,
//! so this is its format, line by line, each ended by a line feed:
//!
//! 1. The decision: `plan`, `pass`, `invalid` or `deny` of a policy; `accept` or `deny` of a validator, whose word is
//!    `deny` when one of its diagnostics is an error; `refused` when the settings were refused before the Service was
//!    looked at.
//! 2. For `plan` alone: `on-change: sever` unless it is keep, and `on-unavailable: drop` unless it is pass.
//! 3. For `plan` alone, for each rule in order, `rule ID: SOURCES -> ADDRESS`, where no sources are `nobody`; and under
//!    it, each only when the list is not empty and in this order, `  to: NETWORKS`, `  except: NETWORKS`,
//!    `  source ports: PORTS`, `  destination ports: PORTS`.
//! 4. For each diagnostic in order, `SEVERITY CODE: SENTENCE`, with the severity `info`, `warning` or `error`. When it
//!    has a span: `  ANNOTATION: VALUE` with the whole value, and a line of blanks with one `^` under each character of
//!    the span, at least one.
//!
//! Lists are in the order of the answer, with `, ` between their items: addresses, networks always with their prefix
//! length, ports as `tcp:443` or `tcp:8000-8999`. Control characters in sentences and values become blanks.

use std::fmt::{self, Display, Write};

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::draft::{Draft, OnChange, OnUnavailable};
use crate::outcome::{Decision, Outcome};
use crate::rule::Rule;
use crate::service::Service;

/// A policy's word on a Service.
pub fn outcome_text(outcome: &Outcome, service: &Service) -> String {
    let decision = match &outcome.decision {
        Decision::Pass => "pass\n".to_owned(),
        Decision::Plan(draft) => format!("plan\n{}", draft_text(draft)),
        Decision::Invalid => "invalid\n".to_owned(),
        Decision::Deny => "deny\n".to_owned(),
    };
    decision + &diagnostics_text(&outcome.diagnostics, service)
}

/// A validator's word on a Service.
pub fn validation_text(diagnostics: &[Diagnostic], service: &Service) -> String {
    let denied = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let decision = if denied { "deny\n" } else { "accept\n" };
    decision.to_owned() + &diagnostics_text(diagnostics, service)
}

/// Settings that are refused: no Service is looked at.
pub fn refusal_text(diagnostics: &[Diagnostic], service: &Service) -> String {
    "refused\n".to_owned() + &diagnostics_text(diagnostics, service)
}

/// What a Service's owner is told.
pub fn diagnostics_text(diagnostics: &[Diagnostic], service: &Service) -> String {
    written(|text| diagnostics.iter().try_for_each(|diagnostic| write_diagnostic(text, diagnostic, service)))
}

fn draft_text(draft: &Draft) -> String {
    written(|text| {
        match draft.on_change {
            OnChange::Keep => {}
            OnChange::Sever => writeln!(text, "on-change: sever")?,
        }
        match draft.on_unavailable {
            OnUnavailable::Pass => {}
            OnUnavailable::Drop => writeln!(text, "on-unavailable: drop")?,
        }
        draft.rules().iter().try_for_each(|rule| write_rule(text, rule))
    })
}

fn write_rule(text: &mut String, rule: &Rule) -> fmt::Result {
    let sources = if rule.sources().is_empty() { "nobody".to_owned() } else { list(rule.sources()) };
    writeln!(text, "rule {}: {sources} -> {}", plain(rule.id()), rule.address())?;
    for (name, items) in [
        ("to", list(rule.include())),
        ("except", list(rule.exclude())),
        ("source ports", list(rule.source_ports())),
        ("destination ports", list(rule.destination_ports())),
    ] {
        if !items.is_empty() {
            writeln!(text, "  {name}: {items}")?;
        }
    }
    Ok(())
}

fn write_diagnostic(text: &mut String, diagnostic: &Diagnostic, service: &Service) -> fmt::Result {
    let severity = match diagnostic.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    writeln!(text, "{severity} {}: {}", diagnostic.code, plain(&diagnostic.message))?;
    let Some(span) = &diagnostic.span else { return Ok(()) };
    let value = service.annotations.get(&span.annotation).unwrap_or_default();
    writeln!(text, "  {}: {}", span.annotation, plain(value))?;
    let (before, marked) = columns(span, value);
    writeln!(text, "  {}{}", " ".repeat(span.annotation.chars().count() + 2 + before), "^".repeat(marked))
}

/// Characters before the span, and in it.
fn columns(span: &Span, value: &str) -> (usize, usize) {
    let count = |range: Option<&str>| range.map_or(0, |text| text.chars().count());
    let before = count(value.get(..span.offset));
    let marked = count(value.get(span.offset..span.offset.saturating_add(span.length)));
    (before, marked.max(1))
}

fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Text for one line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writing into memory does not fail.
fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    write(&mut text).unwrap_or_else(|error| panic!("cannot write into memory: {error}"));
    text
}

#[cfg(test)]
mod tests {
    use super::{outcome_text, validation_text};
    use crate::diagnostic::Diagnostic;
    use crate::draft::{OnChange, OnUnavailable};
    use crate::outcome::Outcome;
    use crate::testkit::{draft, load_balancer, networks, ports, rule};

    #[test]
    fn a_plan_is_printed_with_all_that_it_says() {
        let rule = rule("ipv4", "192.0.2.10", &["10.244.1.7", "10.244.1.8"]);
        let rule = rule.to(networks(&["203.0.113.0/24"])).and_then(|rule| rule.except(networks(&["203.0.113.7"])));
        let rule = rule.and_then(|rule| rule.with_source_ports(ports(&["tcp:1024-65535"])));
        let rule = rule.and_then(|rule| rule.with_destination_ports(ports(&["tcp:443", "udp:53"])));
        let mut plan = draft(rule);
        (plan.on_change, plan.on_unavailable) = (OnChange::Sever, OnUnavailable::Drop);
        let service = load_balancer("shop", "web").build();
        assert_eq!(
            outcome_text(&Outcome::plan(plan), &service),
            "plan\non-change: sever\non-unavailable: drop\nrule ipv4: 10.244.1.7, 10.244.1.8 -> 192.0.2.10\n  to: 203.0.113.0/24\n  except: 203.0.113.7/32\n  source ports: tcp:1024-65535\n  destination ports: tcp:443, udp:53\n"
        );
    }

    #[test]
    fn a_span_is_underlined_by_characters() {
        let service = load_balancer("shop", "web").annotation("a/b", "ä,x\ny").build();
        let wrong = Diagnostic::error("not-x", "x is\nwrong").about("a/b", "ä,x\ny", "x\ny");
        assert_eq!(
            outcome_text(&Outcome::invalid(vec![wrong]), &service),
            "invalid\nerror not-x: x is wrong\n  a/b: ä,x y\n         ^^^\n"
        );
    }

    #[test]
    fn a_validator_denies_by_an_error_alone() {
        let service = load_balancer("shop", "web").build();
        assert_eq!(validation_text(&[Diagnostic::warning("a", "b")], &service), "accept\nwarning a: b\n");
        assert_eq!(validation_text(&[Diagnostic::error("a", "b")], &service), "deny\nerror a: b\n");
        assert_eq!(outcome_text(&Outcome::plan(draft([])), &service), "plan\n");
    }
}
