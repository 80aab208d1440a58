//! Policies in the document: the result of each, and what those in shadow mode would change.

use std::net::IpAddr;

use egressd_core::chain::RESTS;
use egressd_core::decision;
use egressd_core::policy::{Need, OnFailure};
use egressd_core::status::ShadowStatus;
use serde::{Deserialize, Serialize};

use super::{FindingDocument, finding_document};
use crate::policies::{PolicyReport, REFUSED};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Its name, which is its ConfigMap's.
    pub name: String,
    /// enforced, shadow, off, refused or missed.
    pub state: String,
    /// policy or validator; null when nothing of it is loaded.
    pub kind: Option<String>,
    /// Smaller is asked earlier.
    pub order: i32,
    /// keep-last, closed or skip.
    pub on_failure: String,
    /// Whether the node is not ready before it was loaded once.
    #[serde(default)]
    pub required: bool,
    /// The label selector for namespaces; empty for all.
    pub namespaces: String,
    /// The label selector for Services; empty for all.
    pub services: String,
    /// The version that its author gave it.
    pub version: Option<String>,
    /// SHA-256 of the component in force.
    pub sha256: Option<String>,
    /// Why the newest ConfigMap is not what is in force.
    pub trouble: Option<String>,
    /// The code of that, as findings have one.
    #[serde(default)]
    pub trouble_code: Option<String>,
    /// Why it is evaluated once per second only, though it is loaded.
    pub slowed: Option<String>,
    /// The code of that.
    #[serde(default)]
    pub slowed_code: Option<String>,
}

/// What a policy in shadow mode would change for a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shadow {
    pub policy: String,
    /// What the Service's state would be.
    pub state: String,
    /// Rules that would be new.
    pub added: Vec<Rule>,
    /// Rules that would be gone.
    pub removed: Vec<Rule>,
    /// What would be reported beside what is.
    pub findings: Vec<FindingDocument>,
}

/// A rule as the plan has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Unique in its Service.
    pub id: String,
    /// Endpoints.
    pub sources: Vec<IpAddr>,
    /// Empty: every destination.
    pub include: Vec<String>,
    /// Wins over `include`.
    pub exclude: Vec<String>,
    /// Empty: every port.
    pub source_ports: Vec<String>,
    /// Empty: every port.
    pub destination_ports: Vec<String>,
    /// What it translates to.
    pub address: IpAddr,
    /// What it may translate to as well, in the order of preference: where this node does not hold the address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<IpAddr>,
}

impl Policy {
    /// As of now: what slows a policy down ends by itself.
    pub fn of(report: &PolicyReport) -> Self {
        let on_failure = match report.on_failure {
            OnFailure::KeepLast => "keep-last",
            OnFailure::Closed => "closed",
            OnFailure::Skip => "skip",
        };
        let slowed = report.supervision.as_ref().and_then(|supervision| supervision.slowed());
        Self {
            name: report.name.clone(),
            state: report.state.to_string(),
            kind: report.kind.map(|kind| kind.to_string()),
            order: report.order,
            on_failure: on_failure.to_owned(),
            required: report.need == Need::Required,
            namespaces: report.scope.namespaces.to_string(),
            services: report.scope.services.to_string(),
            version: report.version.clone(),
            sha256: report.digest.clone(),
            trouble: report.trouble.clone(),
            trouble_code: report.trouble.as_ref().map(|_| REFUSED.to_owned()),
            slowed_code: slowed.as_ref().map(|_| RESTS.to_owned()),
            slowed,
        }
    }
}

impl Shadow {
    /// For the document.
    pub fn of(status: &ShadowStatus) -> Self {
        let rules = |rules: &[decision::Rule]| rules.iter().map(Rule::of).collect();
        Self {
            policy: status.policy.clone(),
            state: status.state.to_string(),
            added: rules(&status.added),
            removed: rules(&status.removed),
            findings: status.findings.iter().map(finding_document).collect(),
        }
    }
}

impl Rule {
    /// For the document.
    pub fn of(rule: &decision::Rule) -> Self {
        Self {
            id: rule.id().to_owned(),
            sources: rule.sources().to_vec(),
            include: texts(rule.include()),
            exclude: texts(rule.exclude()),
            source_ports: texts(rule.source_ports()),
            destination_ports: texts(rule.destination_ports()),
            address: rule.address(),
            alternatives: rule.alternatives().to_vec(),
        }
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
