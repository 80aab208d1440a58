//! EgressNodes: what each node publishes about itself, and how other nodes use it.

use std::net::Ipv4Addr;
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::cluster::{Cluster, EGRESS_NODES};
use lab::{Egressd, wait_until};
use serde_json::{Value, json};

use crate::fixture::{CATCH_UP_TIMEOUT, QUIET_TIME, WEB_V4, WEB_V6, cluster, expect_exact, run, run_with_pod};

const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/egressnodes.egressd.io";
/// An address of the second node's way out that no Node object lists.
const SECONDARY: &str = "192.168.0.77";

fn path(node: &str) -> String {
    format!("{EGRESS_NODES}/{node}")
}

/// Waits until the object of a node has a property.
fn wait_for(cluster: &Cluster, node: &str, what: &str, says: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut last = Value::Null;
    let waited = wait_until(&format!("EgressNode {node} says {what}"), CATCH_UP_TIMEOUT, || {
        last = cluster.api.get(&path(node)).unwrap_or_default();
        Ok(says(&last))
    });
    waited.with_context(|| format!("{last:#}"))?;
    Ok(last)
}

fn lists(list: &Value, address: &str) -> bool {
    list.as_array().is_some_and(|list| list.contains(&json!(address)))
}

/// Waits until nothing is written any more.
fn at_rest(cluster: &Cluster) -> Result<Vec<Value>> {
    let versions = || -> Result<Vec<Value>> {
        Ok(cluster.api.list(EGRESS_NODES, "")?.iter().map(|node| node["metadata"]["resourceVersion"].clone()).collect())
    };
    let mut last = versions()?;
    wait_until("no EgressNode is written any more", CATCH_UP_TIMEOUT, || {
        thread::sleep(QUIET_TIME);
        let before = std::mem::replace(&mut last, versions()?);
        Ok(before == last)
    })?;
    Ok(last)
}

pub(crate) fn each_node_publishes_itself_and_writes_nothing_at_rest() -> Result<()> {
    let cluster = cluster()?;
    let (egressd, _) = run_with_pod(&cluster)?;
    let holds = |node: &Value| {
        let held = &node["spec"]["held"];
        lists(held, &WEB_V4.to_string()) && lists(held, &WEB_V6.to_string())
    };
    let first = wait_for(&cluster, "node-1", "what it holds", holds)?;
    let uid = cluster.api.get("/api/v1/nodes/node-1")?["metadata"]["uid"].take();
    ensure!(first["metadata"]["ownerReferences"][0]["uid"] == uid, "{first:#}");
    ensure!(lists(&first["spec"]["addresses"], "192.168.0.200"), "{first:#}");
    ensure!(!lists(&first["spec"]["addresses"], &WEB_V4.to_string()), "held addresses stand in one place: {first:#}");
    let second =
        wait_for(&cluster, "node-2", "its addresses", |node| lists(&node["spec"]["addresses"], "192.168.0.201"))?;
    ensure!(second["spec"]["held"] == json!([]), "{second:#}");

    let before = at_rest(&cluster)?;
    egressd.into_iter().try_for_each(Egressd::stop)?;
    let egressd = run(&cluster)?;
    expect_exact(&cluster, &[(cluster.lab.pod(1), [WEB_V4, WEB_V6])])?;
    ensure!(at_rest(&cluster)? == before, "a restart wrote something");

    let theirs = json!({"spec": {"addresses": ["192.0.2.7"]}});
    cluster.api.patch_as("another-writer", &path("node-1"), &theirs)?;
    wait_for(&cluster, "node-1", "what it had before", |node| node["spec"] == first["spec"])?;
    cluster.api.delete(&path("node-1"))?;
    wait_for(&cluster, "node-1", "what it had before", |node| node["spec"] == first["spec"])?;
    egressd.into_iter().try_for_each(Egressd::stop)
}

/// D10: an address that no Node object lists.
pub(crate) fn a_further_address_of_another_node_is_inside_while_that_node_has_it() -> Result<()> {
    let cluster = cluster()?;
    let (egressd, _) = run_with_pod(&cluster)?;
    let [first, second] = [0, 1].map(|index| &cluster.lab.nodes()[index]);
    let excludes = |what: &str, expected: bool| {
        wait_until(what, CATCH_UP_TIMEOUT, || {
            Ok(first.excluded()?.iter().any(|network| network.starts_with(SECONDARY)) == expected)
        })
    };
    excludes("it is outside at first", false)?;
    second.namespace.ip(&format!("addr add {SECONDARY}/24 dev up0"))?;
    excludes("it is inside on the other node", true)?;
    second.namespace.ip(&format!("addr del {SECONDARY}/24 dev up0"))?;
    excludes("it is outside again", false)?;
    egressd.into_iter().try_for_each(Egressd::stop)
}

/// As with the manifests of an earlier release.
pub(crate) fn without_the_definition_nothing_is_published_and_all_else_works() -> Result<()> {
    let cluster = cluster()?;
    cluster.api.delete(DEFINITION)?;
    wait_until("the kind is not served any more", CATCH_UP_TIMEOUT, || {
        Ok(cluster.api.list(EGRESS_NODES, "").is_err())
    })?;
    let (egressd, _) = run_with_pod(&cluster)?;
    for one in &egressd {
        let log = one.log();
        let lines = log.lines().filter(|line| line.contains("the API server has no EgressNodes")).count();
        ensure!(lines == 1 && !log.contains("cannot "), "{log}");
    }
    egressd.into_iter().try_for_each(Egressd::stop)
}

/// What a node may claim has bounds that the server knows.
pub(crate) fn the_definition_accepts_what_a_node_publishes_within_bounds() -> Result<()> {
    expect_bounds(&Cluster::builder().build()?).context("the newest server")
}

pub(crate) fn the_oldest_server_accepts_the_definition_as_well() -> Result<()> {
    let cluster = Cluster::builder().oldest().build()?;
    let version = cluster.api.get("/version")?;
    ensure!(version["emulationMinor"].as_str() < version["minor"].as_str(), "it is as new as the newest: {version:#}");
    expect_bounds(&cluster).with_context(|| format!("{version:#}"))
}

fn expect_bounds(cluster: &Cluster) -> Result<()> {
    let tunnel = json!({"type": "vxlan-gpe", "addresses": ["192.0.2.1", "2001:db8::1"], "port": 4790, "mtu": 1464});
    let key = json!({"type": "wireguard", "key": "2fVrHsY+DXLNHBGGSVCTCNpZsGSVC2PcSCxJsp2NHFo="});
    let full = json!({
        "version": "0.1.0", "addresses": addresses(256), "held": addresses(1024), "tunnels": [tunnel], "keys": [key],
    });
    create(cluster, "full", &full).context("all of it")?;
    for (member, value) in invalid_specs() {
        let mut spec = json!({"version": "0.1.0"});
        spec[member] = value;
        ensure!(create(cluster, "bad", &spec).is_err(), "{member}: {}", spec[member]);
    }
    let shown = cluster.kubectl(&["get", "egn", "full", "--output=wide"])?;
    let head = shown.lines().next().unwrap_or_default();
    ensure!(["VERSION", "HELD", "ADDRESSES", "AGE"].iter().all(|column| head.contains(column)), "{shown}");
    expect_structural(cluster)
}

fn expect_structural(cluster: &Cluster) -> Result<()> {
    let status = cluster.api.get(DEFINITION)?["status"].take();
    let conditions: Vec<&Value> = status["conditions"].as_array().into_iter().flatten().collect();
    let has = |kind: &str| conditions.iter().any(|one| one["type"] == *kind);
    ensure!(has("Established") && !has("NonStructuralSchema"), "{status:#}");
    Ok(())
}

/// Contents that an EgressNode must not have.
fn invalid_specs() -> Vec<(&'static str, Value)> {
    vec![
        ("version", json!("0.1.0 and more")),
        ("version", Value::Null),
        ("addresses", json!(["10.0.0.0/8"])),
        ("addresses", json!(["10.0.0.1", "node-1"])),
        ("addresses", json!(addresses(257))),
        ("held", json!(addresses(1025))),
        ("tunnels", json!([{"type": "vxlan-gpe", "addresses": []}])),
        ("keys", json!([{"type": "wireguard", "key": "not a key"}])),
    ]
}

fn create(cluster: &Cluster, name: &str, spec: &Value) -> Result<Value> {
    let metadata = json!({"name": name});
    let object = json!({"apiVersion": "egressd.io/v1alpha1", "kind": "EgressNode", "metadata": metadata, "spec": spec});
    cluster.api.create(EGRESS_NODES, &object)
}

fn addresses(count: u32) -> Vec<String> {
    (0..count).map(|number| Ipv4Addr::from(0x0a00_0000 + number).to_string()).collect()
}
