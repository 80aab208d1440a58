//! What all files say together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use egressd_core::finding::Finding;
use egressd_core::model::{
    ChangeKey, ClusterNetworks, Completeness, Node, ObjectReference, ReadState, Slice, Snapshot, SubjectKey, Uid,
};

use super::doubt::{Likelihood, PossibleObjects};
use super::lost::Lost;
use crate::source::documents::Object;
use crate::source::{claims, networks};

/// What some objects say together, policies of all namespaces among them.
pub fn snapshot(objects: &[Object]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    objects.iter().for_each(|object| insert(&mut snapshot, object));
    let endpoints = objects.iter().filter_map(|object| match object {
        Object::Endpoints(slice) => Some(slice),
        Object::Service(_)
        | Object::Slice(..)
        | Object::Node(..)
        | Object::EgressNode(..)
        | Object::Namespace(..)
        | Object::ServiceNetworks(..)
        | Object::Policy(..)
        | Object::Pod(_)
        | Object::PodElsewhere(_)
        | Object::Networks(..)
        | Object::Claim(..) => None,
    });
    endpoints.for_each(|slice| insert_endpoints(&mut snapshot, slice));
    snapshot
}

/// What to look at again when this object comes, goes or changes.
pub(super) fn key(object: &Object) -> ChangeKey {
    match object {
        Object::Service(service) => ChangeKey::Subject(service.key.clone()),
        Object::Slice(_, slice) | Object::Endpoints(slice) => ChangeKey::Subject(slice.service.clone()),
        Object::Namespace(name, _) => ChangeKey::Namespace(name.clone()),
        Object::Node(..) | Object::ServiceNetworks(..) | Object::Networks(..) => ChangeKey::Cluster,
        Object::EgressNode(..) => ChangeKey::EgressNodes,
        Object::Policy(_, policy) => ChangeKey::Policy(policy.name.clone()),
        Object::Claim(..) => ChangeKey::Announced,
        // The first one makes a difference to all Services.
        Object::Pod(_) | Object::PodElsewhere(_) => ChangeKey::Pods,
    }
}

/// That a policy is of another namespace than those that count.
pub(super) fn elsewhere(file: &str, policy: &ObjectReference, ours: &str) -> Finding {
    let ObjectReference { namespace, name } = policy;
    let message = format!(
        "{file}: ConfigMap {namespace}/{name} is not used as a policy; policies are read from namespace {ours} only"
    );
    Finding::warning("policy-elsewhere", message)
}

#[derive(Default)]
pub(super) struct Gathered {
    /// The namespace whose policies count.
    policies: String,
    snapshot: Snapshot,
    findings: Vec<Finding>,
    /// Files that say something.
    files: Vec<String>,
    /// Which file has which object first.
    owners: BTreeMap<Box<str>, usize>,
    /// Which Service has which identity.
    uids: BTreeMap<Uid, SubjectKey>,
    /// What counts of Services without a slice.
    endpoints: Vec<Arc<Slice>>,
    /// Files of which something cannot be read.
    doubts: Vec<(String, PossibleObjects)>,
}

impl Gathered {
    /// Nothing so far; policies count from one namespace.
    pub(super) fn with_policies_of(namespace: &str) -> Self {
        Self { policies: namespace.to_owned(), ..Self::default() }
    }

    /// All of it, and what is wrong.
    pub(super) fn finish(mut self) -> (Snapshot, Vec<Finding>) {
        self.endpoints.iter().for_each(|slice| insert_endpoints(&mut self.snapshot, slice));
        // A file without a text could be anything; where Nodes are known, it is not the one that says so.
        let is_alone = self.snapshot.nodes.is_empty();
        for (file, PossibleObjects { networks, claims }) in self.doubts {
            let title = format!("manifest {file}");
            if claims == Likelihood::Likely {
                self.snapshot.announced.unreadable.insert(title.as_str().into());
            }
            if networks == Likelihood::Likely || networks == Likelihood::Possible && is_alone {
                let networks = ClusterNetworks { completeness: Completeness::Partial, ..ClusterNetworks::default() };
                self.snapshot.cluster_networks.insert(title, Arc::new(networks));
            }
        }
        (self.snapshot, self.findings)
    }

    /// Another Service with the uid of this one. What is remembered of a Service is remembered by its uid, so two of one would
    /// take it from each other.
    fn other_of_uid(&self, object: &Object) -> Option<&SubjectKey> {
        let Object::Service(service) = object else { return None };
        self.uids.get(&service.uid).filter(|key| **key != service.key)
    }

    /// What a file could say, of which something cannot be read.
    pub(super) fn doubt(&mut self, file: &str, doubts: PossibleObjects) {
        if !doubts.is_none() {
            self.doubts.push((file.to_owned(), doubts));
        }
    }

    /// What is there and cannot be read, and is in no other file.
    pub(super) fn lose(&mut self, lost: &Lost) {
        let Snapshot { services, policies, unreadable, .. } = &mut self.snapshot;
        for (key, service) in lost.services.iter().filter(|(key, _)| !services.contains_key(key)) {
            unreadable.services.insert(key.clone(), service.clone());
        }
        let ours = lost.policies.iter().filter(|policy| *policy.namespace == *self.policies);
        for policy in ours.filter(|policy| !policies.contains_key(&*policy.name)) {
            unreadable.policies.insert(policy.name.to_string());
        }
    }

    /// What this node publishes about itself is among what is read, or there is none.
    pub(super) fn follow_egress_nodes(&mut self) {
        self.snapshot.egress_nodes.followed = ReadState::Yes;
    }

    /// One file comes after the other.
    fn number_of(&mut self, file: &str) -> usize {
        if self.files.last().is_none_or(|last| last != file) {
            self.files.push(file.to_owned());
        }
        self.files.len() - 1
    }

    pub(super) fn add(&mut self, file: &str, object: &Object) {
        let name = object.called();
        if let Object::Policy(namespace, policy) = object
            && *namespace != self.policies
        {
            let name = ObjectReference::new(namespace.as_str(), policy.name.as_str());
            self.findings.push(elsewhere(file, &name, &self.policies));
            return;
        }
        if let Some(other) = self.other_of_uid(object) {
            let message = format!(
                "{file}: {name} has the metadata.uid of Service {other}, which takes precedence; remove the uid, or \
                 make it unique"
            );
            self.findings.push(Finding::error("object-duplicate", message));
            return;
        }
        let here = self.number_of(file);
        match self.owners.entry(name.into()) {
            Entry::Vacant(entry) => {
                if let Object::Service(service) = object {
                    self.uids.insert(service.uid.clone(), service.key.clone());
                }
                if let Object::Endpoints(slice) = object {
                    self.endpoints.push(Arc::clone(slice));
                }
                entry.insert(here);
                insert(&mut self.snapshot, object);
            }
            Entry::Occupied(entry) => {
                let (name, first) = (entry.key(), &self.files[*entry.get()]);
                let message =
                    format!("{file}: {name} is in {first} already, which takes precedence; remove one of the two");
                self.findings.push(Finding::error("object-duplicate", message));
                unite(&mut self.snapshot, object);
            }
        }
    }
}

/// What a second object of one name says is inside, counts as well: it is not known which of the two is right.
fn unite(snapshot: &mut Snapshot, object: &Object) {
    match object {
        Object::Node(name, node, _) => {
            if let Some(known) = snapshot.nodes.get_mut(name) {
                *known = Arc::new(Node::clone(known).keeping_inside(node));
            }
        }
        Object::ServiceNetworks(name, networks) => {
            if let Some(known) = snapshot.service_networks.get_mut(name) {
                *known = Arc::new(known.iter().chain(networks.iter()).copied().collect());
            }
        }
        Object::Service(_)
        | Object::Slice(..)
        | Object::EgressNode(..)
        | Object::Namespace(..)
        | Object::Networks(..)
        | Object::Claim(..)
        | Object::Policy(..)
        | Object::Pod(_)
        | Object::PodElsewhere(_)
        | Object::Endpoints(_) => {}
    }
}

fn insert(snapshot: &mut Snapshot, object: &Object) {
    match object {
        Object::Service(service) => {
            snapshot.services.insert(service.key.clone(), Arc::clone(service));
        }
        Object::Slice(name, slice) => {
            snapshot.slices.entry(slice.service.clone()).or_default().insert(name.clone(), Arc::clone(slice));
        }
        Object::Node(name, node, arguments) => {
            networks::set_arguments(snapshot, name, arguments);
            snapshot.nodes.insert(name.clone(), Arc::clone(node));
        }
        Object::EgressNode(name, node) => {
            snapshot.egress_nodes.by_name.insert(name.clone(), Arc::clone(node));
        }
        Object::Namespace(name, namespace) => {
            snapshot.namespaces.insert(name.clone(), Arc::clone(namespace));
        }
        Object::ServiceNetworks(name, networks) => {
            snapshot.service_networks.insert(name.clone(), Arc::clone(networks));
        }
        Object::Policy(_, policy) => {
            snapshot.policies.insert(policy.name.clone(), Arc::clone(policy));
        }
        Object::Pod(pod) => {
            snapshot.pods.complete(|pods| {
                pods.insert(Arc::clone(pod));
            });
        }
        Object::PodElsewhere(_) => snapshot.pods.complete(|_| {}),
        Object::Networks(identity, networks) => {
            networks::set(snapshot, networks::title(identity.0, &identity.1), Some(networks));
        }
        Object::Claim((_, name), claim) => {
            claims::set(snapshot, name, claim);
        }
        // Only when all slices are known.
        Object::Endpoints(_) => {}
    }
}

/// Endpoints count where their Service has no slice at all: a server that has slices makes them of Endpoints, so a dump has
/// both.
fn insert_endpoints(snapshot: &mut Snapshot, endpoints: &Arc<Slice>) {
    let key = &endpoints.service;
    if !snapshot.slices.contains_key(key) {
        snapshot.slices.insert(key.clone(), [(Arc::clone(&key.name), Arc::clone(endpoints))].into_iter().collect());
    }
}
