//! What comes out of a golden case, as text: the format of the SDK's test kit (`policy-sdk/src/testkit/render.rs` says
//! it line by line), so that a component and native code are compared with the same file.

use std::fmt::Display;

use egressd_core::decision::{Decision, Diagnostic, Draft, OnChange, OnUnavailable, Outcome, Rule};
use egressd_core::finding::{Finding, Severity, Span};
use egressd_core::model::SubjectView;
use egressd_core::text::plain;

/// A policy's word on a Service.
pub(super) fn outcome(outcome: &Outcome, service: &SubjectView) -> String {
    let decision = match &outcome.decision {
        Decision::Pass => "pass\n".to_owned(),
        Decision::Plan(draft) => format!("plan\n{}", self::draft(draft)),
        Decision::Invalid => "invalid\n".to_owned(),
        Decision::Deny => "deny\n".to_owned(),
    };
    decision + &diagnostics(&outcome.diagnostics, service)
}

/// A validator's word on a Service.
pub(super) fn validation(told: &[Diagnostic], service: &SubjectView) -> String {
    let denied = told.iter().any(|finding| finding.severity == Severity::Error);
    let decision = if denied { "deny\n" } else { "accept\n" };
    decision.to_owned() + &diagnostics(told, service)
}

/// Settings that are refused: no Service is looked at.
pub(super) fn refusal(told: &[Finding], service: &SubjectView) -> String {
    "refused\n".to_owned() + &told.iter().map(|told| finding(told, service)).collect::<String>()
}

fn diagnostics(told: &[Diagnostic], service: &SubjectView) -> String {
    told.iter().cloned().map(|told| finding(&told.into(), service)).collect()
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
    let rules: String = draft.rules().iter().map(|rule| format!("rule {}\n", self::rule(rule))).collect();
    format!("{on_change}{on_unavailable}{rules}")
}

/// A rule without its last line feed.
pub(super) fn rule(rule: &Rule) -> String {
    let sources = if rule.sources().is_empty() { "nobody".to_owned() } else { list(rule.sources()) };
    let mut text = format!("{}: {sources} -> {}", plain(rule.id()), rule.address());
    for (name, items) in [
        ("to", list(rule.include())),
        ("except", list(rule.exclude())),
        ("source ports", list(rule.source_ports())),
        ("destination ports", list(rule.destination_ports())),
    ] {
        if !items.is_empty() {
            text += &format!("\n  {name}: {items}");
        }
    }
    text
}

fn finding(finding: &Finding, service: &SubjectView) -> String {
    // The policy is the one that was asked.
    let Finding { severity, code, message, span, policy: _, rule: _ } = finding;
    let text = format!("{severity} {code}: {}\n", plain(message));
    let Some(span) = span else { return text };
    let value = service.subject.annotations().get(&span.annotation).unwrap_or_default();
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
