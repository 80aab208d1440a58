//! The ConfigMap of a policy, written: what [`super::read::read`] reads.

use std::fmt::Write;

use egressd_core::model::PolicyObject;
use egressd_core::policy;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// YAML for `kubectl`, and for a directory of manifests.
pub fn yaml(namespace: &str, object: &PolicyObject) -> String {
    let PolicyObject { name, annotations, settings, wasm, gzip, labels: _, mark: _ } = object;
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n  namespace: {}\n  labels:\n    {}: \"true\"\n",
        json!(name),
        json!(namespace),
        policy::LABEL,
    );
    if !annotations.is_empty() {
        text += "  annotations:\n";
    }
    // JSON is YAML. Writing into memory does not fail.
    for (name, value) in annotations {
        let _ = writeln!(text, "    {name}: {}", json!(value));
    }
    if let Some(settings) = settings {
        text += "data:\n  settings: |\n";
        for line in settings.trim().lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    if wasm.is_some() || gzip.is_some() {
        text += "binaryData:\n";
    }
    for (key, bytes) in [("policy.wasm", wasm), ("policy.wasm.gz", gzip)] {
        if let Some(bytes) = bytes {
            let _ = writeln!(text, "  {key}: {}", base64(bytes));
        }
    }
    text
}

/// As Kubernetes writes bytes.
fn base64(bytes: &[u8]) -> Value {
    json!(ByteString(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use egressd_core::model::{Labels, PolicyMark};

    use super::*;
    use crate::source::documents::{Object, contents};

    #[test]
    fn what_is_written_is_read_again() {
        let policy = PolicyObject {
            name: "guard".to_owned(),
            annotations: Labels::from([("egressd.io/services", "a in (\"b\"),!c: #")]),
            labels: Labels::new(),
            settings: Some("{\n  \"a\": \"\\n: #\"\n}".to_owned()),
            wasm: None,
            gzip: Some((0..=255).collect()),
            mark: PolicyMark::default(),
        };
        let read = contents(&yaml("egressd", &policy), "node-a").unwrap().objects;
        let settings = policy.settings.clone().map(|text| text + "\n");
        let expected = PolicyObject { settings, ..policy };
        assert_eq!(read, [Object::Policy("egressd".to_owned(), Arc::new(expected))]);
    }
}
