//! Objects in as little memory as they take: what many of them say alike is there once. Each source does so where it takes
//! objects in, since a node keeps those of the whole cluster.

use std::sync::Arc;

use egressd_core::model::{Namespace, Node, Pod, Service, Slice, Texts};

use super::documents::Object;

/// Makes an object share its texts with those that came before. It says the same as before.
pub(super) fn compact(object: &mut Object, texts: &mut Texts) {
    match object {
        Object::Service(service) => Service::compact(Arc::make_mut(service), texts),
        Object::Node(_, node, _) => Node::compact(Arc::make_mut(node), texts),
        Object::Namespace(_, namespace) => Namespace::compact(Arc::make_mut(namespace), texts),
        Object::Pod(pod) => Pod::compact(Arc::make_mut(pod), texts),
        Object::Slice(_, slice) | Object::Endpoints(slice) => Slice::compact(Arc::make_mut(slice), texts),
        Object::EgressNode(..)
        | Object::ServiceNetworks(..)
        | Object::Policy(..)
        | Object::PodElsewhere(_)
        | Object::Networks(..)
        | Object::Claim(..) => {}
    }
}
