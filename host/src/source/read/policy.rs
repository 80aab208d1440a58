//! The ConfigMap of a policy.

use std::sync::Arc;

use egressd_core::model::{PolicyMark, PolicyObject};
use egressd_core::policy;
use k8s_openapi::ByteString;

use super::fault::{Fault, Unreadable};
use super::field::Field;
use super::metadata;

/// The namespace of a ConfigMap that is a policy, and what it says; none when it is another ConfigMap. Nothing of it can be
/// left out: a policy without its settings or its component is another one.
pub(super) fn policy(root: &Field<'_>) -> Result<Option<(String, PolicyObject)>, Unreadable> {
    let label = root.get("metadata").get("labels").get(policy::LABEL);
    if label.value().and_then(|value| value.as_str()) != Some("true") {
        return Ok(None);
    }
    let (namespace, name) = (metadata::namespace(root)?, metadata::name(root)?);
    let mut annotations = metadata::annotations(root)?;
    let uid = root.get("metadata").get("uid").text()?.map(str::to_owned);
    let mark = PolicyMark { uid, status: annotations.remove(policy::STATUS) };
    let settings = root.get("data").get("settings").text()?.map(str::to_owned);
    let binary = root.get("binaryData");
    let (wasm, gzip) = (bytes(&binary.get("policy.wasm"))?, bytes(&binary.get("policy.wasm.gz"))?);
    Ok(Some((namespace, PolicyObject { name, annotations, settings, wasm, gzip, mark })))
}

fn bytes(field: &Field<'_>) -> Result<Option<Arc<[u8]>>, Fault> {
    let Some(value) = field.value() else { return Ok(None) };
    let bytes = serde_json::from_value::<ByteString>(value.clone());
    bytes.map(|bytes| Some(Arc::from(bytes.0))).map_err(|_| field.fault("base64"))
}
