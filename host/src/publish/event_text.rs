//! Statuses as Events say them.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

pub use egressd_core::codes::EventType;
use egressd_core::finding::{Finding, Severity, label};
use egressd_core::status::{State, SubjectStatus};
use egressd_core::text::{Text, cut, plain};

use crate::instances::orphans::Orphan;
use crate::state_channel::ChangedTable;

/// The longest note that Kubernetes takes is 1 KiB.
const MAX_NOTE: usize = 1000;
/// How many bytes of a sentence are in a note, so that its code behind it is never cut off.
const MAX_SENTENCE: usize = 700;
/// How many endpoints are named.
const MAX_ENDPOINTS: usize = 4;

/// What an Event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventText {
    pub reason: Reason,
    /// How it is meant.
    pub event_type: EventType,
    /// In one sentence.
    pub note: String,
    /// What is wrong, by code. The sentence has it too, with numbers and names that change more often.
    pub faults: BTreeSet<String>,
}

/// An Event's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is in force.
    Applied,
    /// Something else is in force.
    Changed,
    /// The user's input is wrong.
    Invalid,
    /// A policy forbids it.
    Denied,
    /// A policy could not answer.
    PolicyFailed,
    /// Asked for, and not in force here.
    NotApplied,
    /// It is not asked for any more.
    Removed,
    /// A table translates, and no egressd manages it.
    OrphanedTable,
    /// Another program changed a table of ours.
    TableChanged,
}

impl Reason {
    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "Applied",
            Self::Changed => "Changed",
            Self::Invalid => "Invalid",
            Self::Denied => "Denied",
            Self::PolicyFailed => "PolicyFailed",
            Self::NotApplied => "NotApplied",
            Self::Removed => "Removed",
            Self::OrphanedTable => "OrphanedTable",
            Self::TableChanged => "TableChanged",
        }
    }
}

impl EventText {
    /// With a note that Kubernetes takes.
    pub(super) fn new(reason: Reason, event_type: EventType, note: impl Into<String>) -> Self {
        let mut note = plain(&note.into());
        cut(&mut note, MAX_NOTE);
        Self { reason, event_type, note, faults: BTreeSet::new() }
    }

    /// Of something wrong, with its code, which stays whole however long the sentence is.
    pub(super) fn coded(reason: Reason, sentence: &str, label: impl Display) -> Self {
        let mut sentence = sentence.to_owned();
        cut(&mut sentence, MAX_SENTENCE);
        Self::new(reason, EventType::Warning, format!("{sentence} {label}"))
    }

    /// Of a Service that was reported, and which is not asked for any more.
    pub fn removed() -> Self {
        Self::new(Reason::Removed, EventType::Normal, "egress is no longer requested; its SNAT rules are removed")
    }

    /// Of a table that no egressd manages.
    pub fn orphaned(orphan: &Orphan) -> Self {
        let finding = orphan.finding();
        Self::coded(Reason::OrphanedTable, &finding.message, finding.label())
    }

    /// Of a table that another program changed.
    pub fn changed_table(changed: &ChangedTable) -> Self {
        let finding = changed.first_change();
        Self::coded(Reason::TableChanged, &finding.message, finding.label())
    }

    /// Of a status, as a node says it; none when egress was not asked for.
    pub fn of(status: &SubjectStatus, node: &str) -> Option<Self> {
        let reason = match status.state {
            State::Off => return None,
            State::Translating if status.is_held_back() => Reason::NotApplied,
            State::Translating => Reason::Applied,
            State::Idle => Reason::NotApplied,
            State::Invalid => Reason::Invalid,
            State::Denied => Reason::Denied,
            State::Failed => Reason::PolicyFailed,
        };
        let bad =
            status.severity() >= Some(Severity::Warning) || reason > Reason::Changed && reason < Reason::NotApplied;
        let event_type = if bad { EventType::Warning } else { EventType::Normal };
        let faults = status.findings.iter().filter(|finding| finding.severity >= Severity::Warning);
        let faults = faults.map(|finding| finding.code.to_string()).collect();
        Some(Self { faults, ..Self::new(reason, event_type, note(status, node)) })
    }
}

fn note(status: &SubjectStatus, node: &str) -> String {
    let why = why(status);
    match (status.state, status.endpoints.is_empty()) {
        (State::Translating, _) => {
            [Some(translated(status, node)), why].into_iter().flatten().collect::<Vec<_>>().join("; ")
        }
        (State::Denied, _) => {
            let who = status.policy.as_deref().map_or_else(|| "a policy".to_owned(), |name| format!("policy {name}"));
            format!("denied by {who}{}", why.map(|why| format!(": {why}")).unwrap_or_default())
        }
        (State::Off | State::Idle | State::Invalid | State::Failed, true) => {
            why.unwrap_or_else(|| format!("there is nothing to translate on node {node}"))
        }
        (State::Off | State::Idle | State::Invalid | State::Failed, false) => {
            [why, Some(translated(status, node))].into_iter().flatten().collect::<Vec<_>>().join("; ")
        }
    }
}

/// The worst that was found, how much else, and what stays in force instead.
fn why(status: &SubjectStatus) -> Option<String> {
    let worst = status.worst()?;
    let is_shown = status.state != State::Translating || worst.severity >= Severity::Warning;
    let mut reason = is_shown.then(|| worst.message.to_string())?;
    cut(&mut reason, MAX_SENTENCE);
    let instead = ["last-good-in-force", "nothing-in-force"];
    let instead = status.findings.iter().find(|f| instead.contains(&f.code.as_str()) && f.message != worst.message);
    let others = status.findings.iter().filter(|f| f.severity == worst.severity).count() - 1;
    let more = if others > 0 { format!(" (and {others} more: see `egressd status`)") } else { String::new() };
    let instead = instead.map(|finding| format!("; {}", finding.message)).unwrap_or_default();
    Some(format!("{reason} {}{more}{instead}", origin(status, worst)))
}

/// The code, the rule, and the policy where the sentence does not name that already.
fn origin(status: &SubjectStatus, worst: &Finding) -> String {
    let named =
        |policy: &&Arc<Text>| status.state != State::Denied || status.policy.as_deref() != Some(policy.as_str());
    let policy =
        worst.policy.as_ref().filter(named).filter(|policy| !worst.message.contains(&format!("policy {policy}")));
    let [policy, rule] = [policy, worst.rule.as_ref()].map(|name| name.map(|name| name.as_str()));
    label(&worst.code, policy, rule).to_string()
}

fn translated(status: &SubjectStatus, node: &str) -> String {
    let list = |addresses: &[IpAddr]| addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    let named = list(&status.endpoints[..status.endpoints.len().min(MAX_ENDPOINTS)]);
    let more = status.endpoints.len().saturating_sub(MAX_ENDPOINTS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("node {node} translates {named}{more} to {}", list(&status.addresses))
}

#[cfg(test)]
#[path = "event_text_tests.rs"]
mod tests;
