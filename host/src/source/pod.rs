//! A Pod, read no further than it tells whose an address is: containers, volumes and all the rest are passed over while
//! it is read, so that none of it is ever in memory.

use std::sync::Arc;

use egressd_core::model::{Labels, ObjectReference, Phase, Pod, PodNetwork};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use serde::{Deserialize, Deserializer};

use super::convert::{self, Error, addresses};
use super::documents::Object;

/// What is read of a Pod.
#[derive(Clone, Debug, Deserialize)]
pub struct PodObject {
    #[serde(default, deserialize_with = "metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    host_network: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Option<Vec<PodIp>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodIp {
    ip: String,
}

/// Annotations and managed fields are most of the metadata.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Named {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<Labels>,
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let Named { name, namespace, uid, resource_version, labels } = Named::deserialize(deserializer)?;
    Ok(ObjectMeta { name, namespace, uid, resource_version, labels, ..ObjectMeta::default() })
}

impl Resource for PodObject {
    const API_VERSION: &'static str = "v1";
    const GROUP: &'static str = "";
    const KIND: &'static str = "Pod";
    const VERSION: &'static str = "v1";
    const URL_PATH_SEGMENT: &'static str = "pods";
    type Scope = NamespaceResourceScope;
}

impl Metadata for PodObject {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A pod, as one of this node.
///
/// # Errors
/// When a field cannot be read.
pub fn pod(object: PodObject) -> Result<Pod, Error> {
    let PodObject { metadata, spec, status } = object;
    let key = convert::key(&metadata)?;
    let written: Vec<String> = match status.pod_ips {
        Some(list) if !list.is_empty() => list.into_iter().map(|one| one.ip).collect(),
        Some(_) | None => status.pod_ip.into_iter().collect(),
    };
    let written: Vec<String> = written.into_iter().filter(|text| !text.is_empty()).collect();
    Ok(Pod {
        uid: convert::uid(&metadata, &key)?,
        name: ObjectReference { namespace: key.namespace.to_string(), name: key.name.to_string() },
        phase: match status.phase.as_deref() {
            Some("Succeeded" | "Failed") => Phase::Ended,
            Some(_) | None => Phase::Alive,
        },
        network: if spec.host_network == Some(true) { PodNetwork::Host } else { PodNetwork::Own },
        addresses: addresses("status.podIPs[].ip", &written)?,
        labels: metadata.labels.unwrap_or_default(),
    }
    .within_bounds())
}

/// A pod in a file: of another node where it says so, else of this one.
///
/// # Errors
/// When a field cannot be read.
pub fn in_file(object: PodObject, node: &str) -> Result<Object, Error> {
    let is_here = object.spec.node_name.as_deref().is_none_or(|name| name == node);
    let pod = pod(object)?;
    Ok(if is_here { Object::Pod(Arc::new(pod)) } else { Object::PodElsewhere(pod.name) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Pod, String> {
        let object = serde_json::from_value(value).map_err(|error| error.to_string())?;
        pod(object).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_pod_is_cut_to_what_tells_whose_an_address_is() {
        let whole = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "web-1", "namespace": "shop", "uid": "u-1", "labels": {"app": "web"},
                "annotations": {"a": "b"}, "managedFields": [{"manager": "kubelet", "fieldsV1": {}}],
            },
            "spec": {"nodeName": "node-a", "hostNetwork": true, "containers": [{"name": "main", "image": "x"}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]},
        });
        let object: PodObject = serde_json::from_value(whole.clone()).unwrap();
        assert!(object.metadata.annotations.is_none() && object.metadata.managed_fields.is_none());
        let pod = read(whole).unwrap();
        assert_eq!((pod.name.namespace.as_str(), pod.name.name.as_str(), pod.uid.as_str()), ("shop", "web-1", "u-1"));
        assert_eq!((pod.phase, pod.network), (Phase::Alive, PodNetwork::Host));
        assert_eq!(pod.addresses, ["10.0.0.1".parse().unwrap(), "fd00::1".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(pod.labels, [("app".to_owned(), "web".to_owned())].into());
    }

    #[test]
    fn a_pod_that_says_little_is_alive_and_has_what_it_says() {
        let little = |status: Value| read(json!({"metadata": {"name": "web-1"}, "status": status})).unwrap();
        assert_eq!(little(json!({})).addresses, Vec::<std::net::IpAddr>::new());
        assert_eq!(little(json!({"podIP": "10.0.0.1", "podIPs": []})).addresses.len(), 1);
        for (phase, expected) in [("Pending", Phase::Alive), ("Unknown", Phase::Alive), ("Later", Phase::Alive)] {
            assert_eq!(little(json!({"phase": phase})).phase, expected);
        }
        for phase in ["Succeeded", "Failed"] {
            assert_eq!(little(json!({"phase": phase, "podIP": "10.0.0.1"})).phase, Phase::Ended);
        }
    }

    #[test]
    fn an_address_that_is_none_is_named() {
        let error = read(json!({"metadata": {"name": "web-1"}, "status": {"podIP": "here"}})).unwrap_err();
        assert_eq!(error, "status.podIPs[].ip \"here\" is not an address like 192.0.2.10 or 2001:db8::10");
    }

    #[test]
    fn a_pod_in_a_file_is_of_this_node_unless_it_says_otherwise() {
        let on = |spec: Value| {
            let object = serde_json::from_value(json!({"metadata": {"name": "web-1"}, "spec": spec})).unwrap();
            in_file(object, "node-a").unwrap()
        };
        assert!(matches!(on(json!({})), Object::Pod(_)));
        assert!(matches!(on(json!({"nodeName": "node-a"})), Object::Pod(_)));
        assert!(matches!(on(json!({"nodeName": "node-b"})), Object::PodElsewhere(_)));
    }
}
