//! A few invalid objects among many.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// How many Services there are, and every how many is odd.
const SERVICES: usize = 5_000;
const INVALID_EVERY: usize = 50;

fn address(number: usize) -> String {
    format!("10.0.{}.{}", number / 250, 1 + number % 250)
}

fn service(number: usize) -> Value {
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": format!("app-{number}"), "annotations": {"kube-vip.io/egress": "true"}},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "11.0.0.2"}]}},
    });
    if number.is_multiple_of(INVALID_EVERY) {
        match number / INVALID_EVERY % 5 {
            0 => service["spec"] = json!("LoadBalancer"),
            1 => service["metadata"]["annotations"]["kube-vip.io/egress"] = json!(true),
            2 => service["spec"]["type"] = json!("Loud"),
            3 => service["metadata"]["name"] = json!(number),
            _ => service["status"]["loadBalancer"]["ingress"] = json!({"ip": "11.0.0.2"}),
        }
    }
    service
}

fn slice(number: usize) -> Value {
    let name = format!("app-{number}");
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address(number)], "nodeName": "node-a"}],
    })
}

#[test]
fn of_five_thousand_services_a_hundred_invalid_ones_affect_only_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a"}, "spec": {"podCIDRs": ["10.0.0.0/16"]}});
    let items: Vec<Value> = [node].into_iter().chain((0..SERVICES).flat_map(|n| [service(n), slice(n)])).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
    command.args(["plan", "--owner=any", "--node=node-a", "--state-dir=state", "--limit-namespace-elements=10000"]);
    command.args(["--manifests=-", "--output=json"]).current_dir(&dir).env_clear();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || drop(stdin.write_all(list.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let services = plan["services"].as_array().unwrap();
    let translated = services.iter().filter(|service| service["state"] == "translating").count();
    assert_eq!(translated, SERVICES - SERVICES / INVALID_EVERY);
}
