//! Events in, the newest snapshot and the keys of what changed out. Pure: no server, no clock.
//!
//! A list replaces what is known only when it is complete, so a list that breaks off takes nothing away, and one
//! that ends removes exactly what it does not hold. An object that cannot be read keeps its last good state as long
//! as it lives, and is reported.

mod attached;
mod known;
mod lost;
mod published;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use egressd_core::finding::{Finding, at_most};
use egressd_core::model::{
    ChangeKey, KnownPods, Node, ObjectReference, Pod, Pods, ReadState, Snapshot, SubjectKey, Texts,
};

use super::super::claims;
use super::super::documents::Object;
use super::super::handover::{Coverage, Update};
use super::super::kind::ClaimKind;
use super::super::networks::{self, Arguments};
use super::super::refused::{STAYS, left_out, never_read};
use super::cut::{Cut, compacted, shared};
use super::event::{Content, Event, Kind, Reading};
use super::memory::EarlierPods;

/// The newest state of everything that is followed.
#[derive(Debug)]
pub struct State {
    snapshot: Snapshot,
    /// Which Service each slice belongs to: a deleted or relabelled slice has to be found again.
    slices: BTreeMap<ObjectReference, SubjectKey>,
    /// The same of ServiceL2Statuses; none of one of which that cannot be read.
    statuses: BTreeMap<ObjectReference, Option<SubjectKey>>,
    /// Lists under way.
    lists: BTreeMap<Kind, BTreeMap<ObjectReference, Reading>>,
    /// Kinds that have to be listed before anything is handed over.
    awaited: BTreeSet<Kind>,
    /// The pods that are known, however much that is.
    pods: Pods,
    watch: PodWatch,
    /// Why an object is not taken as it is.
    unreadable: BTreeMap<(Kind, ObjectReference), String>,
    /// What of an object is left out.
    faults: BTreeMap<(Kind, ObjectReference), Vec<String>>,
    /// What an earlier process knew of a kind, until that was listed.
    recalled: BTreeMap<(Kind, ObjectReference), Object>,
    earlier_pods: EarlierPods,
    /// Why it is unknown what an earlier process knew.
    unknown: Option<Finding>,
    keys: BTreeSet<ChangeKey>,
    cut: Cut,
    texts: Texts,
}

/// How much is known of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PodWatch {
    /// They were never listed.
    Never,
    /// They were not by this process, which may not read them, but by an earlier one.
    Earlier,
    Follows,
    /// They were, and cannot be read now.
    Interrupted,
}

impl State {
    /// Nothing so far of these kinds.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self {
            snapshot: Snapshot::default(),
            slices: BTreeMap::new(),
            statuses: BTreeMap::new(),
            lists: BTreeMap::new(),
            awaited: kinds.into_iter().collect(),
            pods: Pods::default(),
            watch: PodWatch::Never,
            unreadable: BTreeMap::new(),
            faults: BTreeMap::new(),
            recalled: BTreeMap::new(),
            earlier_pods: EarlierPods::Unread,
            unknown: None,
            keys: BTreeSet::new(),
            cut: Cut::default(),
            texts: Texts::default(),
        }
    }

    pub fn apply(&mut self, kind: Kind, event: Event) {
        match event {
            Event::Begin => {
                self.lists.insert(kind, BTreeMap::new());
            }
            Event::Kept(interest) => self.cut.begins(kind, interest),
            Event::Listed(reading) => {
                let reading = shared(&self.snapshot, compacted(reading, &mut self.texts));
                self.lists.entry(kind).or_default().insert(reading.name.clone(), reading);
            }
            Event::Complete => {
                let list = self.lists.remove(&kind).unwrap_or_default();
                self.replace(kind, list);
                self.cut.is_complete(kind);
                self.follow_kind(kind, ReadState::Yes);
            }
            Event::Absent => {
                self.lists.remove(&kind);
                self.replace(kind, BTreeMap::new());
                self.follow_kind(kind, ReadState::Absent);
            }
            Event::Changed(reading) => {
                let reading = compacted(reading, &mut self.texts);
                self.store_reading(kind, reading);
            }
            Event::Gone(name) => self.remove(kind, &name),
        }
        if kind == Kind::Pods {
            self.show_pods();
        }
    }

    /// Nothing waits for this kind any more. Pods that an earlier process could read are not known to be none, and what it
    /// knew to be inside stays so.
    pub fn forgo(&mut self, kind: Kind) {
        self.awaited.remove(&kind);
        if matches!(kind, Kind::Networks(_) | Kind::EgressNodes) {
            let recalled = self.recalled.extract_if(.., |(of, _), _| *of == kind).collect::<Vec<_>>();
            recalled.into_iter().for_each(|((_, name), object)| self.store(name, object));
        }
        if kind == Kind::Pods && self.watch == PodWatch::Never && self.earlier_pods == EarlierPods::Read {
            self.watch = PodWatch::Earlier;
            self.show_pods();
        }
    }

    /// Whether every kind was listed once. Before that, what is missing may only not have been read yet (P6).
    pub fn is_complete(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Whether a Service changed whose namespace is not known.
    pub fn lacks_a_namespace(&self) -> bool {
        let Snapshot { services, namespaces, .. } = &self.snapshot;
        let is_changed = |key: &SubjectKey| services.contains_key(key) && !namespaces.contains_key(&*key.namespace);
        self.awaited.is_empty() && self.keys.iter().any(|key| matches!(key, ChangeKey::Subject(key) if is_changed(key)))
    }

    /// The newest state with the keys of what changed since the last time; none when nothing did.
    pub fn update(&mut self) -> Option<Update> {
        (!self.keys.is_empty() || self.cut.is_changed()).then(|| self.hand_over())
    }

    /// The newest state as a whole, however little of it there is.
    pub fn whole(&mut self) -> Update {
        self.keys.insert(ChangeKey::Cluster);
        self.hand_over()
    }

    /// The newest state with the keys of what changed since the last time, of which there may be none.
    pub fn hand_over(&mut self) -> Update {
        Update {
            snapshot: self.snapshot.clone(),
            keys: mem::take(&mut self.keys),
            findings: self.findings(),
            coverage: Coverage { kept: self.cut.hand_over(), followed: None },
        }
    }

    /// What is known, once all policies are.
    pub fn policies(&self) -> Option<Snapshot> {
        (!self.awaited.contains(&Kind::Policies)).then(|| self.snapshot.clone())
    }

    /// What cannot be read, of many the first and how many more there are.
    pub fn findings(&self) -> Vec<Finding> {
        let called = |(kind, name): &(Kind, ObjectReference)| {
            let separator = if name.namespace.is_empty() { "" } else { "/" };
            format!("{kind}: {}{separator}{}", name.namespace, name.name)
        };
        let unreadable = self.unreadable.iter().map(|(object, why)| {
            Finding::error("object-unreadable", format!("{} cannot be read: {why}", called(object)))
        });
        let faults = self.faults.iter().flat_map(|(object, faults)| {
            let fault = move |fault| format!("{}: {fault}; {}", called(object), left_out(object.0));
            faults.iter().map(move |why| Finding::warning("field-unreadable", fault(why)))
        });
        self.unknown.iter().cloned().chain(at_most(unreadable.chain(faults))).collect()
    }

    fn replace(&mut self, kind: Kind, list: BTreeMap<ObjectReference, Reading>) {
        for name in self.names(kind).into_iter().filter(|name| !list.contains_key(name)) {
            self.remove(kind, &name);
        }
        list.into_values().for_each(|reading| self.store_reading(kind, reading));
        self.recalled.retain(|(of, _), _| *of != kind);
        self.awaited.remove(&kind);
        if kind == Kind::Pods {
            self.watch = PodWatch::Follows;
        }
    }

    fn show_pods(&mut self) {
        let pods = self.pods.clone();
        let known = match self.watch {
            PodWatch::Never => KnownPods::NotWatched,
            PodWatch::Follows => KnownPods::Complete(pods),
            PodWatch::Earlier | PodWatch::Interrupted => KnownPods::LastKnown(pods),
        };
        let before = mem::replace(&mut self.snapshot.pods, known);
        if mem::discriminant(&before) != mem::discriminant(&self.snapshot.pods) {
            self.keys.insert(ChangeKey::Pods);
        }
    }

    fn store_reading(&mut self, kind: Kind, reading: Reading) {
        let Reading { name, uid, content, faults } = reading;
        let of = (kind, name.clone());
        self.unreadable.remove(&of);
        self.faults.remove(&of);
        if !matches!(content, Content::Unreadable(_)) {
            self.find(kind, &name);
        }
        match content {
            Content::Object(object) if faults.is_empty() => self.store(name, object),
            Content::Object(object) => {
                let known = self.known(&object).or_else(|| self.recalled.get(&of).cloned());
                self.faults.insert(of, faults);
                let object = match known {
                    Some(known) => object.keeping_inside(&known),
                    None => object,
                };
                self.store(name, object);
            }
            Content::Nothing => self.remove(kind, &name),
            Content::Unreadable(why) => {
                self.remove_other_life(kind, &name, uid.as_deref());
                if let Some(recalled) = self.recalled.remove(&of) {
                    self.store(name.clone(), recalled);
                }
                let unread = Object::unread(kind, &name);
                let known = unread.as_ref().and_then(|unread| self.known(unread)).filter(Object::stays_unread);
                let is_lost = unread.is_some() && known.is_none() || known.as_ref().is_some_and(|one| !one.is_known());
                let is_good = !is_lost && self.names(kind).contains(&name);
                let then = if is_good { STAYS } else { never_read(kind, &name) };
                self.lose(kind, &name, uid.as_deref(), &why);
                self.unreadable.insert(of, format!("{why}; {then}"));
                let standing_in = unread.filter(|_| known.is_none());
                standing_in.into_iter().for_each(|object| self.store(name.clone(), object));
            }
        }
    }

    /// The last good state of a Service or pod that was deleted is no other's (P5), even if another has its name now.
    fn remove_other_life(&mut self, kind: Kind, name: &ObjectReference, uid: Option<&str>) {
        let known = match kind {
            Kind::Services => self.snapshot.services.get(&subject_key(name)).map(|service| &service.uid),
            Kind::Pods => self.pods.get(name).map(|pod| &pod.uid),
            Kind::Slices
            | Kind::Nodes
            | Kind::EgressNodes
            | Kind::Namespaces
            | Kind::ServiceNetworks
            | Kind::Policies
            | Kind::Networks(_)
            | Kind::Claims(_)
            | Kind::Endpoints => None,
        };
        if known.is_some_and(|known| Some(known.as_str()) != uid) {
            self.remove(kind, name);
        }
    }

    /// Values that did not change keep their place in memory and give no key: most updates of a Node are its heartbeat.
    fn store(&mut self, name: ObjectReference, object: Object) {
        let Self { snapshot, keys, .. } = self;
        match object {
            Object::Service(service) => {
                if snapshot.services.get(&service.key) != Some(&service) {
                    keys.insert(ChangeKey::Subject(service.key.clone()));
                    snapshot.services.insert(service.key.clone(), service);
                }
            }
            Object::Slice(_, slice) => self.store_slice(name, slice),
            Object::Node(name, node, arguments) => self.store_node(name, node, &arguments),
            Object::EgressNode(name, node) => self.store_egress_node(name, node),
            Object::Namespace(name, namespace) => {
                if snapshot.namespaces.get(&name) != Some(&namespace) {
                    keys.insert(ChangeKey::Namespace(name.clone()));
                    snapshot.namespaces.insert(name, namespace);
                }
            }
            Object::ServiceNetworks(name, networks) => {
                if snapshot.service_networks.get(&name) != Some(&networks) {
                    keys.insert(ChangeKey::Cluster);
                    snapshot.service_networks.insert(name, networks);
                }
            }
            Object::Policy(_, policy) => {
                if snapshot.policies.get(&policy.name) != Some(&policy) {
                    keys.insert(ChangeKey::Policy(policy.name.clone()));
                    snapshot.policies.insert(policy.name.clone(), policy);
                }
            }
            Object::Pod(pod) => self.store_pod(pod),
            Object::Networks(identity, networks) => {
                keys.extend(networks::set(snapshot, networks::title(identity.0, &identity.1), Some(&networks)));
            }
            Object::Claim((_, name), claim) => self.store_claim(name, &claim),
            // The API server is asked for those of this node alone, and for no Endpoints.
            Object::PodElsewhere(_) | Object::Endpoints(_) => {}
        }
    }

    fn store_pod(&mut self, pod: Arc<Pod>) {
        if self.pods.get(&pod.name) != Some(&*pod) {
            self.note_pod_without_address(&pod.name);
            let name = pod.name.clone();
            self.keys.extend(self.pods.insert(pod).into_iter().map(ChangeKey::Pod));
            self.note_pod_without_address(&name);
        }
    }

    fn remove_pod(&mut self, name: &ObjectReference) {
        self.note_pod_without_address(name);
        self.keys.extend(self.pods.remove(name).into_iter().map(ChangeKey::Pod));
    }

    /// Its addresses may be announced, and no address leads to it.
    fn note_pod_without_address(&mut self, name: &ObjectReference) {
        let has_none = self.pods.get(name).is_some_and(|pod| pod.held().is_empty());
        self.keys.extend(has_none.then(|| ChangeKey::PodWithoutAddress(name.clone())));
    }

    fn store_node(&mut self, name: String, node: Arc<Node>, arguments: &Arguments) {
        self.keys.extend(networks::set_arguments(&mut self.snapshot, &name, arguments));
        if self.snapshot.nodes.get(&name) != Some(&node) {
            self.keys.insert(ChangeKey::Cluster);
            self.snapshot.nodes.insert(name, node);
        }
    }

    fn remove(&mut self, kind: Kind, name: &ObjectReference) {
        self.unreadable.remove(&(kind, name.clone()));
        self.faults.remove(&(kind, name.clone()));
        self.find(kind, name);
        let (snapshot, plain) = (&mut self.snapshot, &*name.name);
        let key = match kind {
            Kind::Services => {
                let key = subject_key(name);
                snapshot.services.remove(&key).map(|_| ChangeKey::Subject(key))
            }
            Kind::Slices => self.slices.remove(name).map(|service| {
                attached::remove_slice(snapshot, &service, plain);
                ChangeKey::Subject(service)
            }),
            Kind::Nodes => {
                let argued = networks::set_arguments(snapshot, plain, &Arguments::new());
                snapshot.nodes.remove(plain).map(|_| ChangeKey::Cluster).or(argued)
            }
            Kind::EgressNodes => snapshot.egress_nodes.by_name.remove(plain).map(|_| ChangeKey::EgressNodes),
            Kind::Namespaces => snapshot.namespaces.remove(plain).map(|_| ChangeKey::Namespace(plain.to_owned())),
            Kind::ServiceNetworks => snapshot.service_networks.remove(plain).map(|_| ChangeKey::Cluster),
            Kind::Policies => snapshot.policies.remove(plain).map(|_| ChangeKey::Policy(plain.to_owned())),
            Kind::Claims(ClaimKind::L2Statuses) => {
                self.statuses.remove(name).and_then(|of| claims::remove_status(snapshot, of.as_ref(), name))
            }
            Kind::Claims(ClaimKind::Leases) => snapshot.announced.leases.remove(name).map(|_| ChangeKey::Announced),
            Kind::Networks(_) => networks::set(snapshot, networks::title(kind, name), None),
            Kind::Pods => {
                self.remove_pod(name);
                None
            }
            Kind::Endpoints => None,
        };
        self.keys.extend(key);
    }
}

fn subject_key(name: &ObjectReference) -> SubjectKey {
    SubjectKey::service(Arc::clone(&name.namespace), Arc::clone(&name.name))
}

fn reference(key: &SubjectKey) -> ObjectReference {
    ObjectReference::new(Arc::clone(&key.namespace), Arc::clone(&key.name))
}

#[cfg(test)]
#[path = "state_tests.rs"]
pub(super) mod tests;
