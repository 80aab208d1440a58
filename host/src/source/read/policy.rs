//! The ConfigMap of a policy.

use std::sync::Arc;

use egressd_core::model::{Labels, PolicyMark, PolicyObject};
use egressd_core::policy;
use k8s_openapi::ByteString;

use super::fault::{Fault, Unreadable};
use super::field::Field;
use super::metadata;

/// Values of the label with which a ConfigMap is none, as it says.
const OFF: [&str; 4] = ["false", "no", "off", "0"];

/// The namespace of a ConfigMap that is a policy, and what it says; none when it is another ConfigMap. Nothing of it can be
/// left out: a policy without its settings or its component is another one.
pub(super) fn policy(root: &Field<'_>) -> Result<Option<(String, PolicyObject)>, Unreadable> {
    let labels = root.get("metadata").get("labels");
    let label = labels.get(policy::LABEL);
    match label.value().map(|value| value.as_str().unwrap_or_default()) {
        Some("true") => {}
        Some(value) if OFF.iter().any(|off| value.eq_ignore_ascii_case(off)) => return Ok(None),
        Some(_) => return Err(label.fault("\"true\", so the ConfigMap is not used as a policy").into()),
        None => return not_misspelled(&root.get("metadata")).map(|()| None),
    }
    let (namespace, name) = (metadata::namespace(root)?, metadata::name(root)?);
    let mut annotations = metadata::annotations(root)?;
    let uid = root.get("metadata").get("uid").text()?.map(str::to_owned);
    let mark = PolicyMark { uid, status: annotations.remove(policy::STATUS).map(|text| text.to_string()) };
    let settings = root.get("data").get("settings").text()?.map(str::to_owned);
    let binary = root.get("binaryData");
    let (wasm, gzip) = (bytes(&binary.get("policy.wasm"))?, bytes(&binary.get("policy.wasm.gz"))?);
    let labels = misplaced(&labels);
    Ok(Some((namespace, PolicyObject { name, annotations, labels, settings, wasm, gzip, mark })))
}

/// A guard whose label is misspelled must not pass for another ConfigMap, and none that was in force goes by a slip.
fn not_misspelled(metadata: &Field<'_>) -> Result<(), Unreadable> {
    let slip = |place: &str, is_slip: &dyn Fn(&str) -> bool| {
        let names = metadata.get(place);
        let name = names.names().find(|name| is_slip(name))?.to_owned();
        Some(names.get(&name).fault("the label of a policy; write the label egressd.io/policy"))
    };
    let annotation = || slip("annotations", &policy::is_almost_label);
    slip("labels", &policy::is_almost_label).or_else(annotation).map_or(Ok(()), |fault| Err(fault.into()))
}

/// The labels that were meant as annotations of a policy.
fn misplaced(labels: &Field<'_>) -> Labels {
    let names = labels.names().filter(|name| *name != policy::LABEL && policy::is_almost_known(name));
    names.map(|name| (name.to_owned(), String::new())).collect()
}

fn bytes(field: &Field<'_>) -> Result<Option<Arc<[u8]>>, Fault> {
    let Some(value) = field.value() else { return Ok(None) };
    let bytes = serde_json::from_value::<ByteString>(value.clone());
    bytes.map(|bytes| Some(Arc::from(bytes.0))).map_err(|_| field.fault("base64"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is read of a ConfigMap with these labels and annotations: whether it is a policy, or why it cannot be read.
    fn read(labels: Value, annotations: Value) -> Result<bool, String> {
        let metadata = json!({"name": "guard", "namespace": "egressd", "labels": labels, "annotations": annotations});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        policy(&Field::root(&object)).map(|policy| policy.is_some()).map_err(|why| why.to_string())
    }

    #[test]
    fn the_label_of_a_policy_has_one_value_and_what_reads_like_no_is_none() {
        assert_eq!(read(json!({"egressd.io/policy": "true"}), json!({})), Ok(true));
        for off in ["false", "False", "no", "off", "0"] {
            assert_eq!(read(json!({"egressd.io/policy": off}), json!({})), Ok(false), "{off}");
        }
        for bad in ["yes", "True", "1", "", "ture"] {
            let why = format!(
                "metadata.labels.egressd.io/policy {bad:?} is not \"true\", so the ConfigMap is not used as a policy"
            );
            assert_eq!(read(json!({"egressd.io/policy": bad}), json!({})), Err(why));
        }
    }

    #[test]
    fn a_misspelled_label_of_a_policy_is_no_other_configmap() {
        let right = "is not the label of a policy; write the label egressd.io/policy";
        for name in
            ["egressd.io/polcy", "Egressd.io/policy", "egresd.io/policy", "egressd.com/policy", "egressd/policy"]
        {
            let label = Err(format!("metadata.labels.{name} \"true\" {right}"));
            assert_eq!(read(json!({ name: "true" }), json!({})), label);
        }
        let annotation = Err(format!("metadata.annotations.egressd.io/policy \"true\" {right}"));
        assert_eq!(read(json!({}), json!({"egressd.io/policy": "true"})), annotation);
        for other in ["policy", "example.org/policy", "egressd.io/sha256", "app.kubernetes.io/name"] {
            assert_eq!(read(json!({ other: "true" }), json!({ other: "true" })), Ok(false), "{other}");
        }
    }

    #[test]
    fn an_annotation_that_stands_among_the_labels_is_seen() {
        let labels = json!({"egressd.io/policy": "true", "egressd.io/required": "true", "app": "guard"});
        let object = json!({"metadata": {"name": "guard", "labels": labels}});
        let read = policy(&Field::root(&object)).ok().flatten().map(|(_, policy)| policy.labels);
        assert_eq!(read, Some([("egressd.io/required".to_owned(), String::new())].into()));
    }
}
