//! The Kubernetes objects of a case, as far as a policy sees something of them. Other kinds are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// `metadata`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) uid: Option<String>,
    pub(super) labels: Option<BTreeMap<String, String>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// A Service.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceObject {
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) spec: ServiceSpec,
    #[serde(default)]
    pub(super) status: SubjectStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceSpec {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) load_balancer_class: Option<String>,
    #[serde(rename = "loadBalancerIP")]
    pub(super) load_balancer_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    pub(super) cluster_ips: Option<Vec<String>>,
    pub(super) external_traffic_policy: Option<String>,
    pub(super) ip_families: Option<Vec<String>>,
    pub(super) ports: Option<Vec<Port>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Port {
    pub(super) name: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectStatus {
    #[serde(default)]
    pub(super) load_balancer: LoadBalancer,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct LoadBalancer {
    pub(super) ingress: Option<Vec<Ingress>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ingress {
    pub(super) ip: Option<String>,
}

/// An EndpointSlice.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SliceObject {
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) address_type: String,
    pub(super) endpoints: Option<Vec<EndpointObject>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointObject {
    pub(super) addresses: Vec<String>,
    pub(super) node_name: Option<String>,
    pub(super) conditions: Option<Conditions>,
    pub(super) target_ref: Option<Reference>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Conditions {
    pub(super) ready: Option<bool>,
    pub(super) serving: Option<bool>,
    pub(super) terminating: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub(super) kind: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

/// A Node.
#[derive(Debug, Deserialize)]
pub(super) struct NodeObject {
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NodeStatus {
    pub(super) addresses: Option<Vec<NodeAddress>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeAddress {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) address: String,
}

#[derive(Debug, Deserialize)]
struct NamespaceObject {
    #[serde(default)]
    metadata: Metadata,
}

/// All objects of a file.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) services: Vec<ServiceObject>,
    pub(super) slices: Vec<SliceObject>,
    pub(super) nodes: Vec<NodeObject>,
    pub(super) namespaces: Vec<Metadata>,
}

impl Objects {
    /// Reads all documents. Lists are unpacked.
    ///
    /// # Errors
    /// The first thing that is wrong, in one sentence.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| sentence(&error))?;
        let mut objects = Self::default();
        for document in documents {
            let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
            match document {
                Value::Null => {}
                Value::Object(mut fields) if is_list => {
                    if let Some(Value::Array(items)) = fields.remove("items") {
                        items.into_iter().try_for_each(|item| objects.add(item))?;
                    }
                }
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    objects.add(document)?;
                }
            }
        }
        Ok(objects)
    }

    fn add(&mut self, object: Value) -> Result<(), String> {
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text("apiVersion"), text("kind"));
        if version.is_empty() || kind.is_empty() {
            return Err("an object has no apiVersion or no kind; every object needs both".to_owned());
        }
        match (version.rsplit_once('/').map_or("", |(group, _)| group), kind.as_str()) {
            ("", "Service") => self.services.push(typed(object, &kind)?),
            ("", "Node") => self.nodes.push(typed(object, &kind)?),
            ("", "Namespace") => self.namespaces.push(typed::<NamespaceObject>(object, &kind)?.metadata),
            ("discovery.k8s.io", "EndpointSlice") => self.slices.push(typed(object, &kind)?),
            (_, _) => {}
        }
        Ok(())
    }
}

fn typed<T: DeserializeOwned>(object: Value, kind: &str) -> Result<T, String> {
    let name = object["metadata"]["name"].as_str().unwrap_or("without a name").to_owned();
    serde_json::from_value(object).map_err(|error| format!("{kind} {name} cannot be read: {error}"))
}

/// The parser's message with its place, without the picture that it draws below.
pub(super) fn sentence(error: &serde_saphyr::Error) -> String {
    let mut options = serde_saphyr::RenderOptions::default();
    options.snippets = serde_saphyr::SnippetMode::Off;
    error.without_snippet().render_with_options(options).lines().collect::<Vec<_>>().join(" ")
}
