//! The guarded pods of a plan, and the sources that each may leave the cluster with (P12).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::rank::PodReference;
use super::{Plan, SubjectPlan};
use crate::model::SubjectKey;

/// A pod whose packets leave the cluster with one of these addresses, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardedPod<'a> {
    /// The subject that its dropped packets are counted for: the oldest of those that guard it.
    pub key: &'a SubjectKey,
    pub subject: &'a SubjectPlan,
    /// What any of its subjects translates it to.
    pub sources: BTreeSet<IpAddr>,
}

/// What the subjects of a plan say about one pod.
#[derive(Default)]
struct Claims<'a> {
    guards: Vec<(&'a SubjectKey, &'a SubjectPlan)>,
    sources: BTreeSet<IpAddr>,
    /// Whether one of the subjects names a pod of its own namespace.
    named: Option<PodReference>,
}

/// All guarded pods. As for translation (P13), a subject whose endpoint names no pod of its own namespace does not
/// count where another one's does: or it could stop the pods of others.
pub fn guarded(plan: &Plan) -> BTreeMap<IpAddr, GuardedPod<'_>> {
    let pods: BTreeSet<IpAddr> = plan.subjects.values().flat_map(|subject| subject.guarded.iter().copied()).collect();
    let mut claims: BTreeMap<IpAddr, Claims<'_>> = pods.into_iter().map(|pod| (pod, Claims::default())).collect();
    if claims.is_empty() {
        return BTreeMap::new();
    }
    for (key, subject) in &plan.subjects {
        for rule in &subject.rules {
            for pod in rule.sources() {
                let Some(claims) = claims.get_mut(pod) else { continue };
                claims.sources.insert(rule.address());
                claims.name(subject, *pod);
            }
        }
        for pod in &subject.guarded {
            let Some(claims) = claims.get_mut(pod) else { continue };
            claims.guards.push((key, subject));
            claims.name(subject, *pod);
        }
    }
    claims.into_iter().filter_map(|(pod, claims)| Some((pod, claims.guard(pod)?))).collect()
}

impl<'a> Claims<'a> {
    fn name(&mut self, subject: &SubjectPlan, pod: IpAddr) {
        let reference = PodReference::of(pod, subject);
        self.named = Some(self.named.map_or(reference, |known| known.min(reference)));
    }

    fn guard(self, pod: IpAddr) -> Option<GuardedPod<'a>> {
        let counts = |(_, subject): &(&SubjectKey, &SubjectPlan)| Some(PodReference::of(pod, subject)) == self.named;
        let guards = self.guards.iter().copied().filter(counts);
        let (key, subject) = guards.min_by_key(|(key, subject)| (subject.created, *key))?;
        Some(GuardedPod { key, subject, sources: self.sources })
    }
}
