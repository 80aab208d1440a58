//! The subjects of each pod, and its network, so that the change of one pod costs its own size.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use super::by_address::ByAddress;
use crate::decision::Rule;
use crate::model::SubjectKey;
use crate::net::{AddressRange, Family};
use crate::plan::SubjectPlan;

/// The plans by Service.
pub(super) type Plans = BTreeMap<SubjectKey, Arc<SubjectPlan>>;

/// The pods of all plans.
#[derive(Debug, Default)]
pub(super) struct PodIndex {
    subjects: ByAddress,
    /// Those in no known pod network, of which nothing is translated towards private destinations.
    elsewhere: BTreeSet<IpAddr>,
    /// How many subjects guard each.
    guarded: BTreeMap<IpAddr, usize>,
}

impl PodIndex {
    /// Takes in another plan of a Service.
    pub(super) fn replace(&mut self, key: &SubjectKey, old: Option<&SubjectPlan>, new: Option<&SubjectPlan>) {
        let [before, after] =
            [old, new].map(|plan| plan.into_iter().flat_map(SubjectPlan::pods).collect::<BTreeSet<IpAddr>>());
        for gone in before.difference(&after) {
            self.subjects.remove(*gone, key);
            if self.of(*gone).is_empty() {
                self.elsewhere.remove(gone);
            }
        }
        for pod in after.difference(&before) {
            self.subjects.add(*pod, key);
        }
        self.guard(old, new);
    }

    fn guard(&mut self, old: Option<&SubjectPlan>, new: Option<&SubjectPlan>) {
        for pod in new.iter().flat_map(|plan| &plan.guarded) {
            *self.guarded.entry(*pod).or_default() += 1;
        }
        for pod in old.iter().flat_map(|plan| &plan.guarded) {
            let Some(count) = self.guarded.get_mut(pod) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.guarded.remove(pod);
            }
        }
    }

    /// The families of which a pod is guarded.
    pub(super) fn guarded_families(&self) -> BTreeSet<Family> {
        let ends = [self.guarded.first_key_value(), self.guarded.last_key_value()];
        ends.into_iter().flatten().map(|(pod, _)| Family::of(*pod)).collect()
    }

    /// Takes in where a pod is; whether that is news.
    pub(super) fn place(&mut self, pod: IpAddr, is_elsewhere: OutsidePodNetworks) -> bool {
        match is_elsewhere {
            OutsidePodNetworks::Yes => self.elsewhere.insert(pod),
            OutsidePodNetworks::No => self.elsewhere.remove(&pod),
        }
    }

    /// The Services that speak for a pod.
    pub(super) fn of(&self, pod: IpAddr) -> &[SubjectKey] {
        self.subjects.of(pod)
    }

    /// Those that speak for a pod of this range.
    pub(super) fn within(&self, range: AddressRange) -> impl Iterator<Item = &SubjectKey> {
        self.subjects.within(range)
    }

    /// The pods behind an address, and those of them that are in no known pod network, each in order.
    pub(super) fn behind(&self, after: Option<IpAddr>) -> [Box<dyn Iterator<Item = IpAddr> + '_>; 2] {
        let elsewhere = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        [Box::new(self.subjects.behind(after)), Box::new(self.elsewhere.range(elsewhere).copied())]
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = IpAddr> {
        self.subjects.addresses()
    }

    /// The parts of all plans that are about these pods.
    pub(super) fn around(&self, pods: &BTreeSet<IpAddr>, plans: &Plans) -> BTreeMap<SubjectKey, SubjectPlan> {
        let keys: BTreeSet<&SubjectKey> = pods.iter().flat_map(|pod| self.of(*pod)).collect();
        let part = |key: &SubjectKey| Some((key.clone(), cut(plans.get(key)?, pods)));
        keys.into_iter().filter_map(part).collect()
    }

    /// Of these pods those that are in no known pod network.
    pub(super) fn elsewhere_of(&self, pods: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        pods.intersection(&self.elsewhere).copied().collect()
    }

    /// All that are in no known pod network.
    pub(super) fn elsewhere(&self) -> &BTreeSet<IpAddr> {
        &self.elsewhere
    }
}

/// Whether a pod is in no known pod network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutsidePodNetworks {
    Yes,
    No,
}

fn cut(service: &SubjectPlan, pods: &BTreeSet<IpAddr>) -> SubjectPlan {
    let about = |rule: &Rule| {
        let has_some = rule.sources().iter().any(|pod| pods.contains(pod));
        // Networks and ports are copied for what is left alone: there may be thousands.
        has_some.then(|| rule.of_sources(|pod| pods.contains(&pod)))
    };
    let SubjectPlan { uid, created, rules, foreign, guarded, on_change } = service;
    SubjectPlan {
        uid: uid.clone(),
        created: *created,
        rules: rules.iter().filter_map(about).collect(),
        foreign: foreign.intersection(pods).copied().collect(),
        guarded: guarded.intersection(pods).copied().collect(),
        on_change: *on_change,
    }
}
