//! Which connections are to be compared with the rules because of a round that came into force: which pods it concerns, and
//! what their subjects ask for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::decision::OnChange;
use crate::diff::{Common, Scope};
use crate::flows::{Check, Checks, Reason};
use crate::in_force::{AppliedRound, PendingRound, PossiblePlans};
use crate::model::SubjectKey;
use crate::plan::SubjectPlan;

/// A round that the kernel has taken over, and what was in force before.
#[derive(Clone, Copy)]
pub struct Committed<'a> {
    pub before: &'a AppliedRound,
    pub newest: &'a PendingRound,
    /// The part of the ruleset that may be another one.
    pub scope: &'a Scope,
    /// The subjects that ask for `sever`, of both rounds.
    pub severing: &'a BTreeSet<SubjectKey>,
    /// The subjects of a pod in the newest round.
    pub of_pod: &'a dyn Fn(IpAddr) -> &'a [SubjectKey],
}

/// The checks that follow. For a subject whose earlier plan is not known, its entries are compared with what it says now.
///
/// A subject that did not change counts too where one of its pods is concerned: another that goes before it may have come
/// or gone.
pub fn checks(committed: Committed<'_>) -> Checks {
    let mut checks = Checks::default();
    let changed = committed.before.keys_with(committed.newest);
    for key in &changed {
        SubjectChange::of(committed, key).add_to(&mut checks, committed.scope);
    }
    let is_left = |key: &&SubjectKey| !changed.contains(*key);
    match committed.scope {
        Scope::Everything | Scope::Pods(_, Common::Changed) => {
            let left = committed.severing.iter().filter(is_left);
            left.for_each(|key| SubjectChange::of(committed, key).add_all_to(&mut checks));
        }
        Scope::Pods(pods, Common::Same) => {
            for pod in pods {
                let left = (committed.of_pod)(*pod).iter().filter(is_left);
                left.for_each(|key| SubjectChange::of(committed, key).add_pod_to(&mut checks, *pod));
            }
        }
    }
    checks
}

/// Whether a subject asks for `sever`.
pub fn severing(plan: &SubjectPlan) -> bool {
    match plan.on_change {
        OnChange::Keep => false,
        OnChange::Sever => true,
    }
}

/// The plans of one subject.
struct SubjectChange<'a> {
    before: Vec<&'a Arc<SubjectPlan>>,
    now: Option<&'a Arc<SubjectPlan>>,
}

impl<'a> SubjectChange<'a> {
    fn of(committed: Committed<'a>, key: &SubjectKey) -> Self {
        let before = match committed.before.promised(key) {
            PossiblePlans::OneOf(plans) => plans,
            PossiblePlans::Unknown => Vec::new(),
        };
        Self { before, now: committed.newest.records.get(key).and_then(|record| record.plan()) }
    }

    fn plans(&self) -> impl Iterator<Item = &'a Arc<SubjectPlan>> {
        self.before.clone().into_iter().chain(self.now)
    }

    fn severs(&self) -> bool {
        self.plans().any(|plan| severing(plan))
    }

    /// Whether `sever` is news, so that what was kept before goes now.
    fn severs_now(&self) -> bool {
        let severed = self.before.iter().any(|plan| severing(plan));
        self.now.is_some_and(|plan| severing(plan)) && !self.before.is_empty() && !severed
    }

    fn add_to(&self, checks: &mut Checks, scope: &Scope) {
        match scope {
            Scope::Pods(pods, Common::Same) if !self.severs_now() => self.add_some_to(checks, pods),
            Scope::Pods(pods, Common::Changed) if !self.severs() => self.add_some_to(checks, pods),
            Scope::Pods(..) | Scope::Everything => self.add_all_to(checks),
        }
    }

    fn add_some_to(&self, checks: &mut Checks, pods: &BTreeSet<IpAddr>) {
        if pods.len() <= self.plans().map(|plan| size(plan)).sum() {
            pods.iter().for_each(|pod| self.add_pod_to(checks, *pod));
        } else {
            self.pods().intersection(pods).for_each(|pod| self.add_pod_to(checks, *pod));
        }
    }

    /// A subject of whose earlier plan nothing is known, as at a start, concerns no connection where it asks for nothing.
    fn add_all_to(&self, checks: &mut Checks) {
        let guards = self.now.is_some_and(|plan| !plan.guarded.is_empty());
        if self.before.is_empty() && !self.severs() && !guards {
            return;
        }
        self.pods().into_iter().for_each(|pod| self.add_pod_to(checks, pod));
    }

    fn pods(&self) -> BTreeSet<IpAddr> {
        self.plans().flat_map(|plan| plan.pods()).collect()
    }

    fn add_pod_to(&self, checks: &mut Checks, pod: IpAddr) {
        let earlier: BTreeSet<IpAddr> = self.before.iter().flat_map(|plan| addresses(plan, pod)).collect();
        let now: BTreeSet<IpAddr> = self.now.iter().flat_map(|plan| addresses(plan, pod)).collect();
        let is_guarded = self.now.is_some_and(|plan| plan.guarded.contains(&pod));
        if earlier.is_empty() && now.is_empty() && !is_guarded {
            return;
        }
        let mut check = Check::of(if self.severs() { Reason::Asked } else { Reason::Census });
        check.reasons.extend(is_guarded.then_some(Reason::Guarded));
        check.now.clone_from(&now);
        if self.severs() {
            check.severing = earlier.into_iter().chain(now).collect();
        } else {
            check.earlier = earlier;
        }
        checks.add(pod, check);
    }
}

/// How many pods a plan names, some of them more than once.
fn size(plan: &SubjectPlan) -> usize {
    plan.guarded.len() + plan.rules.iter().map(|rule| rule.sources().len()).sum::<usize>()
}

/// The addresses that a subject gives a pod.
fn addresses(plan: &SubjectPlan, pod: IpAddr) -> impl Iterator<Item = IpAddr> {
    plan.rules.iter().filter(move |rule| rule.sources().contains(&pod)).map(|rule| rule.address())
}
