//! The results of the last round, kept so that the next round reads only what changed. Each part names what it depends
//! on; [`super::scratch`] derives all of it from nothing, and is the specification.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::limits::Alternative;
use super::pods::PodIndex;
use crate::chain::PolicyFailure;
use crate::check::{Networks, PlanNote};
use crate::compile::Kept;
use crate::decision::Rule;
use crate::model::{AcceptedEnds, ClusterFacts, SubjectKey, Uid};
use crate::plan::{
    Limits, SharedAddresses, Shares, Sharing, Size, SubjectAddresses, SubjectPlan, TunnelParts, TunnelPlan, Usage,
};
use crate::record::Records;

/// What followed from the entries.
#[derive(Debug)]
pub(super) struct Derived {
    pub(super) sharing: Sharing,
    pub(super) usage: Usage,
    /// Whether the limits of the node decided in the last round.
    pub(super) node_is_full: bool,
    /// What is counted of each Service in the two above.
    pub(super) counted: BTreeMap<SubjectKey, Counted>,
    /// The Services whose newest change is not in force, and what is instead.
    pub(super) refused: BTreeMap<SubjectKey, Alternative>,
    pub(super) plans: BTreeMap<SubjectKey, Arc<SubjectPlan>>,
    pub(super) pods: PodIndex,
    /// The Services that may guard the pods which they select.
    pub(super) selecting: BTreeSet<SubjectKey>,
    pub(super) failing: Failing,
    pub(super) faults: BTreeMap<SubjectKey, Vec<PlanNote>>,
    /// Services that ask kube-vip, too.
    pub(super) beside: BTreeSet<SubjectKey>,
    /// What stays as the kernel has it.
    pub(super) kept: BTreeMap<SubjectKey, (Uid, SubjectAddresses)>,
    pub(super) records: Records,
    /// The known addresses of this node's pod networks.
    pub(super) known: BTreeSet<IpAddr>,
    /// What subjects have to do with the tunnel.
    pub(super) tunnel_parts: TunnelParts,
    /// The tunnel of the plan; none before the first round, and where there is none.
    pub(super) tunnel: Option<TunnelPlan>,
    /// Whose ends that has.
    pub(super) ends: AcceptedEnds,
    /// Of the facts that hold.
    pub(super) networks: Networks,
    pub(super) facts: Arc<ClusterFacts>,
}

/// What is counted of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) shares: Shares,
    /// What it would have, or what is kept for it where that is more; none where the policies have not answered.
    pub(super) demand: Option<Size>,
}

/// The policies that could not answer, and for which Services.
#[derive(Debug, Default)]
pub(super) struct Failing(BTreeMap<String, BTreeMap<SubjectKey, PolicyFailure>>);

impl Derived {
    /// Nothing yet, which follows from no Service.
    pub(super) fn new(shared: SharedAddresses, limits: Limits) -> Self {
        Self {
            sharing: Sharing::new(shared),
            usage: Usage::new(limits),
            node_is_full: false,
            counted: Default::default(),
            refused: Default::default(),
            plans: Default::default(),
            pods: Default::default(),
            selecting: Default::default(),
            failing: Default::default(),
            faults: Default::default(),
            beside: Default::default(),
            kept: Default::default(),
            records: Default::default(),
            known: Default::default(),
            tunnel_parts: Default::default(),
            tunnel: None,
            ends: Default::default(),
            networks: Default::default(),
            facts: Default::default(),
        }
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept.values().cloned().collect()
    }
}

impl Failing {
    /// Takes in the failures of one Service's answer.
    pub(super) fn put<'a>(&mut self, key: &SubjectKey, failures: impl IntoIterator<Item = &'a PolicyFailure>) {
        self.0.retain(|_, services| {
            services.remove(key);
            !services.is_empty()
        });
        for failure in failures {
            self.0.entry(failure.policy.clone()).or_default().entry(key.clone()).or_insert_with(|| failure.clone());
        }
    }

    /// The failures of one Service's answer, by policy.
    pub(super) fn of(&self, key: &SubjectKey) -> BTreeMap<&str, &PolicyFailure> {
        self.0.iter().filter_map(|(policy, services)| Some((policy.as_str(), services.get(key)?))).collect()
    }

    /// For each policy the Services for which it could not answer.
    pub(super) fn by_policy(&self) -> impl Iterator<Item = &BTreeMap<SubjectKey, PolicyFailure>> {
        self.0.values()
    }

    /// Each policy with the first Service by name for which it could not answer.
    pub(super) fn first(&self) -> BTreeMap<String, (SubjectKey, PolicyFailure)> {
        let first = |(policy, services): (&String, &BTreeMap<SubjectKey, PolicyFailure>)| {
            let (key, failure) = services.first_key_value()?;
            Some((policy.clone(), (key.clone(), failure.clone())))
        };
        self.0.iter().filter_map(first).collect()
    }
}

/// The pods for which two plans of a Service differ: those that come or go, where the rules are the same otherwise.
pub(super) fn touch(touched: &mut BTreeSet<IpAddr>, old: Option<&SubjectPlan>, new: Option<&SubjectPlan>) {
    match (old, new) {
        (Some(old), Some(new)) if are_alike(old, new) => {
            for (old_rule, new_rule) in old.rules.iter().zip(&new.rules) {
                let [before, after] =
                    [old_rule, new_rule].map(|rule| rule.sources().iter().copied().collect::<BTreeSet<_>>());
                touched.extend(before.symmetric_difference(&after));
            }
            touched.extend(old.foreign.symmetric_difference(&new.foreign));
            touched.extend(old.guarded.symmetric_difference(&new.guarded));
        }
        (old, new) => touched.extend([old, new].into_iter().flatten().flat_map(SubjectPlan::pods)),
    }
}

/// Whether two plans say the same about the pods that are in both.
fn are_alike(old: &SubjectPlan, new: &SubjectPlan) -> bool {
    let SubjectPlan { uid, created, rules, foreign: _, guarded: _, on_change: _ } = old;
    let same = |(one, other): (&Rule, &Rule)| {
        one.address() == other.address()
            && one.include() == other.include()
            && one.exclude() == other.exclude()
            && one.source_ports() == other.source_ports()
            && one.destination_ports() == other.destination_ports()
    };
    *uid == new.uid
        && *created == new.created
        && rules.len() == new.rules.len()
        && rules.iter().zip(&new.rules).all(same)
}
