//! The subjects to read again after a newer state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use super::{Pipeline, Question};
use crate::model::{
    ChangeKey, Context, FactsChange, Node, PolicyMark, PolicyObject, Readiness, Service, Snapshot, SubjectKey,
};
use crate::placement::{ClaimChanges, CommonChanges, PlacementInput};

impl Pipeline {
    /// Takes in a newer state; returns what has to be asked: only about Services of which policies are shown something
    /// else.
    pub fn update(&mut self, snapshot: &Snapshot, keys: &BTreeSet<ChangeKey>) -> Vec<Question> {
        let snapshot = &self.with_own_networks(snapshot);
        let (snapshot, announced) = &self.with_announced(snapshot);
        self.take_policies(snapshot);
        let changed = self.changed(snapshot);
        let about_inside = keys.contains(&ChangeKey::Cluster)
            || keys.contains(&ChangeKey::EgressNodes) && self.published_otherwise(snapshot)
            || changed.iter().any(|key| self.is_about_inside(snapshot, key));
        let mut dirty = self.dirty(snapshot, keys);
        dirty.extend(changed);
        dirty.extend(self.announced_otherwise(snapshot));
        let everything = keys.contains(&ChangeKey::Cluster) && self.cluster(snapshot);
        if everything {
            dirty.extend(self.all(snapshot));
        }
        self.guard_selected_anew(snapshot);
        self.take_begun_pods(snapshot);
        dirty.extend(announced.iter().flat_map(|address| self.places.of(*address)).cloned());
        dirty.extend(self.early_otherwise(snapshot, announced));
        self.newest = snapshot.clone();
        dirty.extend(self.sharing_pods(&dirty));
        dirty.iter().for_each(|key| self.take_place(snapshot, key));
        if about_inside {
            dirty.extend(self.gather());
        } else if keys.contains(&ChangeKey::EgressNodes) {
            dirty.extend(self.take_tunnels());
        }
        dirty.extend(self.sharing_pods(&dirty));
        dirty.into_iter().filter_map(|key| self.look(snapshot, key, everything)).collect()
    }

    /// Takes in what nodes publish; whether other addresses count.
    fn published_otherwise(&mut self, snapshot: &Snapshot) -> bool {
        self.further.follow(&snapshot.nodes, &snapshot.egress_nodes.by_name) == FactsChange::Otherwise
    }

    fn take_policies(&mut self, snapshot: &Snapshot) {
        if !self.newest.policies.ptr_eq(&snapshot.policies) {
            self.policies = Arc::new(marks_of(snapshot));
        }
    }

    /// Renews what holds for all Services; whether every Service has to be asked about again.
    pub(super) fn cluster(&mut self, snapshot: &Snapshot) -> bool {
        self.take_ready(snapshot);
        let context = self.context_of(snapshot);
        let changed = *self.context != context;
        self.context = Arc::new(context);
        changed
    }

    /// What is the same for all Services in this state.
    pub(super) fn context_of(&self, snapshot: &Snapshot) -> Context {
        let labels = snapshot.nodes.get(&self.settings.node).map(|node| Arc::new(node.labels.clone()));
        Context { node: self.settings.node.clone(), node_labels: labels.unwrap_or_default() }
    }

    /// Renews which nodes are ready: on that it depends who reports a Service that no node translates. Which of them
    /// are is known of the Nodes that were looked at last, and not of those of the newest state: that may have come
    /// without a key.
    fn take_ready(&mut self, snapshot: &Snapshot) {
        let first = self.ready.first().cloned();
        let before = std::mem::replace(&mut self.looked_at_nodes, snapshot.nodes.clone());
        let other: BTreeSet<&String> = before.diff(&snapshot.nodes).filter_map(|item| self.take_one(item)).collect();
        if first.as_ref() != self.ready.first() || other.contains(&self.settings.node) {
            return self.subjects.touch_all();
        }
        let named = other.iter().flat_map(|node| self.places.naming(node));
        let concerned: Vec<SubjectKey> = named.filter(|key| self.subjects.has(key)).cloned().collect();
        self.subjects.touch(&concerned);
    }

    /// Takes in whether a Node is ready; its name, where that is news.
    fn take_one<'a>(&mut self, item: DiffItem<'a, 'a, String, Arc<Node>>) -> Option<&'a String> {
        let (name, now) = match item {
            DiffItem::Add(name, node) | DiffItem::Update { new: (name, node), old: _ } => (name, node.readiness),
            DiffItem::Remove(name, _) => (name, Readiness::NotReady),
        };
        let is_news = match now {
            Readiness::Ready => self.ready.insert(name.clone()),
            Readiness::NotReady => self.ready.remove(name),
        };
        is_news.then_some(name)
    }

    pub(super) fn all(&self, snapshot: &Snapshot) -> BTreeSet<SubjectKey> {
        let unreadable = snapshot.unreadable.services.keys();
        snapshot.subjects().chain(unreadable).chain(self.subjects.keys()).cloned().collect()
    }

    fn dirty(&self, snapshot: &Snapshot, keys: &BTreeSet<ChangeKey>) -> BTreeSet<SubjectKey> {
        let of = |key: &ChangeKey| -> BTreeSet<SubjectKey> {
            match key {
                ChangeKey::Subject(key) => [key.clone()].into(),
                ChangeKey::Namespace(name) => self.of_namespace(snapshot, name),
                // What concerns single Services is found by the addresses that come or go.
                ChangeKey::Cluster => self.newly_unreadable(snapshot),
                // Its effect comes with the chain that is loaded from it.
                ChangeKey::Policy(_) => BTreeSet::new(),
                ChangeKey::Announced | ChangeKey::EgressNodes => BTreeSet::new(),
                // What is announced of it is joined to it in any case.
                ChangeKey::PodWithoutAddress(_) => BTreeSet::new(),
                ChangeKey::Pod(address) => self.places.of(*address).cloned().collect(),
                ChangeKey::Pods => self.subjects.keys().cloned().collect(),
            }
        };
        keys.iter().flat_map(of).collect()
    }

    fn of_namespace(&self, snapshot: &Snapshot, namespace: &str) -> BTreeSet<SubjectKey> {
        let first = || SubjectKey::first_of(namespace)..;
        let is_of = |key: &SubjectKey| *key.namespace == *namespace;
        let unreadable = snapshot.unreadable.services.range(first()).map(|(key, _)| key).take_while(|key| is_of(key));
        let known = self.subjects.of_namespace(&Arc::from(namespace)).map(|(key, _)| key.clone()).collect::<Vec<_>>();
        snapshot.subjects_of(namespace).chain(unreadable).cloned().chain(known).collect()
    }

    /// Subjects that are other than before, or of which a slice is, whether or not the source gave a key: where two
    /// objects of files have one identity, one is hidden by the other until that is gone. What both states share is not
    /// looked at.
    fn changed(&self, snapshot: &Snapshot) -> BTreeSet<SubjectKey> {
        fn differ<T: PartialEq>(
            before: &OrdMap<SubjectKey, T>,
            now: &OrdMap<SubjectKey, T>,
        ) -> impl Iterator<Item = SubjectKey> {
            let differences = (!before.ptr_eq(now)).then(|| before.diff(now));
            differences.into_iter().flatten().map(|item| match item {
                DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), old: _ } => {
                    key.clone()
                }
            })
        }
        let (newest, Snapshot { services, slices, egress_policies, .. }) = (&self.newest, snapshot);
        let of_services = differ(&newest.services, services).chain(differ(&newest.slices, slices));
        of_services.chain(differ(&newest.egress_policies, egress_policies)).collect()
    }

    /// Takes in what load balancers write; returns the Services for which they say something else.
    fn announced_otherwise(&mut self, snapshot: &Snapshot) -> BTreeSet<SubjectKey> {
        if !self.ownership.asks_load_balancers() {
            self.ownership.see(snapshot);
            return BTreeSet::new();
        }
        let ClaimChanges { services, for_all } =
            ClaimChanges::between(self.ownership.seen(), &PlacementInput::of(snapshot));
        self.ownership.see(snapshot);
        let of_many: BTreeSet<SubjectKey> = match for_all {
            CommonChanges::Same => BTreeSet::new(),
            CommonChanges::OfKubeVip => {
                let is_kube_vips = |service: &Arc<Service>| self.ownership.is_kube_vips(service);
                let all = snapshot.services.iter().filter(|(_, service)| is_kube_vips(service));
                all.map(|(key, _)| key.clone()).collect()
            }
            // Also those that no policy is asked about: where they are found depends on it, too.
            CommonChanges::OfAny => self.all(snapshot),
        };
        of_many.into_iter().chain(services).collect()
    }

    /// What can be read no more, or again.
    fn newly_unreadable(&self, snapshot: &Snapshot) -> BTreeSet<SubjectKey> {
        let [before, now] = [&self.newest, snapshot].map(|state| &state.unreadable.services);
        before.keys().chain(now.keys()).cloned().collect()
    }
}

/// The policies' ConfigMaps, by name.
pub(super) fn marks_of(snapshot: &Snapshot) -> BTreeMap<String, PolicyMark> {
    let mark = |(name, policy): (&String, &Arc<PolicyObject>)| (name.clone(), policy.mark.clone());
    snapshot.policies.iter().map(mark).collect()
}

/// The nodes that are ready, by name.
pub(super) fn ready_of(snapshot: &Snapshot) -> impl Iterator<Item = &String> {
    snapshot.nodes.iter().filter(|(_, node)| node.readiness == Readiness::Ready).map(|(name, _)| name)
}
