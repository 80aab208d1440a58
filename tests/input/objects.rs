//! Objects as add-ons, older servers and charts write them: an unusual one affects only itself.

use crate::app::{APP, annotated, app, plan};

#[test]
fn a_slice_without_its_label_is_ignored() {
    let other = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: west, namespace: demo}\naddressType: IPv4\nendpoints: [{addresses: [10.1.0.6]}]\n";
    let planned = plan(format!("{APP}---\n{other}"));
    planned.expect("default/app", "11.0.0.2");
    assert!(!planned.text.contains("west"), "{}", planned.text);
}

#[test]
fn a_condition_without_a_time_is_accepted_on_any_service() {
    let conditions =
        "status:\n  conditions: [{type: P, status: 'True', reason: r, message: '', lastTransitionTime: null}]\n";
    plan(app("status:\n", conditions)).expect("default/app", "11.0.0.2");
}

#[test]
fn null_and_empty_values_of_charts_are_absent() {
    plan(app("  selector: {app: app}", "  selector: null\n  clusterIPs: null")).expect("default/app", "11.0.0.2");
    let idle = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: idle, labels: {kubernetes.io/service-name: idle}}\naddressType: IPv4\nendpoints: null\n";
    plan(format!("{APP}---\n{idle}")).expect("default/app", "11.0.0.2");
    plan(app("  name: app\n", "  name: app\n  namespace: \"\"\n")).expect("default/app", "11.0.0.2");
    plan(app("protocol: TCP", "protocol: \"\"")).expect("default/app", "11.0.0.2");
    plan(app("type: LoadBalancer", "type: \"\"")).expect_error("the Service is of type ClusterIP");
    plan(annotated("example.org/team:")).expect("default/app", "11.0.0.2");
    let without = "apiVersion: v1\nkind: Service\nmetadata: {name: other, annotations: null, labels: null}\n";
    plan(format!("{APP}---\n{without}")).expect("default/app", "11.0.0.2");
}

#[test]
fn an_invalid_address_is_left_out_and_named_with_its_path() {
    let mapped = plan(app("11.0.0.2", "\"::ffff:11.0.0.2\""));
    mapped.expect_error("document 1 (Service app): status.loadBalancer.ingress[0].ip \"::ffff:11.0.0.2\" is not an address that a packet can carry; write it as IPv4, like 192.0.2.10; it is left out");
    let zeros = plan(app("  selector:", "  clusterIPs: [010.096.000.011]\n  selector:"));
    zeros.expect_translated("default/app", "11.0.0.2");
    zeros.expect_error("document 1 (Service app): spec.clusterIPs[0] \"010.096.000.011\" is not an address like");
    let prefix = plan(app("- ip: 11.0.0.2", "- ip: fd00::/96\n    - ip: 11.0.0.2"));
    prefix.expect_translated("default/app", "11.0.0.2");
    prefix.expect_error("status.loadBalancer.ingress[0].ip \"fd00::/96\" is not an address like");
}

#[test]
fn an_address_of_zeros_means_the_one_of_the_status() {
    plan(annotated("kube-vip.io/loadbalancerIPs: 0.0.0.0")).expect("default/app", "11.0.0.2");
}

#[test]
fn conventions_of_kube_vip_are_kept() {
    let ignored = plan(annotated("kube-vip.io/ignore: \"true\""));
    assert!(ignored.text.contains("takes this Service out of egress"), "{}", ignored.text);
    let empty = plan(annotated("kube-vip.io/egress-denied-networks: \"\""));
    empty.expect("default/app", "11.0.0.2");
    for off in ["\"False\"", "\"no\"", "\"\""] {
        let planned = plan(app("\"true\"", off));
        assert!(planned.text.contains("nothing is translated on this node"), "{off}:\n{}", planned.text);
    }
    let annotation_alone = app("  loadBalancer:\n    ingress:\n    - ip: 11.0.0.2\n", "  loadBalancer: {}\n");
    let name = "    kube-vip.io/egress: \"true\"\n";
    let named = annotation_alone.replacen(name, &format!("{name}    kube-vip.io/loadbalancerIPs: 11.0.0.6\n"), 1);
    plan(named).expect("default/app", "11.0.0.6");
}

#[test]
fn a_host_name_of_an_endpoint_is_not_its_node() {
    let planned = plan(app("nodeName: node-a", "hostname: node-a\n  nodeName: node-b"));
    assert!(planned.text.contains("no IPv4 endpoint of the Service runs on node-a"), "{}", planned.text);
}

#[test]
fn a_filter_that_leaves_nothing_is_a_finding() {
    let lines = "kube-vip.io/egress-allowed-networks: 172.18.0.0/16\n    kube-vip.io/egress-denied-networks: 0.0.0.0/0";
    let planned = plan(annotated(lines));
    assert!(planned.text.contains("denies every allowed IPv4 network"), "{}", planned.text);
}

#[test]
fn ports_of_mail_and_ranges_of_media_are_read() {
    for ports in ["tcp:25,tcp:465,tcp:587", "udp:10000-20000,udp:5060,tcp:5060-5061"] {
        plan(annotated(&format!("kube-vip.io/egress-destination-ports: {ports}"))).expect("default/app", "11.0.0.2");
    }
}

#[test]
fn endpoints_count_where_a_service_has_no_slice_and_are_passed_over_where_it_has_one() {
    let service = APP.split("---").next().unwrap();
    let endpoints = |address: &str| {
        format!(
            "apiVersion: v1\nkind: Endpoints\nmetadata: {{name: app}}\nsubsets:\n- addresses: [{{ip: {address}, nodeName: node-a}}]\n"
        )
    };
    let alone = plan(format!("{service}---\n{}", endpoints("10.0.0.7")));
    alone.expect("default/app", "11.0.0.2");
    assert!(alone.text.contains("10.0.0.7"), "{}", alone.text);
    let beside = plan(format!("{APP}---\n{}", endpoints("10.0.0.7")));
    beside.expect("default/app", "11.0.0.2");
    assert!(!beside.text.contains("10.0.0.7"), "{}", beside.text);
}

#[test]
fn lists_of_any_form_are_unpacked() {
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(APP).unwrap();
    let list =
        |kind: &str, items: serde_json::Value| serde_json::json!({"apiVersion": "v1", "kind": kind, "items": items});
    let plain = list("List", serde_json::json!(documents));
    plan(plain.to_string()).expect("default/app", "11.0.0.2");
    plan(list("List", serde_json::json!([plain])).to_string()).expect("default/app", "11.0.0.2");
    let mut service = documents[0].clone();
    service.as_object_mut().unwrap().retain(|name, _| name != "kind" && name != "apiVersion");
    let typed = list("ServiceList", serde_json::json!([service]));
    plan(list("List", serde_json::json!([typed, documents[1]])).to_string()).expect("default/app", "11.0.0.2");
    let beta = APP.replace("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1");
    plan(beta).expect("default/app", "11.0.0.2");
}
