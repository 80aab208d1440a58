//! The host's own last word on what policies answer: P1 and P2 hold whatever they say. This, not the sandbox,
//! is the security boundary, so it refuses; it never mends.

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

/// Why an answer is refused: one sentence that names the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// P1: somebody else's address.
    #[error("rule {rule:?} translates to {address}, which is not one of the {kind}'s own addresses")]
    ForeignAddress {
        /// Of which it is not.
        kind: SubjectKind,
        /// The rule's id.
        rule: String,
        /// What it wanted.
        address: IpAddr,
    },
    /// P1: somebody else's pod.
    #[error("rule {rule:?} has source {source_address}, which is not an endpoint of the {kind} on this node")]
    ForeignSource {
        /// Of which it is not.
        kind: SubjectKind,
        /// The rule's id.
        rule: String,
        /// What it wanted.
        source_address: IpAddr,
    },
    /// Both families in one rule.
    #[error("rule {rule:?} translates to {address}, but has {what}, which is of the other family")]
    MixedFamilies {
        /// The rule's id.
        rule: String,
        /// Its address.
        address: IpAddr,
        /// The odd one.
        what: String,
    },
    /// Two rules that nobody could tell apart.
    #[error("two rules have the id {rule:?}")]
    SameId {
        /// The id.
        rule: String,
    },
    /// More than the kernel should be asked for.
    #[error("{count} {what} are more than {most}")]
    TooMany {
        /// Of what.
        what: String,
        /// How many.
        count: usize,
        /// How many may be.
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
    let local: BTreeSet<IpAddr> = view.local_endpoints(context).map(|endpoint| endpoint.address).collect();
    for rule in draft.rules() {
        if !ids.insert(rule.id()) {
            return Err(Refusal::SameId { rule: rule.id().to_owned() });
        }
        counts(rule)?;
        families(rule)?;
        if !view.subject.addresses.contains(&rule.address()) {
            return Err(Refusal::ForeignAddress { kind, rule: rule.id().to_owned(), address: rule.address() });
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
    at_most(&format!("ports in rule {:?}", rule.id()), ports, MOST_PORTS)
}

fn at_most(what: &str, count: usize, most: usize) -> Result<(), Refusal> {
    if count > most {
        return Err(Refusal::TooMany { what: what.to_owned(), count, most });
    }
    Ok(())
}

fn families(rule: &Rule) -> Result<(), Refusal> {
    let family = Family::of(rule.address());
    let sources = rule.sources().iter().filter(|a| Family::of(**a) != family).map(|a| format!("source {a}"));
    let networks = rule
        .include()
        .iter()
        .chain(rule.exclude())
        .filter(|n| Family::of_network(**n) != family)
        .map(|n| format!("network {n}"));
    match sources.chain(networks).next() {
        Some(what) => Err(Refusal::MixedFamilies { rule: rule.id().to_owned(), address: rule.address(), what }),
        None => Ok(()),
    }
}
