//! The kinds of Kubernetes' objects that are followed, and what becomes of each object: it is named, trimmed and
//! converted at once, so that nothing of its original form is kept.

use std::fmt::Debug;
use std::sync::Arc;

use egressd_core::model::ObjectReference;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;

use super::super::convert;
use super::super::documents::Object;
use super::super::pod::{PodObject, pod};
use super::event::{Content, Kind, Reading};

/// A copy of the whole object that `kubectl apply` leaves in it: of no use here, and as large as the rest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A kind of Kubernetes' objects that is followed.
pub(super) trait Watched:
    Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + 'static
{
    /// Which one.
    const KIND: Kind;

    /// What an object says; none when it does not matter here.
    fn convert(self) -> Result<Option<Object>, convert::Error>;
}

/// An object as the state takes it.
pub(super) fn reading<K: Watched>(mut object: K) -> Reading {
    let name = name(&object);
    let ObjectMeta { annotations, uid, .. } = object.meta_mut();
    annotations.as_mut().map(|annotations| annotations.remove(LAST_APPLIED));
    let uid = uid.clone();
    let content = match object.convert() {
        Ok(Some(object)) => Content::Object(object),
        Ok(None) => Content::Nothing,
        Err(error) => Content::Unreadable(error.to_string()),
    };
    Reading { name, uid, content }
}

/// How an object is called among its kind. Policies are all of one namespace.
pub(super) fn name<K: Watched>(object: &K) -> ObjectReference {
    let ObjectMeta { namespace, name, .. } = object.meta();
    let namespace = match K::KIND {
        Kind::Services | Kind::Slices | Kind::Pods => namespace.clone().unwrap_or_default(),
        Kind::Nodes | Kind::Namespaces | Kind::ServiceNetworks | Kind::Policies => String::new(),
    };
    ObjectReference { namespace, name: name.clone().unwrap_or_default() }
}

impl Watched for Service {
    const KIND: Kind = Kind::Services;

    fn convert(self) -> Result<Option<Object>, convert::Error> {
        Ok(Some(Object::Service(Arc::new(convert::service(self)?))))
    }
}

impl Watched for EndpointSlice {
    const KIND: Kind = Kind::Slices;

    /// A slice without the label is somebody's own business, and one that lost it belongs to nobody any more.
    fn convert(self) -> Result<Option<Object>, convert::Error> {
        match convert::slice(self, None) {
            Ok((name, slice)) => Ok(Some(Object::Slice(name, Arc::new(slice)))),
            Err(convert::Error::NoService) => Ok(None),
            Err(error @ (convert::Error::NoName | convert::Error::Field { .. })) => Err(error),
        }
    }
}

impl Watched for Node {
    const KIND: Kind = Kind::Nodes;

    fn convert(self) -> Result<Option<Object>, convert::Error> {
        convert::node(self).map(|(name, node)| Some(Object::Node(name, node)))
    }
}

impl Watched for Namespace {
    const KIND: Kind = Kind::Namespaces;

    fn convert(self) -> Result<Option<Object>, convert::Error> {
        convert::namespace_labels(self).map(|(name, labels)| Some(Object::Namespace(name, labels)))
    }
}

impl Watched for ServiceCIDR {
    const KIND: Kind = Kind::ServiceNetworks;

    fn convert(self) -> Result<Option<Object>, convert::Error> {
        convert::service_networks(self).map(|(name, networks)| Some(Object::ServiceNetworks(name, networks)))
    }
}

impl Watched for ConfigMap {
    const KIND: Kind = Kind::Policies;

    fn convert(self) -> Result<Option<Object>, convert::Error> {
        Ok(convert::policy(self)?.map(|(namespace, policy)| Object::Policy(namespace, policy)))
    }
}

impl Watched for PodObject {
    const KIND: Kind = Kind::Pods;

    fn convert(self) -> Result<Option<Object>, convert::Error> {
        Ok(Some(Object::Pod(Arc::new(pod(self)?))))
    }
}
