//! What network plugins and installers say about networks: how a snapshot calls what says it, and what holds where a part of
//! it cannot be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::model::{ChangeKey, ClusterNetworks, ObjectReference, Snapshot};
use ipnet::IpNet;

use super::documents::{Identity, Object};
use super::kind::{Kind, NetworkKind};
use super::read::MAX_NODE_NETWORKS;

/// The annotations of a Node in which k3s and RKE2 write the arguments that they run with.
pub const ANNOTATIONS: [&str; 2] = ["k3s.io/node-args", "rke2.io/node-args"];

/// The networks in the arguments of a Node's installer, by annotation; those without any are absent.
pub type Arguments = BTreeMap<&'static str, Arc<ClusterNetworks>>;

/// How a snapshot calls an object: `IPPool default-ipv4-ippool`.
pub fn title(kind: Kind, name: &ObjectReference) -> String {
    let separator = if name.namespace.is_empty() { "" } else { "/" };
    format!("{} {}{separator}{}", kind.names().kind, name.namespace, name.name)
}

/// Everything of a kind that a snapshot has.
pub fn names(snapshot: &Snapshot, kind: NetworkKind) -> Vec<ObjectReference> {
    let names = Kind::Networks(kind).names();
    if let Some(one) = names.one {
        let name = kind.called(one.name);
        let is_there = snapshot.cluster_networks.contains_key(&title(Kind::Networks(kind), &name));
        return is_there.then_some(name).into_iter().collect();
    }
    let name = |title: &String| Some(kind.called(title.strip_prefix(names.kind)?.strip_prefix(' ')?));
    snapshot.cluster_networks.keys().filter_map(name).collect()
}

/// What a snapshot has, but for the arguments of Nodes' installers, as objects.
pub fn objects(snapshot: &Snapshot) -> Vec<Object> {
    let kinds = Kind::ALL.into_iter().filter_map(|kind| match kind {
        Kind::Networks(of) => Some((kind, of)),
        Kind::Services
        | Kind::Slices
        | Kind::Nodes
        | Kind::EgressNodes
        | Kind::Namespaces
        | Kind::ServiceNetworks
        | Kind::Policies
        | Kind::Pods
        | Kind::Claims(_)
        | Kind::Endpoints => None,
    });
    let identities = kinds.flat_map(|(kind, of)| names(snapshot, of).into_iter().map(move |name| (kind, name)));
    let object = |(kind, name): Identity| {
        let networks = snapshot.cluster_networks.get(&title(kind, &name))?;
        Some(Object::Networks((kind, name), Arc::clone(networks)))
    };
    identities.filter_map(object).collect()
}

/// Takes in what an object says, or that it is gone; the key where that changed.
pub fn set(snapshot: &mut Snapshot, title: String, networks: Option<&Arc<ClusterNetworks>>) -> Option<ChangeKey> {
    let known = &mut snapshot.cluster_networks;
    if known.get(&title) == networks {
        return None;
    }
    match networks {
        Some(networks) => known.insert(title, Arc::clone(networks)),
        None => known.remove(&title),
    };
    Some(ChangeKey::Cluster)
}

/// Takes in the arguments of a Node's installer; of a Node that is gone there are none.
pub fn set_arguments(snapshot: &mut Snapshot, node: &str, arguments: &Arguments) -> Option<ChangeKey> {
    let changes = ANNOTATIONS.map(|annotation| set(snapshot, argued(node, annotation), arguments.get(annotation)));
    changes.into_iter().flatten().next()
}

/// The arguments of a Node's installer that a snapshot has.
pub fn arguments(snapshot: &Snapshot, node: &str) -> Arguments {
    let arguments_of = |annotation| {
        let networks = snapshot.cluster_networks.get(&argued(node, annotation))?;
        Some((annotation, Arc::clone(networks)))
    };
    ANNOTATIONS.into_iter().filter_map(arguments_of).collect()
}

fn argued(node: &str, annotation: &str) -> String {
    format!("Node {node} ({annotation})")
}

/// How many networks count of those that one node's agent names and has named, while a part cannot be read: as many beside
/// those that it names.
const MAX_NODE_NETWORKS_WITH_EARLIER: usize = 2 * MAX_NODE_NETWORKS;

/// What a Node's installer says now, and what it reported before. What one node says stays within its bound.
#[must_use]
pub fn arguments_of_both(mut new: Arguments, old: &Arguments) -> Arguments {
    for (annotation, old) in old {
        let nothing = Arc::default();
        let both = of_both(new.get(annotation).unwrap_or(&nothing), old, MAX_NODE_NETWORKS_WITH_EARLIER);
        if both != ClusterNetworks::default() {
            new.insert(annotation, Arc::new(both));
        }
    }
    new
}

/// What an object of this kind says now, and what it reported before.
#[must_use]
pub fn of_kind_and_both(kind: Kind, new: &ClusterNetworks, old: &ClusterNetworks) -> Arc<ClusterNetworks> {
    let is_a_nodes = kind == Kind::Networks(NetworkKind::CiliumNodes);
    Arc::new(of_both(new, old, if is_a_nodes { MAX_NODE_NETWORKS_WITH_EARLIER } else { usize::MAX }))
}

fn of_both(new: &ClusterNetworks, old: &ClusterNetworks, most: usize) -> ClusterNetworks {
    let union = |new: &[IpNet], old: &[IpNet]| {
        let only_old = old.iter().filter(|one| !new.contains(one));
        new.iter().chain(only_old).copied().take(most).collect()
    };
    let (pods, services) = (union(&new.pods, &old.pods), union(&new.services, &old.services));
    ClusterNetworks { pods, services, completeness: new.completeness.min(old.completeness) }
}
