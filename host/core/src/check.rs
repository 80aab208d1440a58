//! What must hold of every plan, as typed notes with a severity. A fatal note means a defect of ours: the plan
//! is not carried out, and the node stays as it was.

mod overlap;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

pub use self::overlap::overlap;
use crate::finding::{Finding, Severity};
use crate::model::SubjectKey;
use crate::net::{AddressRange, Family};
use crate::plan::{Plan, SubjectPlan};

/// A finding about the plan of one subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanNote {
    pub subject: SubjectKey,
    pub kind: NoteKind,
}

/// A property of a plan that is reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// A rule of a family whose networks are unknown: P2 could not hold.
    FamilyUnknown(Family),
    /// A rule without sources: it would never match.
    NoSources(String),
    /// Networks or sources of another family than the address.
    MixedFamilies(String),
    /// The excluded networks overlap or are out of order: the kernel would refuse the set.
    Unmerged(Family),
    /// Pods for which another subject is asked before this one (P13).
    Behind(Overlap),
    /// Pods for which other subjects are asked, all of them after this one (P13).
    Before(Overlap),
}

/// The pods that a subject shares with others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overlap {
    /// Of a subject that is behind: the one that is asked first for most of the pods; of one that is before: the one
    /// that is asked next. Of equals the first by name.
    pub other: SubjectKey,
    /// How many more subjects there are beside that one: where most meet at one pod, or as many as are asked first.
    pub more: usize,
    /// One of the pods.
    pub pod: IpAddr,
    pub pods: usize,
}

impl PlanNote {
    /// `Error` notes are defects of ours and fatal; the others are reported to the subject's owner.
    pub fn severity(&self) -> Severity {
        match self.kind {
            NoteKind::FamilyUnknown(_)
            | NoteKind::NoSources(_)
            | NoteKind::MixedFamilies(_)
            | NoteKind::Unmerged(_) => Severity::Error,
            NoteKind::Behind(_) => Severity::Warning,
            NoteKind::Before(_) => Severity::Info,
        }
    }

    fn code(&self) -> &'static str {
        match self.kind {
            NoteKind::FamilyUnknown(_) => "family-unknown",
            NoteKind::NoSources(_) => "no-sources",
            NoteKind::MixedFamilies(_) => "mixed-families",
            NoteKind::Unmerged(_) => "unmerged-networks",
            NoteKind::Behind(_) | NoteKind::Before(_) => "overlap",
        }
    }

    /// As a finding for the owner of the subject.
    pub fn finding(&self) -> Finding {
        Finding::new(self.severity(), self.code(), self.to_string())
    }
}

/// What follows where a plan breaks a rule that no input can break.
const DEFECTIVE: &str = "it is not applied: this is a defect of egressd, report it";

impl fmt::Display for PlanNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NoteKind::FamilyUnknown(family) => {
                write!(f, "the plan has {family} rules, but the {family} networks are unknown; {DEFECTIVE}")
            }
            NoteKind::NoSources(rule) => write!(f, "rule {rule:?} of the plan has no sources; {DEFECTIVE}"),
            NoteKind::MixedFamilies(rule) => write!(f, "rule {rule:?} of the plan mixes families; {DEFECTIVE}"),
            NoteKind::Unmerged(family) => {
                write!(f, "the plan's excluded {family} networks overlap or are out of order; {DEFECTIVE}")
            }
            NoteKind::Behind(Overlap { other, more, pod, pods }) => {
                write!(f, "{} to {other}, which takes precedence{}", subject(*pod, *pods), and_more(*more))
            }
            NoteKind::Before(Overlap { other, more, pod, pods }) => {
                let subject = subject(*pod, *pods);
                write!(
                    f,
                    "{subject} to {other}, over which this {} takes precedence{}",
                    self.subject.kind,
                    and_more(*more)
                )
            }
        }
    }
}

fn subject(pod: IpAddr, pods: usize) -> String {
    match pods {
        1 => format!("endpoint {pod} also belongs"),
        _ => format!("{pods} endpoints ({pod} is one) also belong"),
    }
}

fn and_more(more: usize) -> String {
    if more > 0 { format!(", and to {more} more") } else { String::new() }
}

/// The id of a rule that counts as one without sources, for tests of what becomes of a defect: no way is known to have
/// one.
#[cfg(feature = "testkit")]
pub const DEFECT: &str = "a planted defect";

#[cfg(feature = "testkit")]
fn is_planted(rule: &str) -> bool {
    rule == DEFECT
}

#[cfg(not(feature = "testkit"))]
const fn is_planted(_: &str) -> bool {
    false
}

/// All notes about a plan, sorted.
pub fn check(plan: &Plan) -> Vec<PlanNote> {
    let mut notes = invariants(plan);
    notes.extend(overlap::overlaps(plan));
    notes.sort();
    notes
}

fn invariants(plan: &Plan) -> Vec<PlanNote> {
    let networks = Networks::of(&plan.excluded);
    plan.subjects.iter().flat_map(|(key, service)| faults(key, service, &networks)).collect()
}

/// The families whose networks are known, and those of which they are no set that the kernel would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    known: BTreeSet<Family>,
    unmerged: BTreeSet<Family>,
}

impl Networks {
    /// The networks that a plan excludes.
    pub fn of(excluded: &BTreeMap<Family, Vec<AddressRange>>) -> Self {
        let unmerged = excluded.iter().filter(|(_, ranges)| !merged(ranges)).map(|(family, _)| *family);
        Self { known: excluded.keys().copied().collect(), unmerged: unmerged.collect() }
    }
}

/// What is wrong with one Service's part of a plan: defects of ours.
pub fn faults(key: &SubjectKey, service: &SubjectPlan, excluded: &Networks) -> Vec<PlanNote> {
    let mut notes = Vec::new();
    let mut note = |kind| notes.push(PlanNote { subject: key.clone(), kind });
    for rule in &service.rules {
        let family = Family::of(rule.address());
        if !excluded.known.contains(&family) {
            note(NoteKind::FamilyUnknown(family));
        }
        if excluded.unmerged.contains(&family) {
            note(NoteKind::Unmerged(family));
        }
        if rule.sources().is_empty() || is_planted(rule.id()) {
            note(NoteKind::NoSources(rule.id().to_owned()));
        }
        let networks = rule.include().iter().chain(rule.exclude());
        if rule.sources().iter().any(|a| Family::of(*a) != family)
            || networks.clone().any(|n| Family::of_network(*n) != family)
        {
            note(NoteKind::MixedFamilies(rule.id().to_owned()));
        }
    }
    notes
}

fn merged(ranges: &[AddressRange]) -> bool {
    ranges.windows(2).all(|pair| pair[0].last() < pair[1].first())
}
