//! The status as one document: what the socket carries, and how `status` prints it. Field names are stable; new ones
//! may come.

mod inside;
mod policy;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;

use egressd_core::finding::Finding;
use egressd_core::in_force::AppliedSubject;
use egressd_core::model::{SubjectKey, Uid};
use serde::{Deserialize, Serialize};

pub use inside::{Inside, inside, table_of_inside};
pub use policy::{Policy, Rule, Shadow};
pub use table::{Columns, names_of, table_of};

use crate::clock::Moment;
use crate::kernel::nft::{Owner, Survey, SurveyedTable};
use crate::rights::Publish;
use crate::state_channel::DaemonState;

/// Everything that `status` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Of the egressd that answers.
    pub version: String,
    /// This node's name.
    pub node: String,
    /// How much it writes into the cluster: `none`, `events` or `all` (`--publish`); absent where an older one answers.
    pub publishes: Option<String>,
    /// When the process began, RFC 3339.
    pub since: String,
    /// When the last round came into force; null before the first.
    pub in_force_since: Option<String>,
    /// Why something newer is not in force.
    pub trouble: Option<String>,
    /// Why it is not ready; null when it is.
    #[serde(default)]
    pub unready: Option<String>,
    /// Our tables.
    pub tables: Vec<Table>,
    /// What is reported about the source of Services and about the node.
    pub findings: Vec<FindingDocument>,
    /// By name.
    pub policies: Vec<Policy>,
    /// By namespace and name.
    pub services: Vec<Service>,
}

/// One of our tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// As nft calls it.
    pub name: String,
    /// `egressd` (this one), `port N` (another process, by its netlink port) or `none`.
    pub owner: String,
    /// Whether it outlives its owner; owners and this are Linux 6.9's.
    pub persists: bool,
}

/// One Service, or a subject of another kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// As Kubernetes calls it; absent where an older egressd answers, which knew Services alone.
    pub kind: Option<String>,
    /// Where it lives.
    pub namespace: String,
    pub name: String,
    /// As one term.
    pub state: String,
    /// Why, in one sentence.
    pub reason: Option<String>,
    /// What its endpoints are translated to.
    pub addresses: Vec<IpAddr>,
    /// What is translated.
    pub endpoints: Vec<IpAddr>,
    /// How many rules there are.
    pub rules: usize,
    /// How many connections were translated; null when the kernel could not be read.
    pub connections: Option<u64>,
    /// The pods that are guarded (`on-unavailable: drop`), translated or not; absent where an older egressd answers.
    #[serde(default)]
    pub guarded: Vec<IpAddr>,
    /// How many packets of guarded pods were dropped; null when the kernel could not be read.
    #[serde(default)]
    pub dropped: Option<u64>,
    /// The policy that decided.
    pub policy: Option<String>,
    /// When its status changed last, RFC 3339.
    pub changed: Option<String>,
    /// Everything that was found.
    pub findings: Vec<FindingDocument>,
    /// What policies in shadow mode would change.
    pub shadows: Vec<Shadow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingDocument {
    /// info, warning or error.
    pub severity: String,
    /// What programs look at.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The policy that reports it; null where egressd does.
    pub policy: Option<String>,
    /// The id of the rule that it is about; null where it is about none.
    pub rule: Option<String>,
}

impl Document {
    /// The document of a moment. Without a survey (the kernel could not be read) what comes from it is missing.
    pub fn new(node: &str, publish: Publish, newest: &DaemonState, survey: Option<&Survey>) -> Self {
        let round = newest.in_force.as_deref();
        let shown = round.into_iter().flat_map(|round| &round.subjects);
        let services = shown.filter_map(|(key, shown)| service(survey, key, shown));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: node.to_owned(),
            publishes: Some(publish.to_string()),
            since: newest.since.to_string(),
            in_force_since: round.map(|round| Moment::from(round.at).to_string()),
            trouble: newest.trouble.clone(),
            unready: newest.unready(),
            tables: survey.into_iter().flat_map(|survey| &survey.tables).map(table).collect(),
            findings: findings(newest),
            policies: newest.policies.iter().map(Policy::of).collect(),
            services: services.collect(),
        }
    }
}

/// Findings about the source, the loading of policies, egressd itself, the node, and what other processes left.
fn findings(newest: &DaemonState) -> Vec<FindingDocument> {
    let round = newest.in_force.iter().flat_map(|round| &round.overview.findings);
    newest.standing().map(|finding| finding_document(&finding)).chain(round.map(finding_document)).collect()
}

/// None while the policies have not answered about it.
fn service(survey: Option<&Survey>, key: &SubjectKey, shown: &AppliedSubject) -> Option<Service> {
    let AppliedSubject { record, since } = shown;
    let status = record.status()?;
    let counted = |counts: &BTreeMap<Uid, u64>| counts.get(&record.uid).copied().unwrap_or_default();
    Some(Service {
        kind: Some(key.kind.to_string()),
        namespace: key.namespace.to_string(),
        name: key.name.to_string(),
        state: status.state.to_string(),
        reason: status.reason().map(str::to_owned),
        addresses: status.addresses.clone(),
        endpoints: status.endpoints.clone(),
        rules: record.plan().map_or(0, |service| service.rules.len()),
        connections: survey.map(|survey| counted(&survey.counted.connections)),
        guarded: record.plan().map(|plan| plan.guarded.iter().copied().collect()).unwrap_or_default(),
        dropped: survey.map(|survey| counted(&survey.counted.dropped)),
        policy: status.policy.clone(),
        changed: Some(Moment::from(*since).to_string()),
        findings: status.findings.iter().map(finding_document).collect(),
        shadows: status.shadows.iter().map(Shadow::of).collect(),
    })
}

fn table(table: &SurveyedTable) -> Table {
    let owner = match table.owner {
        Owner::Us => "egressd".to_owned(),
        Owner::Other(port) => format!("port {port}"),
        Owner::None => "none".to_owned(),
    };
    Table { name: table.id.to_string(), owner, persists: table.persists }
}

fn finding_document(finding: &Finding) -> FindingDocument {
    let Finding { severity, code, message, span: _, policy, rule } = finding;
    FindingDocument {
        severity: severity.to_string(),
        code: code.to_string(),
        message: message.to_string(),
        policy: policy.as_ref().map(ToString::to_string),
        rule: rule.as_ref().map(ToString::to_string),
    }
}
