//! An object as it is kept for the next process: as it was written, so that a newer egressd finds in it what it needs, but
//! without what is large or another's secret and read by no egressd.

use serde_json::{Map, Value};

use super::kind::Kind;
use super::read::metadata::LAST_APPLIED;

/// One line of JSON.
pub(super) fn original(kind: Kind, api_version: &str, object: &Value) -> String {
    let mut object = object.clone();
    cut(kind, &mut object);
    if let Some(members) = object.as_object_mut() {
        // Items of a list of one kind do not say it themselves.
        members.insert("apiVersion".to_owned(), api_version.into());
        members.insert("kind".to_owned(), kind.names().kind.into());
    }
    object.to_string()
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
            keep(object, "/status", &["phase", "podIP", "podIPs"]);
        }
        Kind::Slices
        | Kind::Namespaces
        | Kind::ServiceNetworks
        | Kind::Policies
        | Kind::Networks(_)
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
        assert_eq!(original(Kind::Nodes, "v1", &node), kept);
        let container = json!({"env": [{"name": "PASSWORD", "value": "hunter2"}]});
        let annotations = json!({LAST_APPLIED: "hunter2", "other": "hunter2"});
        let pod = json!({"metadata": {"name": "p", "annotations": annotations}, "spec": {"containers": [container]}});
        assert!(!original(Kind::Pods, "v1", &pod).contains("hunter2"));
        let service = json!({"metadata": {"name": "s", "annotations": {LAST_APPLIED: "hunter2", "a": "b"}}});
        let kept = r#"{"apiVersion":"v1","kind":"Service","metadata":{"annotations":{"a":"b"},"name":"s"}}"#;
        assert_eq!(original(Kind::Services, "v1", &service), kept);
    }
}
