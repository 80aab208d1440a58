//! Objects as a cluster's parts write them: the administrator, the kubelet, the load balancer.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::addresses::{node_v4, node_v6, pod_v4_on, pod_v6_on};
use crate::manifest::{Manifest, Yaml};
use crate::topology;

pub const SERVICES: &str = "/api/v1/namespaces/default/services";
/// What nodes publish about themselves.
pub const EGRESS_NODES: &str = "/apis/egressd.io/v1alpha1/egressnodes";
pub const PODS: &str = "/api/v1/namespaces/default/pods";
pub const POLICIES: &str = "/api/v1/namespaces/egressd/configmaps";
/// Where the controller writes EndpointSlices.
pub const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

/// A Service of type LoadBalancer in both families, in front of the pods whose label `app` is its name.
pub fn service(name: &str, annotations: &[(&str, &str)]) -> Value {
    let annotations: serde_json::Map<String, Value> =
        annotations.iter().map(|(key, value)| (format!("kube-vip.io/{key}"), json!(value))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "type": "LoadBalancer",
            // The range of NodePorts is small, and no process would answer there.
            "allocateLoadBalancerNodePorts": false,
            "ipFamilyPolicy": "RequireDualStack",
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        },
    })
}

/// The status of a Service with addresses from a load balancer.
pub fn balanced(addresses: &[IpAddr]) -> Value {
    let ingress: Vec<Value> = addresses.iter().map(|address| json!({"ip": address})).collect();
    json!({"loadBalancer": {"ingress": ingress}})
}

/// What a node publishes about itself, as the API server has it in a list: with all that it adds.
pub fn served_egress_node(name: &str, addresses: &[IpAddr], held: &[IpAddr]) -> Value {
    let uid = "0b5c2f6e-5a0f-4b52-8d67-d2e9b9f6c2a5";
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid});
    let fields = json!({
        "f:metadata": {"f:ownerReferences": {format!("k:{{\"uid\":\"{uid}\"}}"): {}}},
        "f:spec": {"f:addresses": {}, "f:held": {}, "f:version": {}},
    });
    let managed = json!({
        "apiVersion": "egressd.io/v1alpha1", "fieldsType": "FieldsV1", "fieldsV1": fields,
        "manager": format!("egressd-{name}"), "operation": "Apply", "time": "2026-03-01T09:00:00Z",
    });
    let metadata = json!({
        "name": name, "uid": uid, "resourceVersion": "1234567", "generation": 3, "managedFields": [managed],
        "creationTimestamp": "2026-03-01T09:00:00Z", "ownerReferences": [owner],
    });
    json!({
        "apiVersion": "egressd.io/v1alpha1",
        "kind": "EgressNode",
        "metadata": metadata,
        "spec": {"version": "0.1.0", "addresses": addresses, "held": held},
    })
}

/// A manifest as JSON for the API.
pub fn json_of(manifest: &dyn Manifest) -> Value {
    value(&manifest.yaml())
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Text(text) => json!(text),
        Yaml::Number(number) => json!(number),
        Yaml::List(items) => items.iter().map(value).collect(),
        Yaml::Map(entries) => entries.iter().map(|(key, entry)| (key.clone(), value(entry))).collect(),
    }
}

/// A node as an administrator registers it; [`ready_node`] is its status.
pub(super) fn node(node: &topology::Node) -> Value {
    let networks = [format!("{}/24", pod_v4_on(node.number, 0)), format!("{}/64", pod_v6_on(node.number, 0))];
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name(), "labels": {"kubernetes.io/hostname": node.name(), "kubernetes.io/os": "linux"}},
        "spec": {"podCIDR": networks[0], "podCIDRs": networks},
    })
}

/// A Node as the kubelet reports it.
pub(super) fn ready_node(number: u8) -> Value {
    json!({
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        "addresses": [
            {"type": "InternalIP", "address": node_v4(number)},
            {"type": "InternalIP", "address": node_v6(number)},
        ],
    })
}

/// A pod that a scheduler has bound to a node.
pub(super) fn pod(name: &str, app: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": "example.com/none"}],
        },
    })
}

/// The status of a running pod as the kubelet reports it.
pub(super) fn running(addresses: &[IpAddr]) -> Value {
    let conditions = ["Ready", "ContainersReady", "Initialized", "PodScheduled"];
    json!({
        "phase": "Running",
        "podIP": addresses.first(),
        "podIPs": addresses.iter().map(|address| json!({"ip": address})).collect::<Vec<_>>(),
        "conditions": conditions.map(|kind| json!({"type": kind, "status": "True"})),
    })
}
