//! An object as it is kept for the next process: as it was written, so that a newer egressd finds in it what it needs, but
//! without what is large or another's secret and read by no egressd.

use serde_json::{Map, Value};

use super::kind::Kind;
use super::read::metadata::LAST_APPLIED;

/// Objects one after the other, each as a line of its own.
#[derive(Debug, Default, PartialEq)]
pub struct Originals {
    lines: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
}

impl Originals {
    pub(super) fn push(&mut self, kind: Kind, api_version: &str, object: Value) {
        let original = original(kind, api_version, object);
        // Into memory, and of a value whose keys are texts.
        self.lines.extend_from_slice(b"{\"object\":");
        serde_json::to_writer(&mut self.lines, &original).unwrap_or_default();
        self.lines.extend_from_slice(b"}\n");
        self.ends.push(self.lines.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Each line with its end.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.lines[begin..*end])
    }

    /// All lines as one text.
    pub(super) fn into_lines(self) -> Vec<u8> {
        self.lines
    }
}

/// An object without what is not kept.
pub(super) fn original(kind: Kind, api_version: &str, mut object: Value) -> Value {
    cut(kind, &mut object);
    if let Some(members) = object.as_object_mut() {
        // Items of a list of one kind do not say it themselves.
        members.insert("apiVersion".to_owned(), api_version.into());
        members.insert("kind".to_owned(), kind.names().kind.into());
    }
    object
}

fn cut(kind: Kind, object: &mut Value) {
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    match kind {
        // Who wrote what counts on a Service.
        Kind::Services => {}
        Kind::Nodes => {
            remove(object, "/metadata", "managedFields");
            // The names of all images of the node are among the rest.
            keep(object, "/status", &["addresses", "conditions"]);
        }
        Kind::Pods => {
            // What containers are given may be secret.
            keep(object, "/metadata", &["name", "namespace", "uid", "labels"]);
            keep(object, "/spec", &["nodeName", "hostNetwork"]);
            keep(object, "/status", &["phase", "podIP", "podIPs", "startTime"]);
        }
        Kind::Slices
        | Kind::EgressNodes
        | Kind::Namespaces
        | Kind::ServiceNetworks
        | Kind::Policies
        | Kind::Networks(_)
        | Kind::Claims(_)
        | Kind::Endpoints => {
            remove(object, "/metadata", "managedFields");
        }
    }
}

fn members<'a>(object: &'a mut Value, of: &str) -> Option<&'a mut Map<String, Value>> {
    object.pointer_mut(of)?.as_object_mut()
}

fn remove(object: &mut Value, of: &str, name: &str) {
    if let Some(members) = members(object, of) {
        members.remove(name);
    }
}

fn keep(object: &mut Value, of: &str, names: &[&str]) {
    if let Some(members) = members(object, of) {
        members.retain(|name, _| names.contains(&name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_large_or_secret_is_not_kept() {
        let node = json!({"metadata": {"name": "n"}, "status": {"images": [{"names": ["a"]}], "addresses": []}});
        let kept = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"status":{"addresses":[]}}"#;
        assert_eq!(original(Kind::Nodes, "v1", node).to_string(), kept);
        let container = json!({"env": [{"name": "PASSWORD", "value": "hunter2"}]});
        let annotations = json!({LAST_APPLIED: "hunter2", "other": "hunter2"});
        let pod = json!({"metadata": {"name": "p", "annotations": annotations}, "spec": {"containers": [container]}});
        assert!(!original(Kind::Pods, "v1", pod).to_string().contains("hunter2"));
        let service = json!({"metadata": {"name": "s", "annotations": {LAST_APPLIED: "hunter2", "a": "b"}}});
        let kept = r#"{"apiVersion":"v1","kind":"Service","metadata":{"annotations":{"a":"b"},"name":"s"}}"#;
        assert_eq!(original(Kind::Services, "v1", service).to_string(), kept);
    }
}
