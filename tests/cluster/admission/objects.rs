//! Services and the ConfigMaps of policies.

use anyhow::{Context, Result, ensure};
use lab::cluster::{Api, POLICIES, SERVICES};
use serde_json::{Map, Value, json};

use super::stolen_token::{GUARD_PATH, OWN, StolenToken, WEB_PATH, apply_active, apply_annotations, expect_refused};

const IPV4: &str = "kube-vip.io/active-endpoint";
const IPV6: &str = "kube-vip.io/active-endpoint-ipv6";
const GATEWAY: &str = "egressd.io/gateway";
const GATEWAY_IPV6: &str = "egressd.io/gateway-ipv6";
const STATUS: &str = "egressd.io/status";
/// Bytes of an annotation: Kubernetes takes 256 KiB of all of a kind.
const ANNOTATION_BYTES: usize = 250_000;
const ANNOTATION_COUNT: usize = 900;

fn annotations(changes: &Value) -> Value {
    json!({"metadata": {"annotations": changes}})
}

/// What is merged into an object, and a part of the refusal's message.
type RefusedPatch = (Value, &'static str);

/// Everything that a Service has, and each way of changing it.
fn of_a_service() -> Vec<RefusedPatch> {
    let (spec, metadata, annotation) = ("its spec", "this changes labels, finalizers, owners", "change no annotation");
    vec![
        (json!({"spec": {"externalIPs": ["192.0.2.1"]}}), spec),
        (json!({"spec": {"selector": {"app": "other"}}}), spec),
        (json!({"spec": {"externalTrafficPolicy": "Local"}}), spec),
        (json!({"metadata": {"labels": {"new": "yes"}}}), metadata),
        (json!({"metadata": {"labels": {"kept": "no"}}}), metadata),
        (json!({"metadata": {"labels": null}}), metadata),
        (json!({"metadata": {"finalizers": ["example.com/kept", "example.com/new"]}}), metadata),
        (json!({"metadata": {"finalizers": null}}), metadata),
        (json!({"metadata": {"ownerReferences": null}}), metadata),
        (json!({"metadata": {"generateName": "web-"}}), metadata),
        (annotations(&json!({"example.com/new": "yes"})), annotation),
        (annotations(&json!({"kube-vip.io/egress": "false"})), annotation),
        (annotations(&json!({"kube-vip.io/egress": null})), annotation),
        (annotations(&Value::Null), annotation),
        (annotations(&json!({IPV4: "10.0.0.1", "example.com/new": "yes"})), annotation),
        (annotations(&json!({IPV4: "of whoever reads this"})), "an address, or empty"),
        (annotations(&json!({GATEWAY: "node-2"})), "is the node of the token"),
        (annotations(&json!({GATEWAY_IPV6: ""})), "is the node of the token"),
        (annotations(&json!({"egressd.io/gateway-nodes": "node-1"})), annotation),
        (json!({"metadata": {"managedFields": [{}]}}), "managedFields"),
    ]
}

pub(crate) fn only_the_published_annotations_of_a_service_may_be_written() -> Result<()> {
    let StolenToken { cluster, stolen } = StolenToken::build()?;
    // The whole life of what egressd publishes, and what another node published before.
    let other = cluster.as_egressd_on(&cluster.lab.nodes()[1])?;
    apply_annotations(&other, "egressd-node-2", WEB_PATH, &json!({IPV4: "10.0.1.1", GATEWAY: "node-2"}))?;
    let values = [
        json!({IPV4: "10.0.0.1", IPV6: "fd00:10:244::1"}),
        json!({IPV4: "", GATEWAY: "node-1", GATEWAY_IPV6: "node-1"}),
        json!({}),
        json!({IPV6: ""}),
    ];
    for values in values {
        apply_annotations(&stolen, OWN, WEB_PATH, &values).with_context(|| values.to_string())?;
    }
    let before = cluster.api.get(WEB_PATH)?;
    for (patch, message) in of_a_service() {
        expect_refused("egressd-services", message, stolen.patch_as(OWN, WEB_PATH, &patch))
            .with_context(|| patch.to_string())?;
    }
    let value = annotations(&json!({IPV4: "10.0.0.9"}));
    for manager in ["", "egressd-node-2", "egressd", "kube-vip"] {
        expect_refused("egressd-services", "field manager", stolen.patch_as(manager, WEB_PATH, &value))?;
    }
    expect_refused("egressd-services", "field manager", apply_active(&stolen, "egressd-node-2", IPV4, "10.0.0.9"))?;
    let refused = stolen.patch_status(WEB_PATH, &json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}));
    expect_refused("egressd-services", "nothing else", refused)?;
    expect_whole_objects_are_refused(&stolen, "egressd-services", (SERVICES, WEB_PATH), &before)?;
    expect_same(&before, &cluster.api.get(WEB_PATH)?)
}

/// Changes of every part of a policy's ConfigMap: component, settings, order, scope, and label.
fn of_a_policy() -> Vec<RefusedPatch> {
    let (data, metadata, annotation) = ("its data", "this changes labels, finalizers, owners", "change no annotation");
    vec![
        (json!({"data": {"settings": "{}"}}), data),
        (json!({"binaryData": {"policy.wasm": "AGFzbQ=="}}), data),
        (json!({"binaryData": null}), data),
        (json!({"immutable": true}), data),
        (json!({"metadata": {"labels": {"egressd.io/policy": null}}}), metadata),
        (json!({"metadata": {"finalizers": ["example.com/new"]}}), metadata),
        (annotations(&json!({"egressd.io/mode": "off"})), annotation),
        (annotations(&json!({"egressd.io/mode": null})), annotation),
        (annotations(&json!({"egressd.io/order": "1"})), annotation),
        (json!({"metadata": {"managedFields": [{}]}}), "managedFields"),
    ]
}

pub(crate) fn only_the_status_of_a_policys_config_map_may_be_written() -> Result<()> {
    let StolenToken { cluster, stolen } = StolenToken::build()?;
    let other = cluster.as_egressd_on(&cluster.lab.nodes()[1])?;
    let status = |text: &str| json!({STATUS: text});
    apply_annotations(&other, "egressd-node-2", GUARD_PATH, &status(r#"{"state":"enforced"}"#))?;
    apply_annotations(&stolen, OWN, GUARD_PATH, &status(r#"{"state":"refused"}"#))?;
    let before = cluster.api.get(GUARD_PATH)?;
    for (patch, message) in of_a_policy() {
        expect_refused("egressd-configmaps", message, stolen.patch_as(OWN, GUARD_PATH, &patch))
            .with_context(|| patch.to_string())?;
    }
    for manager in ["egressd-node-2", "egressd"] {
        let refused = apply_annotations(&stolen, manager, GUARD_PATH, &status("{}"));
        expect_refused("egressd-configmaps", "field manager", refused)?;
    }
    for path in [format!("{POLICIES}/other"), "/api/v1/namespaces/default/configmaps/elsewhere".to_owned()] {
        let refused = apply_annotations(&stolen, OWN, &path, &status("{}"));
        expect_refused("egressd-configmaps", "in its own namespace", refused)?;
    }
    expect_whole_objects_are_refused(&stolen, "egressd-configmaps", (POLICIES, GUARD_PATH), &before)?;
    expect_same(&before, &cluster.api.get(GUARD_PATH)?)
}

/// A new object, and the deletion of an existing one.
fn expect_whole_objects_are_refused(
    stolen: &Api,
    policy: &str,
    (collection, path): (&str, &str),
    like: &Value,
) -> Result<()> {
    let mut new = json!({"metadata": {"name": "new"}});
    // What the server fills in would be refused by it.
    new["spec"] = like["spec"].get("ports").map_or(Value::Null, |ports| json!({"ports": ports}));
    expect_refused(policy, "nothing else", stolen.create(collection, &new))?;
    expect_refused(policy, "nothing else", stolen.delete(path).map(|()| Value::Null))
}

fn expect_same(before: &Value, after: &Value) -> Result<()> {
    ensure!(before == after, "before:\n{before:#}\nafter:\n{after:#}");
    Ok(())
}

/// Looking at an object has a price, which the API server limits. A large object costs its own writes alone.
pub(crate) fn publishing_works_on_the_largest_objects_as_well() -> Result<()> {
    let StolenToken { cluster, stolen } = StolenToken::build()?;
    let many = |count: usize| -> Map<String, Value> {
        (0..count).map(|n| (format!("example.com/{n}"), json!(n.to_string()))).collect()
    };
    cluster.api.patch(WEB_PATH, &annotations(&json!({"example.com/0": "x".repeat(ANNOTATION_BYTES)})))?;
    apply_active(&stolen, OWN, IPV4, "10.0.0.1")?;
    cluster.api.patch(WEB_PATH, &annotations(&json!(many(ANNOTATION_COUNT))))?;
    apply_active(&stolen, OWN, IPV4, "10.0.0.2")?;
    cluster.api.patch(WEB_PATH, &annotations(&json!(many(2 * ANNOTATION_COUNT))))?;
    expect_refused("egressd-services", "more than 1000 annotations", apply_active(&stolen, OWN, IPV4, "10.0.0.3"))?;
    cluster.api.patch(GUARD_PATH, &json!({"binaryData": {"policy.wasm": "AAAA".repeat(300_000)}}))?;
    apply_annotations(&stolen, OWN, GUARD_PATH, &json!({STATUS: "{}"})).map(drop)
}
