//! Together with programs that write to the API: egressd's handling of the objects of load balancers and network
//! plugins.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use lab::addresses::{MOVING_V4, MOVING_V6, OUTSIDE_V4, OUTSIDE_V6};
use lab::cluster::{Cluster, Overlay, SERVICES, service};
use lab::neighbours::{Calico, Firewall, Flannel, KubeVip, POOL_V4, POOL_V6, Speaker};
use lab::{DEADLINE, Egressd, Lab, Node, Program, Protocol, wait_until};
use serde_json::{Value, json};

use crate::fixture::{EGRESS, WEB, annotate, expect_exact, expect_still, program, with_web};
use crate::reporting::{Regarding, wait_for_event};

pub(crate) const MOVING: [IpAddr; 2] = [MOVING_V4, MOVING_V6];
/// The prefix of annotations that kube-vip does not know.
const PREFIX: &str = "egress.example.com";

/// With a prefix and an instance name, as docs/beside.md recommends: Lease, address, `vipHost` and status go from node
/// to node and back. No two programs write one field: writing ends, and what kube-vip wrote stays.
pub(crate) fn a_service_that_kube_vip_moves_is_translated_to_where_its_lease_is() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    let mut service = service("web", &[("loadbalancerIPs", &format!("{MOVING_V4},{MOVING_V6}"))]);
    for name in ["egress", "egress-ipv6"] {
        service["metadata"]["annotations"][format!("{PREFIX}/{name}")] = json!("true");
    }
    cluster.create_service(&service, &[])?;
    with_a_pod_on_each_node(&cluster)?;
    let kube_vip = KubeVip::of(&cluster.lab, "web", &MOVING)?;
    let mut egressds = run_on_all(&cluster, &with_own_prefix())?;
    let nodes = cluster.lab.nodes();
    for turn in 0..3 {
        let (to, from) = (turn % 2, (turn + 1) % 2);
        if turn > 0 {
            kube_vip.stop_leading(&cluster.api, &nodes[from])?;
        }
        kube_vip.lead(&cluster.api, &nodes[to])?;
        expect_moved(&cluster.lab, &mut egressds, [to, from])?;
        ensure!(kube_vip.leader(&cluster.api).as_deref() == Some(nodes[to].name()), "another node holds the Lease");
    }
    kube_vip.write_active_endpoint(&cluster.api, "10.0.0.1", "")?;
    expect_still(&cluster)?;
    expect_annotation(&cluster, "active-endpoint", "10.0.0.1")?;
    expect_annotation(&cluster, "vipHost", nodes[0].name())
}

fn with_own_prefix() -> Program {
    program().environment("instance_name", "egressd").environment("EGRESSD_ANNOTATION_PREFIX", PREFIX)
}

/// With the rights and the variable of the component `placement`, and no setting beside it. An address is on no
/// interface, and the object is another one after each move.
pub(crate) fn the_node_that_metallb_names_translates_and_moves_are_followed() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    let nodes = cluster.lab.nodes();
    cluster.create_service(&service("web", &EGRESS), &MOVING)?;
    with_a_pod_on_each_node(&cluster)?;
    cluster.apply(&Overlay::default().components(&["namespace", "placement"]))?;
    Speaker::define_status(&cluster.api)?;
    let mut egressds = run_on_all(&cluster, &program().environment("EGRESSD_ANNOUNCEMENTS", "watch"))?;
    for turn in 0..3 {
        let (to, from) = (turn % 2, (turn + 1) % 2);
        let _speaker = Speaker::start(&cluster.lab, &nodes[to], &MOVING)?;
        Speaker::write_status(&cluster.api, "web", &nodes[to])?;
        egressds[from].wait_until_log_has(&format!("MetalLB announces it from node {}", nodes[to].name()))?;
        expect_moved(&cluster.lab, &mut egressds, [to, from])?;
    }
    expect_still(&cluster)
}

/// Where MetalLB is not, or may not be read: nothing is different, and nothing is logged about it.
pub(crate) fn without_metallb_or_the_right_to_read_it_nothing_changes() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    for round in ["without the right", "without the kind"] {
        let egressd = cluster.run(&program().environment("EGRESSD_ANNOUNCEMENTS", "watch"), cluster.lab.node())?;
        expect_exact(&cluster, &[(pod, WEB)]).context(round).with_context(|| egressd.circumstances())?;
        let log = egressd.log();
        // With a blank before it, since times and digests have such digits too.
        let about = |line: &&str| ["metallb", "servicel2", " 403", " 404"].iter().any(|part| line.contains(part));
        let logged: Vec<&str> = log.lines().filter(about).collect();
        ensure!(logged.is_empty(), "{round}: {logged:?}");
        egressd.stop()?;
        cluster.apply(&Overlay::default().components(&["namespace", "placement"]))?;
    }
    Ok(())
}

/// A ServiceL2Status names the node that answers; without the component only the annotation is read, and only with the
/// option.
pub(crate) fn without_the_component_metallbs_status_is_not_read_and_a_vip_host_is() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    let nodes = cluster.lab.nodes();
    cluster.create_service(&service("web", &EGRESS), &MOVING)?;
    cluster.create_pod("web-1", "web", nodes[0].pod(1))?;
    wait_for_endpoints(&cluster, 2)?;
    Speaker::define_status(&cluster.api)?;
    let _speaker = Speaker::start(&cluster.lab, &nodes[0], &MOVING)?;
    Speaker::write_status(&cluster.api, "web", &nodes[0])?;
    let egressds = run_on_all(&cluster, &program())?;
    wait_for_event(
        &cluster,
        Regarding::Service("web"),
        "NotApplied",
        "if the load balancer assigns it to no interface, see --owner",
    )?;
    egressds.into_iter().try_for_each(Egressd::stop)?;

    cluster.create_pod("web-2", "web", nodes[1].pod(1))?;
    wait_for_endpoints(&cluster, 4)?;
    let mut egressds = run_on_all(&cluster, &program().environment("EGRESSD_OWNER", "vip-host"))?;
    for egressd in &mut egressds {
        egressd.wait_until_log_has("kube-vip.io/vipHost is not set yet")?;
    }
    annotate(&cluster, "web", "vipHost", Some(nodes[0].name()))?;
    expect_moved(&cluster.lab, &mut egressds, [0, 1])?;
    expect_still(&cluster)
}

/// flannel's annotations of Nodes, its tunnel and its rules.
pub(crate) fn flannels_annotations_tunnel_and_rules_change_nothing() -> Result<()> {
    let cluster = with_web(Cluster::builder().two_nodes().build()?)?;
    Flannel::connect(&cluster.lab)?;
    Flannel::write_rules(&cluster.lab, Firewall::Iptables)?;
    Flannel::write_nodes(&cluster.lab, &cluster.api)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    wait_for_endpoints(&cluster, 2)?;
    let mut egressds = run_on_all(&cluster, &program())?;
    expect_seen(&mut egressds[0], &cluster.lab.nodes()[0], WEB)?;
    expect_untranslated_between_nodes(&cluster.lab)?;
    expect_still(&cluster)
}

/// Nodes' `podCIDRs` are not those of its pods. With the setting that the page recommends, pods are recognised as such.
pub(crate) fn calicos_pools_are_configured_and_not_read() -> Result<()> {
    let mut cluster = with_web(Cluster::builder().two_nodes().build()?)?;
    Calico::connect(&mut cluster.lab)?;
    Calico::write_rules(&cluster.lab)?;
    Calico::write_objects(&cluster.lab, &cluster.api)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    wait_for_endpoints(&cluster, 2)?;
    for mut egressd in run_on_all(&cluster, &program())?.into_iter().take(1) {
        egressd.wait_until_log_has("endpoint-outside-pod-networks")?;
        egressd.stop()?;
    }
    let pools = format!("{POOL_V4},{POOL_V6}");
    let mut egressds = run_on_all(&cluster, &program().environment("egress_podcidr", &pools))?;
    expect_seen(&mut egressds[0], &cluster.lab.nodes()[0], WEB)?;
    // Until its first round the earlier rules are in force.
    let far = cluster.lab.nodes()[1].pod(1);
    egressds[0].wait_until_seen(pod, far.v4(), pod.v4().into())?;
    egressds[0].wait_until_seen(pod, far.v6(), pod.v6().into())?;
    expect_untranslated_between_nodes(&cluster.lab)?;
    expect_still(&cluster)
}

pub(crate) fn with_a_pod_on_each_node(cluster: &Cluster) -> Result<()> {
    let names = ["web-1", "web-2"].into_iter();
    names.zip(cluster.lab.nodes()).try_for_each(|(name, node)| cluster.create_pod(name, "web", node.pod(1)))?;
    wait_for_endpoints(cluster, 4)
}

/// The controller of a cluster that was just built takes its time.
fn wait_for_endpoints(cluster: &Cluster, count: usize) -> Result<()> {
    wait_until("the controller has written the EndpointSlices", DEADLINE * 4, || {
        Ok(cluster.endpoints("web")?.len() == count)
    })
}

pub(crate) fn run_on_all<'c>(cluster: &'c Cluster, program: &Program) -> Result<Vec<Egressd<'c>>> {
    cluster.lab.nodes().iter().map(|node| cluster.run(program, node)).collect()
}

/// The pod of one node is seen with the address that moves, and the other node's with its own. The replies are routed
/// by the announcements.
pub(crate) fn expect_moved(lab: &Lab, egressds: &mut [Egressd<'_>], [to, from]: [usize; 2]) -> Result<()> {
    let (nodes, pod) = (lab.nodes(), lab.nodes()[from].pod(1));
    expect_seen(&mut egressds[to], &nodes[to], MOVING)?;
    expect_seen(&mut egressds[from], &nodes[from], [pod.v4(), pod.v6()])
}

pub(crate) fn expect_seen(egressd: &mut Egressd<'_>, node: &Node, seen: [IpAddr; 2]) -> Result<()> {
    egressd.wait_until_seen(node.pod(1), OUTSIDE_V4, seen[0].into())?;
    egressd.wait_until_seen(node.pod(1), OUTSIDE_V6, seen[1].into())
}

fn expect_untranslated_between_nodes(lab: &Lab) -> Result<()> {
    let [near, far] = [0, 1].map(|node: usize| lab.nodes()[node].pod(1));
    for protocol in Protocol::ALL {
        for (from, to) in [(near, far), (far, near)] {
            lab.expect_seen(from, to.v4(), protocol, from.v4())?;
            lab.expect_seen(from, to.v6(), protocol, from.v6())?;
        }
    }
    Ok(())
}

fn expect_annotation(cluster: &Cluster, name: &str, expected: &str) -> Result<()> {
    let service = cluster.api.get(&format!("{SERVICES}/web"))?;
    let found: &Value = &service["metadata"]["annotations"][format!("kube-vip.io/{name}")];
    ensure!(*found == json!(expected), "{name} is {found}, not {expected:?}");
    Ok(())
}
