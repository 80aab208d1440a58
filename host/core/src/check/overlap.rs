//! Services that share pods: one note per Service, in a time that grows with the number of claims, not of their pairs.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{NoteKind, Overlap, PlanNote};
use crate::model::SubjectKey;
use crate::plan::{Claim, Plan, Rank, ranked};

/// One note for every Service that shares pods: what it is behind, else what it is before.
pub(super) fn overlaps(plan: &Plan) -> Vec<PlanNote> {
    let claims = ranked(plan);
    let mut shared: BTreeMap<&SubjectKey, Vec<(IpAddr, &[Claim<'_>])>> = BTreeMap::new();
    for (pod, claims) in claims.iter().filter(|(_, claims)| claims.len() > 1) {
        for claim in claims {
            shared.entry(claim.key).or_default().push((*pod, claims));
        }
    }
    shared.into_iter().filter_map(|(key, pods)| overlap(key, pods)).collect()
}

/// The note for one Service, from the pods that it shares, in order, each with all that speak for it.
pub fn overlap<'a>(key: &SubjectKey, pods: impl IntoIterator<Item = (IpAddr, &'a [Claim<'a>])>) -> Option<PlanNote> {
    let mut tally = Tally::default();
    for (pod, claims) in pods.into_iter().filter(|(_, claims)| !has_one_source(claims)) {
        let [first, rest @ ..] = claims else { continue };
        let Some(next) = rest.first() else { continue };
        if first.key == key {
            tally.before.count(next.key, pod, rest.len());
        } else {
            tally.behind.count(first.key, pod, rest.len());
        }
    }
    tally.note(key)
}

/// Whether a pod leaves with the same address whichever of its Services is asked: a Service for TCP and another for UDP
/// may share pods and address, and then there is nothing to choose. Tenants have nothing in common.
fn has_one_source(claims: &[Claim<'_>]) -> bool {
    let mut addresses = claims.iter().flat_map(|claim| claim.rules.iter().map(|rule| rule.address()));
    let first = addresses.next();
    let plain = claims.iter().all(|claim| claim.rank == Rank::Plain);
    let of_one_namespace = claims.windows(2).all(|pair| pair[0].key.namespace == pair[1].key.namespace);
    plain && of_one_namespace && addresses.all(|address| Some(address) == first)
}

/// The pods that one subject shares with others, counted.
#[derive(Debug, Default)]
struct Tally<'a> {
    behind: Shared<'a>,
    before: Shared<'a>,
}

impl Tally<'_> {
    fn note(self, service: &SubjectKey) -> Option<PlanNote> {
        let behind = self.behind.overlap().map(NoteKind::Behind);
        let kind = behind.or_else(|| self.before.overlap().map(NoteKind::Before))?;
        Some(PlanNote { subject: service.clone(), kind })
    }
}

/// Pods that it shares.
#[derive(Debug, Default)]
struct Shared<'a> {
    /// The Service that is to be named for a pod: for how many of them, and the first.
    named: BTreeMap<&'a SubjectKey, (usize, Option<IpAddr>)>,
    pods: usize,
    /// The most other Services behind one of the pods.
    others: usize,
}

impl<'a> Shared<'a> {
    fn count(&mut self, named: &'a SubjectKey, pod: IpAddr, others: usize) {
        let (pods, first) = self.named.entry(named).or_default();
        *pods += 1;
        first.get_or_insert(pod);
        self.pods += 1;
        self.others = self.others.max(others);
    }

    fn overlap(self) -> Option<Overlap> {
        let (pods, others) = (self.pods, self.others.max(self.named.len()));
        let (other, (_, pod)) = self.named.into_iter().min_by_key(|(key, (pods, _))| (Reverse(*pods), *key))?;
        Some(Overlap { other: other.clone(), more: others.saturating_sub(1), pod: pod?, pods })
    }
}
