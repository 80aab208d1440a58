//! A Service's life in a cluster; after each change the kernel's state is exactly what is expected.

use std::net::IpAddr;

use anyhow::Result;
use lab::Protocol;
use lab::addresses::{OUTSIDE_V4, POD_NETWORK_V4, SERVICE_NETWORK_V4, SERVICE_NETWORK_V6};
use lab::cluster::{Cluster, SERVICES, balanced, service};
use serde_json::json;

use crate::fixture::{
    EGRESS, OTHER, WEB, annotate, cluster, expect_exact, patch, program, run, run_with_pod, wait_until_exact,
    wait_until_maps_are, with_web,
};

/// Both families, each pod on its own node. The address is where the Service's address is held: on the first.
pub(crate) fn an_annotated_service_is_translated() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    cluster.create_service(&service("web", &[]), &WEB)?;
    let [here, there] = [cluster.lab.pod(1), cluster.lab.nodes()[1].pod(1)];
    cluster.create_pod("web-1", "web", here)?;
    cluster.create_pod("web-2", "web", there)?;
    let egressd = run(&cluster)?;
    wait_until_exact(&cluster, 1, &[])?;
    annotate(&cluster, "web", "egress", Some("true"))?;
    annotate(&cluster, "web", "egress-ipv6", Some("true"))?;
    expect_exact(&cluster, &[(here, WEB)])?;
    wait_until_exact(&cluster, 2, &[])?;
    egressd.into_iter().try_for_each(lab::Egressd::stop)
}

/// One, three, none, one.
pub(crate) fn a_scaled_service_translates_its_current_pods() -> Result<()> {
    let cluster = cluster()?;
    let pods = [1, 2, 3].map(|number| cluster.lab.pod(number));
    let names = ["web-1", "web-2", "web-3"];
    let _egressd = run(&cluster)?;
    cluster.create_pod(names[0], "web", pods[0])?;
    expect_exact(&cluster, &[(pods[0], WEB)])?;
    cluster.create_pod(names[1], "web", pods[1])?;
    cluster.create_pod(names[2], "web", pods[2])?;
    expect_exact(&cluster, &pods.map(|pod| (pod, WEB)))?;
    names.iter().try_for_each(|name| cluster.delete_pod(name))?;
    expect_exact(&cluster, &[])?;
    cluster.create_pod(names[1], "web", pods[1])?;
    expect_exact(&cluster, &[(pods[1], WEB)])
}

pub(crate) fn a_pod_that_comes_back_with_another_address_is_translated_from_there() -> Result<()> {
    let cluster = cluster()?;
    let _egressd = run(&cluster)?;
    for pod in [1, 2, 1].map(|number| cluster.lab.pod(number)) {
        cluster.create_pod("web-0", "web", pod)?;
        expect_exact(&cluster, &[(pod, WEB)])?;
        cluster.delete_pod("web-0")?;
    }
    expect_exact(&cluster, &[])
}

pub(crate) fn an_unrelated_pod_that_takes_over_an_address_is_untouched() -> Result<()> {
    let cluster = cluster()?;
    let pod = cluster.lab.pod(1);
    let _egressd = run(&cluster)?;
    cluster.create_pod("web-1", "web", pod)?;
    expect_exact(&cluster, &[(pod, WEB)])?;
    cluster.delete_pod("web-1")?;
    cluster.create_pod("stranger", "stranger", pod)?;
    expect_exact(&cluster, &[])
}

pub(crate) fn annotations_edited_live_take_effect() -> Result<()> {
    let cluster = cluster()?;
    let (_egressd, pod) = run_with_pod(&cluster)?;
    annotate(&cluster, "web", "egress", Some("false"))?;
    expect_exact(&cluster, &[])?;
    annotate(&cluster, "web", "egress", Some("true"))?;
    expect_exact(&cluster, &[(pod, WEB)])?;
    annotate(&cluster, "web", "egress-ipv6", None)?;
    annotate(&cluster, "web", "egress", None)?;
    expect_exact(&cluster, &[])
}

pub(crate) fn a_service_deleted_while_egressd_is_down_leaves_nothing() -> Result<()> {
    let cluster = cluster()?;
    let (egressd, pod) = run_with_pod(&cluster)?;
    egressd.into_iter().try_for_each(lab::Egressd::stop)?;
    wait_until_exact(&cluster, 1, &[(pod, WEB)])?;
    cluster.api.delete(&format!("{SERVICES}/web"))?;
    let _egressd = run(&cluster)?;
    expect_exact(&cluster, &[])
}

pub(crate) fn a_service_that_becomes_a_cluster_ip_loses_its_snat() -> Result<()> {
    let cluster = cluster()?;
    let (_egressd, _) = run_with_pod(&cluster)?;
    patch(&cluster, "web", &json!({"spec": {"type": "ClusterIP", "allocateLoadBalancerNodePorts": null}}))?;
    expect_exact(&cluster, &[])
}

pub(crate) fn two_services_with_one_address_translate_their_pods_both() -> Result<()> {
    let cluster = cluster()?;
    cluster.create_service(&service("other", &EGRESS), &WEB)?;
    let [web, other] = [1, 2].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", web)?;
    cluster.create_pod("other-1", "other", other)?;
    let _egressd = run(&cluster)?;
    expect_exact(&cluster, &[(web, WEB), (other, WEB)])?;
    cluster.api.patch_status(&format!("{SERVICES}/other"), &balanced(&OTHER))?;
    expect_exact(&cluster, &[(web, WEB), (other, OTHER)])?;
    cluster.api.delete(&format!("{SERVICES}/web"))?;
    expect_exact(&cluster, &[(other, OTHER)])
}

/// One slice of the largest size that the API accepts, and no slice of the controller.
pub(crate) fn a_slice_with_a_thousand_endpoints_is_in_force() -> Result<()> {
    let cluster = cluster()?;
    // They are more than the node's own network has.
    let program = program().environment("EGRESSD_INSIDE_NETWORKS", POD_NETWORK_V4);
    let _egressd = cluster.run(&program, cluster.lab.node())?;
    let address = |number: u16| IpAddr::from([10, 0, (4 + number / 250) as u8, (1 + number % 250) as u8]);
    let pod = cluster.lab.pod(1);
    let addresses: Vec<IpAddr> = [pod.v4()].into_iter().chain((1..1000).map(address)).collect();
    let endpoint =
        |address: &IpAddr| json!({"addresses": [address], "nodeName": "node-1", "conditions": {"ready": true}});
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web-thousand", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": addresses.iter().map(endpoint).collect::<Vec<_>>(),
    });
    cluster.api.create(lab::cluster::SLICES, &slice)?;
    wait_until_maps_are(&cluster, 1, &addresses.iter().map(|address| (*address, WEB[0])).collect())?;
    cluster.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, WEB[0])?;
    cluster.api.delete(&format!("{}/web-thousand", lab::cluster::SLICES))?;
    wait_until_maps_are(&cluster, 1, &[].into())
}

/// An API without ServiceCIDRs and without streaming lists: every ClusterIP is known without them.
pub(crate) fn an_older_api_is_supported() -> Result<()> {
    let cluster = with_web(Cluster::builder().older().build()?)?;
    let pods = [1, 2].map(|number| cluster.lab.pod(number));
    cluster.create_pod("web-1", "web", pods[0])?;
    let egressd = run(&cluster)?;
    wait_until_maps_are(&cluster, 1, &[(pods[0].v4(), WEB[0]), (pods[0].v6(), WEB[1])].into())?;
    egressd.into_iter().try_for_each(lab::Egressd::stop)?;
    let networks = format!("{SERVICE_NETWORK_V4},{SERVICE_NETWORK_V6}");
    let _egressd = cluster.run(&program().environment("egress_servicecidr", &networks), cluster.lab.node())?;
    expect_exact(&cluster, &[(pods[0], WEB)])?;
    cluster.create_pod("web-2", "web", pods[1])?;
    expect_exact(&cluster, &pods.map(|pod| (pod, WEB)))
}
