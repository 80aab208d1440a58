//! Leases by which load balancers choose nodes: with the component `placement`, and no setting beside it.

use std::time::Duration;
use std::{fs, thread};

use anyhow::{Result, ensure};
use egressd::rights::PLACEMENT_RIGHTS;
use lab::addresses::{MOVING_V4, MOVING_V6};
use lab::cluster::{Cluster, Decision, Overlay, SERVICES, service};
use lab::neighbours::{CiliumLease, KubeVip, Speaker};
use lab::{Egressd, Program};

use crate::beside::{MOVING, expect_moved, expect_seen, run_on_all, with_a_pod_on_each_node};
use crate::fixture::{EGRESS, annotate, expect_still, program};

/// The binding that grants the component's right.
const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/egressd-placement";
/// Longer than a Lease of one second and the added tolerance.
const UNTIL_EXPIRED: Duration = Duration::from_secs(8);
const MAX_FOLLOWED_LEASES: usize = 256;
/// More than the number of connections that are not for Leases.
const OTHER_CONNECTIONS: usize = 64;
/// How often a Lease is renewed while nothing may follow from it.
const RENEWALS: usize = 20;

fn watching() -> Program {
    program().environment("EGRESSD_ANNOUNCEMENTS", "watch")
}

/// Two nodes with a pod each, and the Service `web`, whose addresses are on no interface.
fn fixture(cluster: Cluster) -> Result<Cluster> {
    cluster.create_service(&service("web", &EGRESS), &MOVING)?;
    with_a_pod_on_each_node(&cluster)?;
    cluster.apply(&Overlay::default().components(&["namespace", "placement"]))?;
    Ok(cluster)
}

pub(crate) fn the_node_that_holds_ciliums_lease_translates_and_moves_are_followed() -> Result<()> {
    let cluster = fixture(Cluster::builder().two_nodes().without_streaming_lists().build()?)?;
    let (nodes, lease) = (cluster.lab.nodes(), CiliumLease::of("web"));
    let mut egressds = run_on_all(&cluster, &watching())?;
    for turn in 0..3 {
        let (to, from) = (turn % 2, (turn + 1) % 2);
        let _speaker = Speaker::start(&cluster.lab, &nodes[to], &MOVING)?;
        lease.take(&cluster.api, &nodes[to])?;
        egressds[from].wait_until_log_has(&format!("Cilium announces it from node {}", nodes[to].name()))?;
        expect_moved(&cluster.lab, &mut egressds, [to, from])?;
        expect_no_effect_of_renewals(&cluster, &lease, &egressds)?;
    }
    expect_used(&cluster)
}

/// Neither the kernel's tables nor an object is written, and nothing is logged.
fn expect_no_effect_of_renewals(cluster: &Cluster, lease: &CiliumLease, egressds: &[Egressd<'_>]) -> Result<()> {
    expect_still(cluster)?;
    let logs = || egressds.iter().map(Egressd::log).collect::<Vec<_>>();
    let before = logs();
    (0..RENEWALS).try_for_each(|_| lease.renew(&cluster.api))?;
    expect_still(cluster)?;
    let after = logs();
    ensure!(after == before, "renewals are logged: {after:?}");
    Ok(())
}

pub(crate) fn a_lease_that_is_not_renewed_expires_and_a_deleted_one_does_not_count() -> Result<()> {
    let cluster = fixture(Cluster::builder().two_nodes().build()?)?;
    let (nodes, lease) = (cluster.lab.nodes(), CiliumLease::of("web"));
    let _speaker = Speaker::start(&cluster.lab, &nodes[0], &MOVING)?;
    let mut egressds = run_on_all(&cluster, &watching())?;
    for lease in [lease.clone().lasting(1), lease] {
        lease.take(&cluster.api, &nodes[0])?;
        expect_seen(&mut egressds[0], &nodes[0], MOVING)?;
        let pod = nodes[0].pod(1);
        if egressds[0].log().contains("names no node that holds it any more") {
            lease.delete(&cluster.api)?;
        } else {
            egressds[0].wait_until_log_has("names no node that holds it any more")?;
        }
        expect_seen(&mut egressds[0], &nodes[0], [pod.v4(), pod.v6()])?;
    }
    Ok(())
}

/// An address that is on interfaces of both nodes, and an annotation that still names the other one.
pub(crate) fn kube_vips_lease_of_a_service_counts_before_a_vip_host_that_was_left() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    let nodes = cluster.lab.nodes();
    let mut web = service("web", &EGRESS);
    web["metadata"]["annotations"]["kube-vip.io/loadbalancerIPs"] = format!("{MOVING_V4},{MOVING_V6}").into();
    cluster.create_service(&web, &[])?;
    with_a_pod_on_each_node(&cluster)?;
    cluster.apply(&Overlay::default().components(&["namespace", "placement"]))?;
    let kube_vip = KubeVip::of(&cluster.lab, "web", &MOVING)?;
    kube_vip.lead(&cluster.api, &nodes[0])?;
    annotate(&cluster, "web", "vipHost", Some(nodes[1].name()))?;
    let mut egressds = run_on_all(&cluster, &watching())?;
    let holder = format!("kube-vip holds it on node {} (Lease default/kubevip-web)", nodes[0].name());
    egressds[1].wait_until_log_has(&holder)?;
    expect_moved(&cluster.lab, &mut egressds, [0, 1])?;
    expect_still(&cluster)
}

/// An unreachable server alone ends nothing: the node that translated continues, and the other one does not start.
pub(crate) fn a_lease_is_held_while_the_api_server_is_away_and_moves_are_followed_when_it_is_back() -> Result<()> {
    let cluster = fixture(Cluster::builder().two_nodes().build()?)?;
    let (nodes, lease) = (cluster.lab.nodes(), CiliumLease::of("web").lasting(1));
    let mut egressds = run_on_all(&cluster, &watching())?;
    let speaker = Speaker::start(&cluster.lab, &nodes[0], &MOVING)?;
    lease.take(&cluster.api, &nodes[0])?;
    egressds[1].wait_until_log_has(&format!("Cilium announces it from node {}", nodes[0].name()))?;
    expect_moved(&cluster.lab, &mut egressds, [0, 1])?;
    cluster.kill_api_server();
    egressds.iter_mut().try_for_each(|egressd| egressd.wait_until_log_has("api-server-unreachable"))?;
    thread::sleep(UNTIL_EXPIRED);
    expect_moved(&cluster.lab, &mut egressds, [0, 1])?;
    drop(speaker);
    cluster.restart_api_server()?;
    let _speaker = Speaker::start(&cluster.lab, &nodes[1], &MOVING)?;
    lease.take(&cluster.api, &nodes[1])?;
    expect_moved(&cluster.lab, &mut egressds, [1, 0])
}

pub(crate) fn after_the_right_to_leases_is_withdrawn_the_last_ones_count_and_that_is_reported_once() -> Result<()> {
    let cluster = fixture(Cluster::builder().two_nodes().build()?)?;
    let (nodes, lease) = (cluster.lab.nodes(), CiliumLease::of("web"));
    let mut egressds = run_on_all(&cluster, &watching())?;
    let _speaker = Speaker::start(&cluster.lab, &nodes[0], &MOVING)?;
    lease.take(&cluster.api, &nodes[0])?;
    egressds[1].wait_until_log_has(&format!("Cilium announces it from node {}", nodes[0].name()))?;
    expect_moved(&cluster.lab, &mut egressds, [0, 1])?;
    cluster.api.delete(BINDING)?;
    // A server checks rights when a watch begins.
    cluster.kill_api_server();
    cluster.restart_api_server()?;
    let reported = "lacks the permission to read leases.coordination.k8s.io since it was withdrawn";
    egressds.iter_mut().try_for_each(|egressd| egressd.wait_until_log_has(reported))?;
    expect_moved(&cluster.lab, &mut egressds, [0, 1])?;
    let times: Vec<usize> = egressds.iter().map(|egressd| egressd.log().matches(reported).count()).collect();
    ensure!(times == [1, 1], "reported so many times: {times:?}");
    Ok(())
}

/// Of the one beyond the bound it is unknown which node announces it, until there is room.
pub(crate) fn more_leases_than_are_followed_cost_no_connection_and_the_newest_service_is_unknown() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    for number in 0..MAX_FOLLOWED_LEASES {
        cluster.create_service(&service(&format!("a-{number:03}"), &EGRESS), &[])?;
    }
    cluster.create_service(&service("zz", &EGRESS), &MOVING)?;
    cluster.create_pod("zz-1", "zz", cluster.lab.pod(1))?;
    cluster.apply(&Overlay::default().components(&["namespace", "placement"]))?;
    let mut egressd = cluster.run(&watching(), cluster.lab.node())?;
    egressd.wait_until_log_has("Lease kube-system/cilium-l2announce-default-zz is not followed")?;
    let connections = sockets(&egressd)?;
    ensure!(
        (MAX_FOLLOWED_LEASES..MAX_FOLLOWED_LEASES + OTHER_CONNECTIONS).contains(&connections),
        "there are {connections} connections"
    );
    cluster.api.delete(&format!("{SERVICES}/a-000"))?;
    egressd.wait_until_log_has("the address is on no interface of this node")?;
    let connections = sockets(&egressd)?;
    ensure!(
        (MAX_FOLLOWED_LEASES..MAX_FOLLOWED_LEASES + OTHER_CONNECTIONS).contains(&connections),
        "with room for the last one there are {connections}"
    );
    egressd.stop()
}

fn sockets(egressd: &Egressd<'_>) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(format!("/proc/{}/fd", egressd.id()))? {
        let target = fs::read_link(entry?.path()).unwrap_or_default();
        count += usize::from(target.to_string_lossy().starts_with("socket:"));
    }
    Ok(count)
}

/// Each of the rights of the component that is about Leases was used, and the component granted it.
fn expect_used(cluster: &Cluster) -> Result<()> {
    let audit = cluster.audit()?;
    for right in PLACEMENT_RIGHTS.iter().filter(|right| right.resource == "leases") {
        let is_it =
            |decision: &Decision| matches!(decision, Decision::Otherwise(why) if why.contains("\"egressd-placement\""));
        let used = audit.iter().any(|request| {
            [request.verb.as_str(), request.group.as_str(), request.resource.as_str()]
                == [right.verb, right.group, right.resource]
                && is_it(&request.decision)
        });
        ensure!(used, "{right} was not used");
    }
    let others = audit.iter().filter(|request| request.resource == "leases");
    let verbs: Vec<_> = others.map(|request| request.verb.clone()).collect();
    ensure!(verbs.iter().all(|verb| ["list", "watch"].contains(&verb.as_str())), "{verbs:?}");
    Ok(())
}
