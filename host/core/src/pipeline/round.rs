//! The incremental round, at the cost of the change: the subjects that changed, those that share an address, the limits
//! of a namespace or a pod with them, and the pods that they touch.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::derived::{Derived, touch};
use super::entries::Extent;
use super::limits::Alternative;
use super::pods::OutsidePodNetworks;
use super::{Pipeline, Question};
use crate::check::{Networks, PlanNote, faults, overlap};
use crate::compile::{Kept, compile, compile_pods};
use crate::diff::{Common, Scope};
use crate::finding::{Finding, Severity};
use crate::in_force::PendingRound;
use crate::model::{ClusterFacts, Placement, PrivateDestinations, Snapshot, SubjectKey};
use crate::plan::{NodeContext, Plan, SubjectResult, ranked};
use crate::record::{Overview, ThisNode};
use crate::ruleset::Ruleset;

/// The result of one incremental round.
#[derive(Debug, Default)]
pub struct Step {
    /// The whole, and which Services are other than in the step before.
    pub newest: PendingRound,
    /// The part of the ruleset that may be another one.
    pub scope: Scope,
    /// The Services of which what the kernel has is to stay in the ruleset.
    pub kept: Arc<Kept>,
    /// Why nothing of this may be carried out: a defect of egressd.
    pub fatal: Option<Finding>,
    /// What has to be asked about changes that exceed a limit.
    pub further: Vec<Question>,
    /// How many Services were looked at.
    pub looked_at: usize,
}

impl Step {
    /// Both, where nothing of this one was carried out yet.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let changed = self.newest.changed.into_iter().chain(later.newest.changed).collect();
        Self {
            newest: PendingRound { changed, ..later.newest },
            scope: self.scope.and(later.scope),
            further: self.further.into_iter().chain(later.further).collect(),
            looked_at: self.looked_at + later.looked_at,
            ..later
        }
    }
}

/// What a round changed on its way.
#[derive(Debug, Default)]
struct RoundChanges {
    /// What is in force of the Services that are looked at; those that are missing have no answer, or are gone.
    planned: BTreeMap<SubjectKey, SubjectResult>,
    keys: BTreeSet<SubjectKey>,
    touched: BTreeSet<IpAddr>,
    changed: BTreeSet<SubjectKey>,
}

impl Pipeline {
    /// All that follows from what changed since the last step, and what is remembered of it. Where something was not
    /// answered yet, what was before stays.
    pub fn step(&mut self) -> Step {
        let mut derived =
            std::mem::replace(&mut self.derived, Derived::new(self.settings.shared, self.settings.limits));
        let extent = self.subjects.take_changed();
        let own_networks = self.own_networks(&derived.facts);
        let (common, guarded) = (self.common(&mut derived), derived.pods.guarded_families());
        let mut way = self.advance(&mut derived, extent);
        way.touched.extend(self.take_known(&mut derived, &own_networks));
        let (tunnelled, of_tunnel) = self.take_tunnel(&mut derived, &way.keys);
        way.touched.extend(tunnelled);
        let same = derived.pods.guarded_families() == guarded && of_tunnel == Common::Same;
        let common = if same { common } else { Common::Changed };
        let newest =
            PendingRound { records: derived.records.clone(), changed: way.changed, overview: self.overview(&derived) };
        let scope = Scope::Pods(way.touched, common);
        let further = self.remember_granted(&way.keys, &derived);
        let kept = Arc::new(derived.kept());
        let fatal = fatal(&derived);
        let looked_at = way.keys.len();
        self.derived = derived;
        self.settle_private();
        Step { newest, scope, kept, fatal, further, looked_at }
    }

    /// What the newest plan says about a part of the ruleset.
    pub fn target(&self, scope: &Scope) -> Ruleset {
        match scope {
            Scope::Everything => compile(&self.plan(), &self.settings.tables),
            Scope::Pods(pods, Common::Changed) => {
                let Plan { subjects, elsewhere, known, tunnel, .. } = self.plan_around(pods);
                compile(&Plan { subjects, elsewhere, known, tunnel, ..self.bare_plan() }, &self.settings.tables)
            }
            Scope::Pods(pods, Common::Same) => compile_pods(&self.plan_around(pods), &self.settings.tables),
        }
    }

    /// All of the newest plan.
    pub fn plan(&self) -> Plan {
        let subjects = self.derived.plans.iter().map(|(key, plan)| (key.clone(), (**plan).clone())).collect();
        let elsewhere = self.derived.pods.elsewhere().clone();
        let (known, tunnel) = (self.derived.known.clone(), self.derived.tunnel.clone());
        Plan { subjects, elsewhere, known, tunnel, ..self.bare_plan() }
    }

    fn bare_plan(&self) -> Plan {
        let guarded = self.derived.pods.guarded_families();
        let own_networks = self.own_networks(&self.derived.facts);
        Plan { guarded, own_networks, ..bare_plan(&self.derived.facts) }
    }

    /// What it says about these pods, without what all pods have in common.
    fn plan_around(&self, pods: &BTreeSet<IpAddr>) -> Plan {
        let subjects = self.derived.pods.around(pods, &self.derived.plans);
        let elsewhere = self.derived.pods.elsewhere_of(pods);
        let known = self.derived.known.intersection(pods).copied().collect();
        let own_networks = self.own_networks(&self.derived.facts);
        Plan { subjects, elsewhere, known, own_networks, tunnel: self.tunnel_around(pods), ..Plan::default() }
    }

    /// Whether what all pods have in common may be another, and takes over the facts that hold now.
    fn common(&self, derived: &mut Derived) -> Common {
        let (before, now) = (&derived.facts, &self.facts);
        let same = Arc::ptr_eq(before, now) || before.says_the_same_of_all_pods(now);
        if !Arc::ptr_eq(before, now) {
            derived.networks = Networks::of(&now.excluded);
            derived.facts = Arc::clone(now);
        }
        if same { Common::Same } else { Common::Changed }
    }

    fn overview(&self, derived: &Derived) -> Arc<Overview> {
        Arc::new(Overview {
            first_ready: self.ready.first().cloned(),
            policies: Arc::clone(&self.policies),
            failing: derived.failing.first(),
            inside: Arc::clone(&self.facts),
            findings: self.findings(&self.facts),
            here: self.this_node(),
        })
    }

    /// This node, as it publishes itself.
    fn this_node(&self) -> ThisNode {
        let Snapshot { nodes, egress_nodes, .. } = &self.newest;
        ThisNode {
            uid: nodes.get(&self.settings.node).and_then(|node| node.uid.clone()),
            addresses: self.around.interfaces.clone(),
            published: egress_nodes.by_name.get(&self.settings.node).cloned(),
            followed: egress_nodes.followed,
        }
    }

    fn advance(&self, derived: &mut Derived, extent: Extent) -> RoundChanges {
        let changed = match extent {
            Extent::These(keys) => keys,
            Extent::All => self.subjects.keys().chain(derived.records.keys()).cloned().collect(),
        };
        let keys = self.share(derived, changed);
        let sharing = std::mem::take(&mut derived.sharing);
        let here = self.here(&sharing);
        let planned = keys.iter().filter_map(|key| Some((key.clone(), self.newest(here, key)?))).collect();
        let mut way = RoundChanges { planned, keys, ..RoundChanges::default() };
        self.limit(here, derived, &mut way);
        self.take_plans(derived, &mut way);
        self.join_those_who_share_pods(here, derived, &mut way);
        self.take_records(here, derived, &mut way);
        self.take_selecting(derived, &way.keys);
        derived.sharing = sharing;
        way
    }

    /// Takes in which addresses these Services have; returns them with those for which that is news.
    fn share(&self, derived: &mut Derived, changed: BTreeSet<SubjectKey>) -> BTreeSet<SubjectKey> {
        let mut keys = changed.clone();
        for key in changed {
            let (after, counted) = (self.shares(&key), derived.counted.entry(key.clone()).or_default());
            keys.extend(derived.sharing.replace(&key, &counted.shares, &after));
            counted.shares = after;
        }
        keys
    }

    /// Puts what was before in the place of what exceeds a limit. Where everything fits, as nearly always, nothing else
    /// is looked at; where a namespace is full, all of it is; and where the node is, everything.
    fn limit(&self, here: NodeContext<'_>, derived: &mut Derived, way: &mut RoundChanges) {
        for key in &way.keys {
            let demand = way.planned.get(key).map(|planned| self.demand(key, planned));
            let counted = derived.counted.entry(key.clone()).or_default();
            derived.usage.replace(key, counted.demand, demand);
            counted.demand = demand;
            if !self.subjects.has(key) {
                derived.counted.remove(key);
            }
        }
        let namespaces: BTreeSet<Arc<str>> = way.keys.iter().map(|key| Arc::clone(&key.namespace)).collect();
        let own_limits = derived.usage.without_the_node();
        let mut refused = BTreeMap::new();
        for namespace in &namespaces {
            let peak = if derived.usage.fits(namespace) {
                None
            } else {
                self.look_at_all_of(here, namespace, way);
                let (instead, peak) = self.refusals(here, &own_limits, &of_namespace(&way.planned, namespace));
                refused.extend(instead);
                Some(peak)
            };
            derived.usage.settle(namespace, peak);
        }
        if derived.usage.fits_the_node() && !derived.node_is_full {
            let before = of_namespaces(&derived.refused, &namespaces);
            self.replace_refusals(here, derived, way, before, refused);
            return;
        }
        self.limit_the_node(here, derived, way);
    }

    /// Works out anew what all namespaces have, since the node is full, or was.
    fn limit_the_node(&self, here: NodeContext<'_>, derived: &mut Derived, way: &mut RoundChanges) {
        for namespace in derived.usage.namespaces() {
            self.look_at_all_of(here, &namespace, way);
        }
        derived.node_is_full = !derived.usage.fits_the_node();
        let refused = if derived.node_is_full {
            self.refusals(here, &self.settings.limits, &way.planned).0
        } else {
            let own_limits = derived.usage.without_the_node();
            let of = |namespace: &Arc<str>| self.refusals(here, &own_limits, &of_namespace(&way.planned, namespace)).0;
            derived.usage.crowded().iter().flat_map(of).collect()
        };
        let before = derived.refused.keys().cloned().collect();
        self.replace_refusals(here, derived, way, before, refused);
    }

    fn look_at_all_of(&self, here: NodeContext<'_>, namespace: &Arc<str>, way: &mut RoundChanges) {
        for (key, _) in self.subjects.of_namespace(namespace) {
            if way.keys.insert(key.clone()) {
                way.planned.extend(self.newest(here, key).map(|planned| (key.clone(), planned)));
            }
        }
    }

    /// What was refused `before` and is not any more is in force as it is today.
    fn replace_refusals(
        &self,
        here: NodeContext<'_>,
        derived: &mut Derived,
        way: &mut RoundChanges,
        before: BTreeSet<SubjectKey>,
        refused: BTreeMap<SubjectKey, Alternative>,
    ) {
        for key in before {
            derived.refused.remove(&key);
            if way.keys.insert(key.clone()) {
                way.planned.extend(self.newest(here, &key).map(|planned| (key, planned)));
            }
        }
        for (key, instead) in refused {
            way.planned.insert(key.clone(), instead.planned.clone());
            derived.refused.insert(key, instead);
        }
    }

    /// Takes over the plans, and finds the pods for which they say something else.
    fn take_plans(&self, derived: &mut Derived, way: &mut RoundChanges) {
        for key in &way.keys {
            let new = way.planned.get(key).and_then(|planned| planned.service.as_ref());
            let old = derived.plans.get(key).cloned();
            if old.as_ref() != new {
                touch(&mut way.touched, old.as_deref(), new.map(|new| &**new));
                derived.pods.replace(key, old.as_deref(), new.map(|new| &**new));
                match new {
                    Some(new) => drop(derived.plans.insert(key.clone(), Arc::clone(new))),
                    None => drop(derived.plans.remove(key)),
                }
            }
            for pod in derived.plans.get(key).into_iter().flat_map(|plan| plan.pods()) {
                if derived.pods.place(pod, self.is_elsewhere(pod)) {
                    way.touched.insert(pod);
                }
            }
        }
    }

    pub(super) fn is_elsewhere(&self, pod: IpAddr) -> OutsidePodNetworks {
        match self.facts.placement(pod) {
            Placement::Elsewhere(PrivateDestinations::Withheld) => OutsidePodNetworks::Yes,
            Placement::Elsewhere(PrivateDestinations::AsBefore) | Placement::Known => OutsidePodNetworks::No,
        }
    }

    /// Whoever speaks for a pod that is touched is to know of it.
    fn join_those_who_share_pods(&self, here: NodeContext<'_>, derived: &Derived, way: &mut RoundChanges) {
        let sharing: BTreeSet<&SubjectKey> = way.touched.iter().flat_map(|pod| derived.pods.of(*pod)).collect();
        for key in sharing {
            if way.keys.insert(key.clone()) {
                let planned = match derived.refused.get(key) {
                    Some(instead) => Some(instead.planned.clone()),
                    None => self.newest(here, key),
                };
                way.planned.extend(planned.map(|planned| (key.clone(), planned)));
            }
        }
    }

    fn take_records(&self, here: NodeContext<'_>, derived: &mut Derived, way: &mut RoundChanges) {
        for key in &way.keys {
            let planned = way.planned.get(key);
            self.take_kept(here, derived, key, planned, &mut way.touched);
            let plan = derived.plans.get(key).cloned();
            let faults = plan.iter().flat_map(|plan| faults(key, plan, &derived.networks)).collect::<Vec<_>>();
            let mut notes: Vec<PlanNote> = faults.iter().cloned().chain(self.overlap(derived, key)).collect();
            notes.sort();
            match faults.is_empty() {
                true => drop(derived.faults.remove(key)),
                false => drop(derived.faults.insert(key.clone(), faults)),
            }
            let failures = self.subjects.get(key).and_then(|entry| entry.verdict.as_ref());
            derived.failing.put(key, failures.into_iter().flat_map(|verdict| &verdict.failures));
            let record = self.record(here, key, planned, plan, &notes);
            match self.is_beside(key, record.as_ref()) {
                true => drop(derived.beside.insert(key.clone())),
                false => drop(derived.beside.remove(key)),
            }
            if record.as_ref() != derived.records.get(key).map(|known| &**known) {
                way.changed.insert(key.clone());
                match record {
                    Some(record) => drop(derived.records.insert(key.clone(), Arc::new(record))),
                    None => drop(derived.records.remove(key)),
                }
            }
        }
    }

    fn take_kept(
        &self,
        here: NodeContext<'_>,
        derived: &mut Derived,
        key: &SubjectKey,
        planned: Option<&SubjectResult>,
        touched: &mut BTreeSet<IpAddr>,
    ) {
        let (before, now) = (derived.kept.get(key), self.keeps(here, key, planned));
        if before == now.as_ref() {
            return;
        }
        touched.extend([before, now.as_ref()].into_iter().flatten().flat_map(|(_, own)| own.pods.iter().copied()));
        match now {
            Some(now) => drop(derived.kept.insert(key.clone(), now)),
            None => drop(derived.kept.remove(key)),
        }
    }

    /// What a Service is to know about others that speak for its pods.
    pub(super) fn overlap(&self, derived: &Derived, key: &SubjectKey) -> Option<PlanNote> {
        let pods = derived.plans.get(key).into_iter().flat_map(|plan| plan.sources());
        let shared: BTreeSet<IpAddr> = pods.filter(|pod| derived.pods.of(*pod).len() > 1).collect();
        if shared.is_empty() {
            return None;
        }
        let plan = Plan { subjects: derived.pods.around(&shared, &derived.plans), ..Plan::default() };
        let claims = ranked(&plan);
        overlap(key, claims.iter().map(|(pod, claims)| (*pod, claims.as_slice())))
    }
}

/// The plan without subjects.
pub(super) fn bare_plan(facts: &ClusterFacts) -> Plan {
    Plan { excluded: facts.excluded.clone(), exact: facts.exact.clone(), ..Plan::default() }
}

/// Those of one namespace.
pub(super) fn of_namespace(
    planned: &BTreeMap<SubjectKey, SubjectResult>,
    namespace: &Arc<str>,
) -> BTreeMap<SubjectKey, SubjectResult> {
    let of =
        planned.range(SubjectKey::first_of(Arc::clone(namespace))..).take_while(|(key, _)| key.namespace == *namespace);
    of.map(|(key, planned)| (key.clone(), planned.clone())).collect()
}

fn of_namespaces(refused: &BTreeMap<SubjectKey, Alternative>, namespaces: &BTreeSet<Arc<str>>) -> BTreeSet<SubjectKey> {
    refused.keys().filter(|key| namespaces.contains(&key.namespace)).cloned().collect()
}

/// A defect that was found in the plan: nothing of it may be carried out.
fn fatal(derived: &Derived) -> Option<Finding> {
    let mut notes = derived.faults.values().flatten();
    notes.find(|note| note.severity() == Severity::Error).map(PlanNote::finding)
}
