//! What must hold of every plan, as typed notes with a severity. A fatal note means a defect of ours: the plan
//! is not carried out, and the node stays as it was.

use std::fmt;
use std::net::IpAddr;

use crate::finding::{Finding, Severity};
use crate::model::ServiceKey;
use crate::net::{AddressRange, Family};
use crate::plan::{Claim, Plan, ranked};

/// Something to say about a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The Service it is about.
    pub service: ServiceKey,
    /// What it is.
    pub kind: Kind,
}

/// What can be said about a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A rule of a family whose networks are unknown: P2 could not hold.
    FamilyUnknown(Family),
    /// A rule without sources: it would never match.
    NoSources(String),
    /// Networks or sources of another family than the address.
    MixedFamilies(String),
    /// The excluded networks overlap or are out of order: the kernel would refuse the set.
    Unmerged(Family),
    /// Pods that another Service speaks for first, in part or in whole (P13).
    Behind {
        /// The Service that is asked first.
        winner: ServiceKey,
        /// One of the pods.
        pod: IpAddr,
        /// How many pods.
        pods: usize,
    },
    /// Pods for which another Service is asked after this one (P13).
    Before {
        /// The Service that is asked later.
        loser: ServiceKey,
        /// One of the pods.
        pod: IpAddr,
        /// How many pods.
        pods: usize,
    },
}

impl Note {
    /// `Error` notes are defects of ours and fatal; the others are told to the Service's owner.
    pub fn severity(&self) -> Severity {
        match self.kind {
            Kind::FamilyUnknown(_) | Kind::NoSources(_) | Kind::MixedFamilies(_) | Kind::Unmerged(_) => Severity::Error,
            Kind::Behind { .. } => Severity::Warning,
            Kind::Before { .. } => Severity::Info,
        }
    }

    fn code(&self) -> &'static str {
        match self.kind {
            Kind::FamilyUnknown(_) => "family-unknown",
            Kind::NoSources(_) => "no-sources",
            Kind::MixedFamilies(_) => "mixed-families",
            Kind::Unmerged(_) => "unmerged-networks",
            Kind::Behind { .. } | Kind::Before { .. } => "overlap",
        }
    }

    /// The note for the Service's owner.
    pub fn finding(&self) -> Finding {
        Finding::new(self.severity(), self.code(), self.kind.to_string())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FamilyUnknown(family) => {
                write!(f, "the plan has {family} rules though the {family} networks are unknown")
            }
            Self::NoSources(rule) => write!(f, "rule {rule:?} of the plan has no sources"),
            Self::MixedFamilies(rule) => write!(f, "rule {rule:?} of the plan mixes families"),
            Self::Unmerged(family) => write!(f, "the plan's excluded {family} networks overlap or are out of order"),
            Self::Behind { winner, pod, pods } => {
                write!(f, "{} also behind {winner}, which is asked first", subject(*pod, *pods))
            }
            Self::Before { loser, pod, pods } => {
                write!(f, "{} also behind {loser}, which is asked after this Service", subject(*pod, *pods))
            }
        }
    }
}

fn subject(pod: IpAddr, pods: usize) -> String {
    match pods {
        1 => format!("endpoint {pod} is"),
        _ => format!("{pods} endpoints ({pod} is one) are"),
    }
}

/// All notes about a plan, sorted.
pub fn check(plan: &Plan) -> Vec<Note> {
    let mut notes = invariants(plan);
    notes.extend(overlaps(plan));
    notes.sort();
    notes
}

fn invariants(plan: &Plan) -> Vec<Note> {
    let mut notes = Vec::new();
    for (key, service) in &plan.services {
        let mut note = |kind| notes.push(Note { service: key.clone(), kind });
        for rule in &service.rules {
            let family = Family::of(rule.address);
            let excluded = plan.excluded.get(&family);
            if excluded.is_none() {
                note(Kind::FamilyUnknown(family));
            }
            if excluded.is_some_and(|ranges| !merged(ranges)) {
                note(Kind::Unmerged(family));
            }
            if rule.sources.is_empty() {
                note(Kind::NoSources(rule.id.clone()));
            }
            let networks = rule.include.iter().chain(&rule.exclude);
            if rule.sources.iter().any(|a| Family::of(*a) != family)
                || networks.clone().any(|n| Family::of_network(*n) != family)
            {
                note(Kind::MixedFamilies(rule.id.clone()));
            }
        }
    }
    notes
}

fn merged(ranges: &[AddressRange]) -> bool {
    ranges.windows(2).all(|pair| pair[0].last() < pair[1].first())
}

/// Every pair of Services that share pods, told to both.
fn overlaps(plan: &Plan) -> Vec<Note> {
    let mut pairs: std::collections::BTreeMap<(&ServiceKey, &ServiceKey), Vec<IpAddr>> = Default::default();
    let claims = ranked(plan);
    for (pod, claims) in &claims {
        let keys: Vec<&ServiceKey> = claims.iter().map(|claim: &Claim<'_>| claim.key).collect();
        for (i, winner) in keys.iter().enumerate() {
            for loser in &keys[i + 1..] {
                pairs.entry((winner, loser)).or_default().push(*pod);
            }
        }
    }
    let both = |((winner, loser), pods): ((&ServiceKey, &ServiceKey), Vec<IpAddr>)| {
        let (pod, pods) = (pods[0], pods.len());
        let behind = Kind::Behind { winner: winner.clone(), pod, pods };
        let before = Kind::Before { loser: loser.clone(), pod, pods };
        [Note { service: loser.clone(), kind: behind }, Note { service: winner.clone(), kind: before }]
    };
    pairs.into_iter().flat_map(both).collect()
}
