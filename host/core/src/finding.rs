//! Findings: one sentence each, with a code, a severity, and where possible the text that it is about.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use egressd_vocabulary::{Severity, Span};

use egressd_vocabulary::Diagnostic;

use crate::text::Text;

/// How many findings of one kind of source (the host, a policy) about one Service are kept.
pub const MAX_FINDINGS: usize = 16;

/// One message about one Service, one file or the node.
///
/// Text from outside becomes plain in the constructor of [`Text`], so no finding carries anything else.
///
/// Findings order by severity first, so that a sorted list reads from mild to bad.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    pub severity: Severity,
    /// Short, stable, kebab-case: what programs look at.
    pub code: Text,
    /// One sentence: the item, what is wrong with it, what would be right.
    pub message: Text,
    /// The part of the annotation to underline.
    pub span: Option<Span>,
    /// The policy that reports it; none where egressd does.
    pub policy: Option<Arc<Text>>,
    /// The id of the rule that it is about.
    pub rule: Option<Arc<Text>>,
}

impl Finding {
    pub fn new(severity: Severity, code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self { severity, code: code.into(), message: message.into(), span: None, policy: None, rule: None }
    }

    /// The same, reported by this policy.
    #[must_use]
    pub fn of_policy(self, policy: impl Into<Arc<Text>>) -> Self {
        Self { policy: Some(policy.into()), ..self }
    }

    /// The same, about the rule of this id.
    #[must_use]
    pub fn about_rule(self, rule: impl Into<Text>) -> Self {
        Self { rule: Some(Arc::new(rule.into())), ..self }
    }

    /// What it is called for programs, which policy reports it, and which rule it is about.
    pub fn label(&self) -> impl fmt::Display {
        let [policy, rule] = [&self.policy, &self.rule].map(|name| name.as_ref().map(|name| name.as_str()));
        label(&self.code, policy, rule)
    }

    /// Not in force: `code` and a sentence.
    pub fn error(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// In force, but probably not as meant: `code` and a sentence.
    pub fn warning(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::new(Severity::Warning, code, message)
    }
}

/// What a policy reports, as text that is fit to be shown.
impl From<Diagnostic> for Finding {
    fn from(diagnostic: Diagnostic) -> Self {
        let Diagnostic { severity, code, message, span, rule } = diagnostic;
        let rule = rule.map(|rule| Arc::new(Text::new(rule)));
        Self { span, rule, ..Self::new(severity, code, message) }
    }
}

/// The first [`MAX_FINDINGS`] findings, and of many the worst, with one more that says how many are left out. It never
/// says that one is.
pub fn at_most(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for finding in findings {
        let count = counts.entry(finding.severity).or_default();
        *count += 1;
        if *count <= MAX_FINDINGS + 1 {
            kept.push(finding);
        }
    }
    let all: usize = counts.values().sum();
    if all <= MAX_FINDINGS + 1 {
        return kept;
    }
    let kept = worst(kept);
    for finding in &kept {
        counts.entry(finding.severity).and_modify(|count| *count -= 1);
    }
    let left_out = counts.into_iter().rev().find(|(_, count)| *count > 0);
    let severity = left_out.map_or(Severity::Info, |(severity, _)| severity);
    let more = format!("{} more findings are not listed; correct the listed ones first", all - MAX_FINDINGS);
    kept.into_iter().chain([Finding::new(severity, "more-findings", more)]).collect()
}

/// The worst, in the order in which they were found.
fn worst(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut places: Vec<usize> = (0..findings.len()).collect();
    places.sort_by_key(|place| (Reverse(findings[*place].severity), *place));
    let worst: Vec<usize> = places.into_iter().take(MAX_FINDINGS).collect();
    let mut place = 0..;
    findings.retain(|_| place.next().is_some_and(|place| worst.contains(&place)));
    findings
}

/// How a sentence names several items of which the first stands for all.
pub fn first_of(first: impl fmt::Display, more: usize) -> String {
    match more {
        0 => first.to_string(),
        _ => format!("{first} (and {more} more)"),
    }
}

/// What several findings say, in one line.
pub fn sentences(findings: &[Finding]) -> String {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// `[code] policy NAME, rule ID`, as far as there are a policy and a rule.
pub fn label(code: &str, policy: Option<&str>, rule: Option<&str>) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let origin = [("policy", policy), ("rule", rule)];
        let origin = origin.into_iter().filter_map(|(what, name)| Some(format!("{what} {}", name?)));
        let origin = origin.collect::<Vec<_>>().join(", ");
        let blank = if origin.is_empty() { "" } else { " " };
        write!(f, "[{code}]{blank}{origin}")
    })
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.severity, self.message, self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: usize) -> impl Iterator<Item = Finding> {
        (0..count).map(|number| Finding::warning("bad", number.to_string()))
    }

    #[test]
    fn a_finding_says_which_policy_reports_it_and_which_rule_it_is_about() {
        let guard = Arc::new(Text::new("guard"));
        let plain = Finding::warning("bad", "no");
        let diagnostic = Diagnostic { rule: Some("web-1".to_owned()), ..Diagnostic::warning("bad", "no") };
        for (finding, label) in [
            (plain.clone(), "[bad]"),
            (plain.of_policy(Arc::clone(&guard)), "[bad] policy guard"),
            (Finding::from(diagnostic.clone()), "[bad] rule web-1"),
            (Finding::from(diagnostic).of_policy(Arc::clone(&guard)), "[bad] policy guard, rule web-1"),
        ] {
            assert_eq!(finding.to_string(), format!("warning: no {label}"));
        }
    }

    #[test]
    fn few_findings_stay_as_they_are_and_one_more_is_never_left_out_alone() {
        for count in [0, 1, MAX_FINDINGS, MAX_FINDINGS + 1] {
            assert!(at_most(many(count)).into_iter().eq(many(count)), "{count}");
        }
    }

    #[test]
    fn of_many_findings_one_says_how_many_more_there_are() {
        for count in [MAX_FINDINGS + 2, 5000] {
            let kept = at_most(many(count));
            assert_eq!(kept.len(), MAX_FINDINGS + 1);
            let end = format!(
                "warning: {} more findings are not listed; correct the listed ones first",
                count - MAX_FINDINGS
            );
            assert_eq!(kept[MAX_FINDINGS].to_string(), format!("{end} [more-findings]"));
            assert!(kept[..MAX_FINDINGS].iter().cloned().eq(many(MAX_FINDINGS)), "{count}");
        }
    }

    #[test]
    fn an_error_behind_a_thousand_warnings_is_listed_and_a_thousandth_error_stays_an_error() {
        let late = at_most(many(1000).chain([Finding::error("denied", "no")]));
        assert_eq!((late[MAX_FINDINGS - 1].code.as_str(), late[MAX_FINDINGS].severity), ("denied", Severity::Warning));
        let errors = at_most(many(9).chain((0..1000).map(|_| Finding::error("denied", "no"))));
        assert!(errors.iter().all(|finding| finding.severity == Severity::Error) && errors.len() == MAX_FINDINGS + 1);
    }
}
