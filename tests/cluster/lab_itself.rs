//! Tests of the test cluster itself.

use anyhow::{Result, bail, ensure};
use lab::cluster::{Cluster, SERVICES, service};

use crate::fixture::WEB;

pub(crate) fn endpoint_slices_come_from_the_controller_in_both_families() -> Result<()> {
    let cluster = Cluster::builder().two_nodes().build()?;
    let pods = [cluster.lab.pod(1), cluster.lab.nodes()[1].pod(1)];
    cluster.create_service(&service("web", &[]), &WEB)?;
    for (name, pod) in ["web-1", "web-2"].into_iter().zip(pods) {
        cluster.create_pod(name, "web", pod)?;
    }
    cluster.wait_for_endpoints("web", &pods.map(|pod| [pod.v4(), pod.v6()]).concat())?;
    cluster.delete_pod("web-1")?;
    cluster.wait_for_endpoints("web", &[pods[1].v4(), pods[1].v6()])?;
    cluster.api.delete(&format!("{SERVICES}/web"))?;
    cluster.wait_for_endpoints("web", &[])
}

pub(crate) fn the_api_server_comes_back_with_the_same_data() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    cluster.create_service(&service("web", &[]), &WEB)?;
    let before = cluster.versions()?;
    cluster.kill_api_server();
    ensure!(cluster.versions().is_err(), "the API server was killed, and answers");
    cluster.compact()?;
    cluster.restart_api_server()?;
    let after = cluster.versions()?;
    ensure!(before == after, "before: {before:?}, after: {after:?}");
    // The controller has found it again.
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    cluster.wait_for_endpoints("web", &[pod.v4(), pod.v6()])
}

pub(crate) fn an_older_api_has_no_service_cidrs_and_no_streaming_lists() -> Result<()> {
    let cluster = Cluster::builder().older().build()?;
    let older = cluster.as_egressd()?;
    ensure!(older.list(SERVICES, "").is_ok(), "what is old is there");
    let Err(missing) = older.list("/apis/networking.k8s.io/v1/servicecidrs", "") else {
        bail!("there are ServiceCIDRs")
    };
    ensure!(format!("{missing:#}").contains("404"), "{missing:#}");
    let refused = older.refusal_of_streaming("/api/v1/services")?;
    ensure!(refused.contains("sendInitialEvents"), "{refused}");
    Ok(())
}
