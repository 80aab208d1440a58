//! The host's own check of the answers of policies: P1 and P2 hold whatever they answer. This, not the sandbox, is the
//! security boundary, so it refuses; it never corrects.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::decision::{Draft, Rule};
use crate::model::{Context, SubjectKind, SubjectView};
use crate::net::Family;

/// Most rules of one draft, whatever the settings say: the built-in policy needs two. Far fewer are too many for the
/// limits of a Service ([`crate::plan::Limits`]), which are about what is asked for; this is about policies' sense.
pub const MOST_RULES: usize = 4096;
/// Most networks of one rule, included and excluded together, likewise.
pub const MOST_NETWORKS: usize = 65_536;
/// Most ranges of ports of one rule, both ends together.
pub const MOST_PORTS: usize = 1024;
/// Most addresses of one rule.
pub const MOST_ADDRESSES: usize = 256;
/// Most names in the `extra` of a draft and its rules, together.
pub const MOST_EXTRA: usize = 64;
/// Most bytes of those names and their values, together.
pub const MOST_EXTRA_BYTES: usize = 4096;

/// Why an answer is refused: one sentence that names the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// P1: an address of another Service.
    #[error("rule {rule:?} translates to {address}, which is not one of the {kind}'s own addresses")]
    ForeignAddress {
        /// The kind of the subject.
        kind: SubjectKind,
        rule: String,
        /// The address that the rule asks for.
        address: IpAddr,
    },
    /// P1: a pod of another Service.
    #[error("rule {rule:?} has source {source_address}, which is not an endpoint of the {kind} on this node")]
    ForeignSource {
        /// The kind of the subject.
        kind: SubjectKind,
        rule: String,
        /// The address that the rule asks for.
        source_address: IpAddr,
    },
    /// Both families in one rule.
    #[error("rule {rule:?} translates to {address}, but has {what}, which is of the other family")]
    MixedFamilies {
        rule: String,
        address: IpAddr,
        /// The value of the other family.
        what: String,
    },
    /// Two rules of one name.
    #[error("two rules have the id {rule:?}")]
    SameId { rule: String },
    /// Something that the contract has a form for and this egressd cannot do.
    #[error("{subject} asks for {what}, which this egressd cannot {verb}; leave {field} out")]
    NotDone {
        /// The rule, or the draft.
        subject: String,
        /// What is asked for.
        what: String,
        /// What would have to be done with it.
        verb: &'static str,
        /// What the contract calls it.
        field: &'static str,
    },
    /// More than the kernel should be asked for, or than is kept for later policies.
    #[error("{count} {what} are more than {most}")]
    TooMany {
        /// The counted items, in plural.
        what: String,
        /// The number in the answer.
        count: usize,
        /// The limit.
        most: usize,
    },
}

/// Lets a draft pass when every rule keeps to the Service's own endpoints on this node and own addresses.
///
/// # Errors
/// The first thing that does not.
pub fn guard(context: &Context, view: &SubjectView, draft: &Draft) -> Result<(), Refusal> {
    at_most("rules", draft.rules().len(), MOST_RULES)?;
    let kind = view.subject.kind();
    let mut ids = BTreeSet::new();
    extra(draft)?;
    gateways(draft)?;
    let local: BTreeSet<IpAddr> = view.local_endpoints(context).map(|endpoint| endpoint.address).collect();
    for rule in draft.rules() {
        if !ids.insert(rule.id()) {
            return Err(Refusal::SameId { rule: rule.id().to_owned() });
        }
        counts(rule)?;
        families(rule)?;
        not_done(rule)?;
        if let Some(address) = rule.addresses().find(|address| !view.subject.addresses.contains(address)) {
            return Err(Refusal::ForeignAddress { kind, rule: rule.id().to_owned(), address });
        }
        if let Some(source) = rule.sources().iter().find(|source| !local.contains(source)) {
            return Err(Refusal::ForeignSource { kind, rule: rule.id().to_owned(), source_address: *source });
        }
    }
    Ok(())
}

fn counts(rule: &Rule) -> Result<(), Refusal> {
    let networks = rule.include().len() + rule.exclude().len();
    let ports = rule.source_ports().len() + rule.destination_ports().len();
    at_most(&format!("networks in rule {:?}", rule.id()), networks, MOST_NETWORKS)?;
    at_most(&format!("ports in rule {:?}", rule.id()), ports, MOST_PORTS)?;
    at_most(&format!("addresses in rule {:?}", rule.id()), 1 + rule.alternatives().len(), MOST_ADDRESSES)
}

/// What is handed on to later policies is handed on to each of them.
fn extra(draft: &Draft) -> Result<(), Refusal> {
    let all = || draft.rules().iter().flat_map(Rule::extra).chain(draft.extra());
    at_most("names in the extra of a draft and its rules", all().count(), MOST_EXTRA)?;
    let bytes = all().map(|(name, value)| name.len() + value.len()).sum();
    at_most("bytes in the extra of a draft and its rules", bytes, MOST_EXTRA_BYTES)
}

fn gateways(draft: &Draft) -> Result<(), Refusal> {
    let Some(gateways) = draft.gateways() else { return Ok(()) };
    let what = format!("gateways {:?}", gateways.to_string());
    Err(Refusal::NotDone { subject: "the draft".to_owned(), what, verb: "choose", field: "gateways" })
}

/// Refused and not left out: a draft without it would do something else.
fn not_done(rule: &Rule) -> Result<(), Refusal> {
    let ports = rule.translated_ports().map(|ports| (format!("source ports {ports}"), "translated-ports"));
    let dscp = rule.dscp().map(|dscp| (format!("DSCP {dscp}"), "dscp"));
    let mark = rule.mark().map(|mark| (format!("packet mark {mark}"), "mark"));
    let Some((what, field)) = ports.or(dscp).or(mark) else { return Ok(()) };
    Err(Refusal::NotDone { subject: format!("rule {:?}", rule.id()), what, verb: "set", field })
}

fn at_most(what: &str, count: usize, most: usize) -> Result<(), Refusal> {
    if count > most {
        return Err(Refusal::TooMany { what: what.to_owned(), count, most });
    }
    Ok(())
}

fn families(rule: &Rule) -> Result<(), Refusal> {
    let family = Family::of(rule.address());
    let others = rule.alternatives().iter().filter(|a| Family::of(**a) != family).map(|a| format!("address {a}"));
    let sources = rule.sources().iter().filter(|a| Family::of(**a) != family).map(|a| format!("source {a}"));
    let networks = rule
        .include()
        .iter()
        .chain(rule.exclude())
        .filter(|n| Family::of_network(**n) != family)
        .map(|n| format!("network {n}"));
    match others.chain(sources).chain(networks).next() {
        Some(what) => Err(Refusal::MixedFamilies { rule: rule.id().to_owned(), address: rule.address(), what }),
        None => Ok(()),
    }
}
