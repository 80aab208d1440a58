//! Kinds of objects that other programs bring along.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cluster::Api;
use crate::wait::{DEADLINE, wait_until};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A kind of objects: of the cluster, or of the objects' owner's namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    /// The namespace of its objects; none for cluster-scoped ones.
    pub(super) namespace: Option<&'static str>,
}

impl Kind {
    pub(super) fn collection(&self) -> String {
        let Self { group, version, plural, namespace, .. } = self;
        let namespace = namespace.map(|name| format!("namespaces/{name}/")).unwrap_or_default();
        format!("/apis/{group}/{version}/{namespace}{plural}")
    }
}

/// Defines a kind with a status subresource; fields are not validated.
pub(super) fn define(api: &Api, kind: &Kind) -> Result<()> {
    api.create(DEFINITIONS, &definition(kind))?;
    // It is served a moment later.
    wait_until("the API server serves the new kind", DEADLINE, || Ok(api.list(&kind.collection(), "").is_ok()))
}

fn definition(kind: &Kind) -> Value {
    let Kind { group, version, kind, plural, namespace } = kind;
    let lower = kind.to_lowercase();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": lower},
            "scope": if namespace.is_some() { "Namespaced" } else { "Cluster" },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                "subresources": {"status": {}},
            }],
        },
    })
}
