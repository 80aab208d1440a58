//! The guarded pods of a plan, and the sources that each may leave the cluster with (P12).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::rank::Precedence;
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
    namespaces: BTreeMap<&'a str, Precedence>,
}

/// All guarded pods. Between namespaces it is as with translation (P13): the one that takes precedence for the pod decides
/// whether it is guarded, or any tenant could stop the pods of another.
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
                claims.speak(key, subject, *pod);
            }
        }
        for pod in &subject.guarded {
            let Some(claims) = claims.get_mut(pod) else { continue };
            claims.guards.push((key, subject));
            claims.speak(key, subject, *pod);
        }
    }
    claims.into_iter().filter_map(|(pod, claims)| Some((pod, claims.guard()?))).collect()
}

impl<'a> Claims<'a> {
    fn speak(&mut self, key: &'a SubjectKey, subject: &SubjectPlan, pod: IpAddr) {
        let one = Precedence::of(pod, subject);
        let known = self.namespaces.entry(&key.namespace).or_insert(one);
        *known = known.or(one);
    }

    fn guard(self) -> Option<GuardedPod<'a>> {
        let (first, _) = self.namespaces.iter().min_by_key(|(namespace, precedence)| (**precedence, **namespace))?;
        let guards = self.guards.iter().copied().filter(|(key, _)| *key.namespace == **first);
        let (key, subject) = guards.min_by_key(|(key, subject)| (subject.created, *key))?;
        Some(GuardedPod { key, subject, sources: self.sources })
    }
}
