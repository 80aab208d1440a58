//! EndpointSlices.

use std::sync::Arc;

use egressd_core::model::{Endpoint, ManagedBy, ObjectReference, Slice, SubjectKey};

use super::SERVICE_NAME;
use super::address::address;
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;

/// An EndpointSlice and its name; none when it belongs to no Service, or names hosts instead of addresses. An endpoint
/// without a node is on `default_node`, if there is one.
pub(super) fn slice(
    root: &Field<'_>,
    default_node: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Result<Option<(String, Slice)>, Unreadable> {
    let name = metadata::name(root)?;
    let label = root.object("metadata")?.object("labels")?.get(SERVICE_NAME);
    let Some(service) = label.text()?.filter(|service| !service.is_empty()) else { return Ok(None) };
    let service = SubjectKey::service(metadata::namespace(root)?, metadata::checked(&label, service)?);
    let mut endpoints = Vec::new();
    if root.get("addressType").text().ok().flatten() != Some("FQDN") {
        for endpoint in root.get("endpoints").list()? {
            endpoints.extend(self::endpoints(&endpoint, default_node, faults)?);
        }
    }
    Ok(Some((name, Slice { service, made_by: made_by(root), endpoints: endpoints.into() })))
}

/// The label by which a slice names its controller.
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// What it says in slices of Services with a selector.
const CONTROLLER: &str = "endpointslice-controller.k8s.io";

fn made_by(root: &Field<'_>) -> ManagedBy {
    match root.get("metadata").get("labels").get(MANAGED_BY).text() {
        Ok(Some(CONTROLLER)) => ManagedBy::Controller,
        Ok(_) | Err(_) => ManagedBy::Other,
    }
}

/// Kubernetes says that all addresses of one endpoint mean the same pod.
fn endpoints(
    endpoint: &Field<'_>,
    default_node: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Result<Vec<Endpoint>, Fault> {
    let conditions = endpoint.get("conditions");
    let mut condition = |name: &str| kept(conditions.get(name).boolean(), faults);
    let ready = condition("ready");
    let serving = condition("serving");
    let terminating = condition("terminating");
    let node = node(endpoint, default_node)?;
    let pod = pod(&endpoint.object("targetRef")?, faults);
    let addresses = endpoint.get("addresses").all(faults, address)?;
    let endpoint = |address| Endpoint { address, node: node.clone(), pod: pod.clone(), ready, serving, terminating };
    Ok(addresses.into_iter().map(endpoint).collect())
}

/// Where it runs. A name that cannot be read is no reason to take it for one of this node, nor for one of another.
pub(super) fn node(endpoint: &Field<'_>, default_node: Option<&str>) -> Result<Option<Arc<str>>, Fault> {
    // discovery.k8s.io/v1beta1 had it here before it had a field of its own.
    let topology = endpoint.get("topology").get("kubernetes.io/hostname");
    let name = if endpoint.get("nodeName").is_absent() { topology } else { endpoint.get("nodeName") };
    if name.is_absent() {
        return Ok(default_node.map(Arc::from));
    }
    Ok(name.text()?.map(Arc::from))
}

/// The pod that an endpoint names, if it is one.
pub(super) fn pod(reference: &Field<'_>, faults: &mut Vec<Fault>) -> Option<ObjectReference> {
    let kind = kept(reference.get("kind").text(), faults)?;
    if kind != "Pod" {
        return None;
    }
    let name = kept(reference.get("name").text(), faults)?;
    let namespace = kept(reference.get("namespace").text(), faults).unwrap_or_default();
    Some(ObjectReference::new(namespace, name))
}
