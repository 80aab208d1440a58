//! Answers as text: the content of a golden case's `expected.txt`. A component and native code are compared with the
//! same file, so this is its format, line by line, each ended by a line feed:
//!
//! 1. The decision: `plan`, `pass`, `invalid` or `deny` of a policy; `accept` or `deny` of a validator, whose answer is
//!    `deny` when one of its diagnostics is an error; `refused` when the settings were refused before the subject was
//!    looked at.
//! 2. For `plan` alone, each only where it differs from the default: `on-change: sever`,
//!    `on-unavailable: drop`, `gateways: SELECTOR`, and `extra NAME: VALUE` for each.
//! 3. For `plan` alone, for each rule in order, `rule ID: SOURCES -> ADDRESSES`, where no sources are `none`; and
//!    under it, each only where it is there and in this order, `  to: NETWORKS`, `  except: NETWORKS`,
//!    `  source ports: PORTS`, `  destination ports: PORTS`, `  translated ports: FIRST-LAST`, `  dscp: NUMBER`,
//!    `  mark: VALUE/MASK`, `  extra NAME: VALUE`.
//! 4. For each diagnostic in order, `SEVERITY CODE: SENTENCE`, with the severity `info`, `warning` or `error`. When it
//!    has a span: `  ANNOTATION: VALUE` with the whole value, and a line of blanks with one `^` under each character of
//!    the span, at least one.
//!
//! Lists are in the order of the answer, with `, ` between their items: addresses, networks always with their prefix
//! length, ports as `tcp:443` or `tcp:8000-8999`. Control characters become blanks.

use std::fmt::Display;

use crate::{Decision, Diagnostic, Draft, OnChange, OnUnavailable, Outcome, Rule, Severity, Span};

/// The value of an annotation of the subject by its name; none where it is not there.
pub type Value<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// A policy's answer.
pub fn outcome(outcome: &Outcome, value: Value<'_>) -> String {
    let decision = match &outcome.decision {
        Decision::Pass => "pass\n".to_owned(),
        Decision::Plan(draft) => format!("plan\n{}", self::draft(draft)),
        Decision::Invalid => "invalid\n".to_owned(),
        Decision::Deny => "deny\n".to_owned(),
    };
    decision + &diagnostics(&outcome.diagnostics, value)
}

/// A validator's answer.
pub fn validation(answer: &[Diagnostic], value: Value<'_>) -> String {
    let denied = answer.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let decision = if denied { "deny\n" } else { "accept\n" };
    decision.to_owned() + &diagnostics(answer, value)
}

/// Settings that are refused: no subject is looked at.
pub fn refusal(answer: &[Diagnostic], value: Value<'_>) -> String {
    "refused\n".to_owned() + &diagnostics(answer, value)
}

/// Diagnostics alone.
pub fn diagnostics(diagnostics: &[Diagnostic], value: Value<'_>) -> String {
    diagnostics.iter().map(|diagnostic| self::diagnostic(diagnostic, value)).collect()
}

fn draft(draft: &Draft) -> String {
    let on_change = match draft.on_change {
        None | Some(OnChange::Keep) => "",
        Some(OnChange::Sever) => "on-change: sever\n",
    };
    let on_unavailable = match draft.on_unavailable {
        None | Some(OnUnavailable::Pass) => "",
        Some(OnUnavailable::Drop) => "on-unavailable: drop\n",
    };
    let gateways = draft.gateways().map(|gateways| format!("gateways: {gateways}\n")).unwrap_or_default();
    let extra: String = draft.extra().iter().map(|(name, value)| extra(name, value) + "\n").collect();
    let rules: String = draft.rules().iter().map(|rule| format!("rule {}\n", self::rule(rule))).collect();
    format!("{on_change}{on_unavailable}{gateways}{extra}{rules}")
}

/// A rule without `rule ` before it and without the last line feed.
pub fn rule(rule: &Rule) -> String {
    let sources = if rule.sources().is_empty() { "none".to_owned() } else { list(rule.sources()) };
    let addresses: Vec<_> = rule.addresses().collect();
    let mut text = format!("{}: {sources} -> {}", plain(rule.id()), list(&addresses));
    for (name, items) in [
        ("to", list(rule.include())),
        ("except", list(rule.exclude())),
        ("source ports", list(rule.source_ports())),
        ("destination ports", list(rule.destination_ports())),
        ("translated ports", list(rule.translated_ports().as_slice())),
        ("dscp", list(rule.dscp().as_slice())),
        ("mark", list(rule.mark().as_slice())),
    ] {
        if !items.is_empty() {
            text += &format!("\n  {name}: {items}");
        }
    }
    rule.extra().iter().for_each(|(name, value)| text += &format!("\n  {}", extra(name, value)));
    text
}

fn extra(name: &str, value: &str) -> String {
    format!("extra {}: {}", plain(name), plain(value))
}

fn diagnostic(diagnostic: &Diagnostic, value: Value<'_>) -> String {
    let Diagnostic { severity, code, message, span, rule: _ } = diagnostic;
    let text = format!("{severity} {code}: {}\n", plain(message));
    let Some(span) = span else { return text };
    let value = value(&span.annotation).unwrap_or_default();
    let (before, marked) = columns(span, value);
    let blanks = " ".repeat(span.annotation.chars().count() + 2 + before);
    format!("{text}  {}: {}\n  {blanks}{}\n", span.annotation, plain(value), "^".repeat(marked))
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
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::{outcome, validation};
    use crate::{Diagnostic, Draft, Dscp, Mark, OnChange, OnUnavailable, Outcome, PortSpan, Rule, RuleParts};

    #[test]
    fn a_plan_is_printed_with_all_that_it_says() -> Result<(), Box<dyn std::error::Error>> {
        let addresses = ["192.0.2.10".parse()?, "192.0.2.11".parse()?];
        let parts = RuleParts {
            sources: vec!["10.244.1.7".parse()?, "10.244.1.8".parse()?],
            include: vec!["203.0.113.0/24".parse()?],
            exclude: vec!["203.0.113.7/32".parse()?],
            source_ports: vec!["tcp:1024-65535".parse()?],
            destination_ports: vec!["tcp:443".parse()?, "udp:53".parse()?],
            translated_ports: Some(PortSpan::new(1024, 2047)?),
            dscp: Some(Dscp::new(46)?),
            mark: Some(Mark::new(1, 255)?),
            ..Rule::new("ipv4", addresses[0]).with_addresses(addresses)?.into()
        };
        let mut plan = Draft::default().with_extra(vec![("a".into(), "b".into())]);
        plan.push(parts.checked()?)?;
        plan.on_change = Some(OnChange::Sever);
        plan.on_unavailable = Some(OnUnavailable::Drop);
        assert_eq!(
            outcome(&Outcome::plan(plan), &|_| None),
            "plan\non-change: sever\non-unavailable: drop\nextra a: b\n\
             rule ipv4: 10.244.1.7, 10.244.1.8 -> 192.0.2.10, 192.0.2.11\n  to: 203.0.113.0/24\n  \
             except: 203.0.113.7/32\n  source ports: tcp:1024-65535\n  destination ports: tcp:443, udp:53\n  \
             translated ports: 1024-2047\n  dscp: 46\n  mark: 0x1/0xff\n"
        );
        Ok(())
    }

    #[test]
    fn a_span_is_underlined_by_characters() {
        let wrong = Diagnostic::error("not-x", "x is\nwrong").about("a/b", "ä,x\ny", "x\ny");
        assert_eq!(
            outcome(&Outcome::invalid(vec![wrong]), &|_| Some("ä,x\ny")),
            "invalid\nerror not-x: x is wrong\n  a/b: ä,x y\n         ^^^\n"
        );
    }

    #[test]
    fn a_validator_denies_by_an_error_alone() {
        assert_eq!(validation(&[Diagnostic::warning("a", "b")], &|_| None), "accept\nwarning a: b\n");
        assert_eq!(validation(&[Diagnostic::error("a", "b")], &|_| None), "deny\nerror a: b\n");
        assert_eq!(outcome(&Outcome::plan(Draft::default()), &|_| None), "plan\n");
    }
}
