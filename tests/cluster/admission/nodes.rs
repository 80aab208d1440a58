//! EgressNodes.

use anyhow::{Context, Result, ensure};
use lab::cluster::{Api, EGRESS_NODES};
use serde_json::{Value, json};

use super::stolen_token::{OWN, StolenToken, expect_refused};

const POLICY: &str = "egressd-egressnodes";

/// Applies the EgressNode of a node, with this beside its name in the metadata.
pub(super) fn apply_node(who: &Api, manager: &str, node: &str, metadata: &Value) -> Result<Value> {
    let mut object = json!({"apiVersion": "egressd.io/v1alpha1", "kind": "EgressNode", "spec": {"version": "0.1.0"}});
    object["metadata"] = metadata.clone();
    object["metadata"]["name"] = json!(node);
    who.apply_as(manager, &format!("{EGRESS_NODES}/{node}"), &object)
}

/// The token of node-1 makes and changes that of node-1, and it belongs to its own Node at most.
pub(crate) fn a_token_writes_the_egress_node_of_its_node_and_no_other() -> Result<()> {
    let StolenToken { cluster, stolen } = StolenToken::build()?;
    let node = cluster.api.get("/api/v1/nodes/node-1")?;
    let owned_by = |kind: &str, name: &str| {
        let owner = json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": node["metadata"]["uid"]});
        json!({"ownerReferences": [owner]})
    };
    apply_node(&stolen, OWN, "node-1", &owned_by("Node", "node-1")).context("it is its own")?;
    apply_node(&stolen, OWN, "node-1", &json!({})).context("it changes its own")?;
    for (manager, name, metadata, message) in [
        (OWN, "node-2", json!({}), "of the node of the token"),
        ("egressd-node-2", "node-1", json!({}), "field manager"),
        ("egressd-node-2", "node-2", json!({}), "field manager"),
        (OWN, "node-1", json!({"finalizers": ["example.com/kept"]}), "no finalizer"),
        (OWN, "node-1", owned_by("Node", "node-2"), "no owner but the Node of its name"),
        (OWN, "node-1", owned_by("ConfigMap", "node-1"), "no owner but the Node of its name"),
    ] {
        expect_refused(POLICY, message, apply_node(&stolen, manager, name, &metadata)).context(message)?;
    }
    // Its own as well: it goes with its Node.
    ensure!(stolen.delete(&format!("{EGRESS_NODES}/node-1")).is_err(), "it was deleted");
    let other = cluster.as_egressd_on(&cluster.lab.nodes()[1])?;
    apply_node(&other, "egressd-node-2", "node-2", &json!({})).map(drop)
}
