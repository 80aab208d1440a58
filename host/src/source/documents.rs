//! The text of one file → objects. A file is taken whole or not at all: half a file is no state that anybody
//! wanted.

use std::sync::Arc;

use egressd_core::model::{Labels, Node, ObjectReference, Pod, PolicyObject, Service, Slice};
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{convert, pod};

/// One object that egressd knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A Service.
    Service(Arc<Service>),
    /// An EndpointSlice and its name.
    Slice(String, Arc<Slice>),
    /// A Node and its name.
    Node(String, Arc<Node>),
    /// A Namespace's name and labels.
    Namespace(String, Arc<Labels>),
    /// A ServiceCIDR's name and networks.
    ServiceNetworks(String, Arc<Vec<IpNet>>),
    /// The namespace of a policy's ConfigMap, and what it says.
    Policy(String, Arc<PolicyObject>),
    /// A pod of this node.
    Pod(Arc<Pod>),
    /// A pod of another node: that there are pods shows that they are to be looked for here.
    PodElsewhere(ObjectReference),
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing in it: most likely an editor is about to write it.
    #[error("it is empty; delete the file to remove its objects")]
    Empty,
    /// No YAML, or YAML that was cut off.
    #[error("it is not YAML: {0}")]
    Yaml(String),
    /// YAML, but no Kubernetes object.
    #[error("document {number} has no {field}; every object needs apiVersion and kind")]
    Untyped {
        /// Counted from 1.
        number: usize,
        /// What is missing.
        field: &'static str,
    },
    /// An object that is not what its kind says.
    #[error("document {number} ({kind} {name}) cannot be read: {reason}")]
    Object {
        /// Counted from 1.
        number: usize,
        /// Its kind.
        kind: String,
        /// Its name, as far as it has one.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// The objects of a file. Kinds that egressd does not know are passed over; lists are unpacked. Endpoints
/// without a node are on `node`.
///
/// # Errors
/// The first thing that is wrong; the file is then not taken at all.
pub fn objects(text: &str, node: &str) -> Result<Vec<Object>, Error> {
    if text.trim().is_empty() {
        return Err(Error::Empty);
    }
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options(text)).map_err(|error| Error::Yaml(sentence(&error)))?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        for value in items(document) {
            objects.extend(object(index + 1, value, node)?);
        }
    }
    Ok(objects)
}

/// The parser's limits, which are meant for one configuration file, in proportion to the text: a file may hold
/// thousands of objects. What aliases make of it counts too, so a small file stays small.
fn options(text: &str) -> serde_saphyr::Options {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_documents = budget.max_documents.max(text.len() / "---\n".len());
    budget.max_nodes = budget.max_nodes.max(text.len());
    budget.max_events = budget.max_events.max(text.len());
    budget.max_total_scalar_bytes = budget.max_total_scalar_bytes.max(text.len());
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    options
}

/// A `List` is its items; an empty document is nothing.
fn items(document: Value) -> Vec<Value> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Null => vec![],
        Value::Object(mut fields) if is_list => match fields.remove("items") {
            Some(Value::Array(items)) => items,
            Some(_) | None => vec![],
        },
        Value::Object(_) | Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) => vec![document],
    }
}

fn object(number: usize, value: Value, node: &str) -> Result<Option<Object>, Error> {
    let field = |field: &'static str| value[field].as_str().map(str::to_owned).ok_or(Error::Untyped { number, field });
    let (version, kind) = (field("apiVersion")?, field("kind")?);
    let name = value["metadata"]["name"].as_str().unwrap_or("without a name").to_owned();
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let object = match (group, kind.as_str()) {
        ("", "Service") => read(value, |o| Ok(Object::Service(Arc::new(convert::service(o)?)))),
        ("", "Node") => read(value, |o| convert::node(o).map(|(name, node)| Object::Node(name, node))),
        ("", "Namespace") => {
            read(value, |o| convert::namespace_labels(o).map(|(name, labels)| Object::Namespace(name, labels)))
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            read(value, |o| convert::slice(o, Some(node)).map(|(name, slice)| Object::Slice(name, Arc::new(slice))))
        }
        ("networking.k8s.io", "ServiceCIDR") => {
            read(value, |o| convert::service_networks(o).map(|(name, nets)| Object::ServiceNetworks(name, nets)))
        }
        ("", "Pod") => read(value, |o| pod::in_file(o, node)),
        ("", "ConfigMap") => return read_policy(value).map_err(|reason| Error::Object { number, kind, name, reason }),
        (_, _) => return Ok(None),
    };
    object.map(Some).map_err(|reason| Error::Object { number, kind, name, reason })
}

fn read<K: DeserializeOwned>(
    value: Value,
    convert: impl FnOnce(K) -> Result<Object, convert::Error>,
) -> Result<Object, String> {
    let typed = serde_json::from_value(value).map_err(|error| error.to_string())?;
    convert(typed).map_err(|error| error.to_string())
}

/// Most ConfigMaps are somebody else's business.
fn read_policy(value: Value) -> Result<Option<Object>, String> {
    let typed = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let policy = convert::policy(typed).map_err(|error| error.to_string())?;
    Ok(policy.map(|(namespace, policy)| Object::Policy(namespace, policy)))
}

/// The message with its line and column, without the picture that the parser draws below.
pub fn sentence(error: &serde_saphyr::Error) -> String {
    let mut options = serde_saphyr::RenderOptions::default();
    options.snippets = serde_saphyr::SnippetMode::Off;
    error.without_snippet().render_with_options(options).lines().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer}\n";

    fn error(text: &str) -> String {
        objects(text, "node-a").unwrap_err().to_string()
    }

    #[test]
    fn a_service_without_uid_and_namespace_gets_lasting_ones() {
        let read = || objects(SERVICE, "node-a").unwrap();
        let objects = read();
        assert!(matches!(&objects[..], [Object::Service(service)] if service.key.to_string() == "default/web"));
        assert_eq!(objects, read(), "the same text gives the same uid");
    }

    #[test]
    fn lists_are_unpacked_and_foreign_kinds_passed_over() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}\n";
        assert_eq!(objects(list, "node-a").unwrap().len(), 1);
    }

    #[test]
    fn one_bad_document_refuses_the_file_and_says_which() {
        let bad = format!("{SERVICE}---\napiVersion: v1\nkind: Service\nmetadata: {{name: b}}\nspec: {{type: Loud}}\n");
        assert_eq!(
            error(&bad),
            "document 2 (Service b) cannot be read: spec.type \"Loud\" is not ClusterIP, NodePort, LoadBalancer or ExternalName"
        );
    }

    #[test]
    fn broken_yaml_is_named_with_its_place() {
        let message = error("apiVersion: v1\nkind: [Service\n");
        assert!(message.starts_with("it is not YAML: "), "{message}");
        assert!(message.contains("line "), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }

    #[test]
    fn a_file_may_hold_thousands_of_objects() {
        let many: String = (0..3_000).map(|i| SERVICE.replace("web", &format!("web-{i}")) + "---\n").collect();
        assert_eq!(objects(&many, "node-a").unwrap().len(), 3_000);
    }

    #[test]
    fn a_small_file_cannot_become_a_large_one() {
        let bomb = (1..12).fold("a0: &a0 [x]\n".to_owned(), |text, i| {
            let list = vec![format!("*a{}", i - 1); 9].join(", ");
            format!("{text}a{i}: &a{i} [{list}]\n")
        });
        let message = error(&bomb);
        assert!(message.starts_with("it is not YAML: "), "{message}");
    }

    #[test]
    fn an_empty_file_is_no_state() {
        assert_eq!(error(" \n"), "it is empty; delete the file to remove its objects");
    }
}
