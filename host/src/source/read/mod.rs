//! Kubernetes objects, as JSON, → the nouns of the core. Only what egressd uses is looked at, so what it does not know,
//! does not need or cannot read elsewhere in an object changes nothing. A needed field that is bad costs itself: one
//! address, one network, one port. Only where nothing right could be made without it is the object unreadable.

mod address;
mod claims;
mod cluster_networks;
mod egress_node;
mod endpoints;
mod fault;
mod field;
#[cfg(test)]
mod law_tests;
pub(super) mod metadata;
mod networks;
mod pod;
mod policy;
mod service;
mod slice;
mod tunnels;

use std::sync::Arc;

use egressd_core::model::{SubjectKey, Uid};
use serde_json::Value;

pub use self::cluster_networks::MAX_NODE_NETWORKS;
pub use self::fault::{Fault, Unreadable, shown};
use self::field::Field;
use super::documents::Object;
use super::kind::{ClaimKind, Kind};

/// The label by which an EndpointSlice names its Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What an object says, and what of it was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What could be read; none when it does not matter here, as an EndpointSlice of no Service.
    pub object: Option<Object>,
    /// What could not, in the order of the object.
    pub faults: Vec<Fault>,
}

/// Which life of which Service an object is, though it cannot be read.
pub fn life(object: &Value) -> Option<(SubjectKey, Uid)> {
    let root = Field::root(object);
    let key = metadata::key(&root).ok()?;
    let uid = metadata::uid(&root, &key).ok()?;
    Some((key, uid))
}

/// What an object of this kind says. In a file there is a `default_node`: endpoints and pods that name no node are on it.
///
/// # Errors
/// When it has no name, or one of the few fields cannot be read without which it would be another object.
pub fn read(kind: Kind, object: &Value, default_node: Option<&str>) -> Result<Reading, Unreadable> {
    let mut faults = Vec::new();
    let root = Field::root(object);
    is_plain(kind, &root, &mut faults)?;
    let object = match kind {
        Kind::Services => Some(Object::Service(Arc::new(service::service(&root, &mut faults)?.within_bounds()))),
        Kind::Slices => {
            slice::slice(&root, default_node, &mut faults)?.map(|(name, slice)| Object::Slice(name, Arc::new(slice)))
        }
        Kind::Nodes => {
            let (name, node) = networks::node(&root, &mut faults)?;
            Some(Object::Node(name, Arc::new(node), cluster_networks::arguments(&root, &mut faults)))
        }
        Kind::EgressNodes => Some(egress_node::egress_node(&root, &mut faults)?),
        Kind::Namespaces => {
            let (name, namespace) = networks::namespace(&root)?;
            Some(Object::Namespace(name, Arc::new(namespace)))
        }
        Kind::ServiceNetworks => {
            let (name, networks) = networks::service_networks(&root, &mut faults)?;
            Some(Object::ServiceNetworks(name, Arc::new(networks)))
        }
        Kind::Pods if default_node.is_some_and(|node| !pod::is_on(&root, node)) => {
            Some(Object::PodElsewhere(pod::pod(&root, &mut faults)?.name))
        }
        Kind::Pods => Some(Object::Pod(Arc::new(pod::pod(&root, &mut faults)?))),
        Kind::Networks(kind) => {
            let (identity, networks) = cluster_networks::networks(kind, &root, &mut faults)?;
            Some(Object::Networks(identity, Arc::new(networks)))
        }
        Kind::Claims(kind) => {
            claims::claim(kind, &root, &mut faults)?.map(|(identity, claim)| Object::Claim(identity, Box::new(claim)))
        }
        Kind::Endpoints => Some(Object::Endpoints(Arc::new(endpoints::endpoints(&root, default_node, &mut faults)?))),
        Kind::Policies => policy::policy(&root)?.map(|(namespace, policy)| Object::Policy(namespace, Arc::new(policy))),
    };
    Ok(Reading { object, faults })
}

/// That no name of a field has a sign that cannot be seen. Of a ServiceL2Status its labels say which Service it is about all
/// the same, so that it is one fault of it.
fn is_plain(kind: Kind, root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<(), Fault> {
    let plain = root.has_plain_names("the field").and_then(|()| root.get("metadata").has_plain_names("metadata"));
    if kind == Kind::Claims(ClaimKind::L2Statuses) {
        faults.extend(plain.err());
        return Ok(());
    }
    plain
}
