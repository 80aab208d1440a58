//! The fixture of all trials: the cluster, and egressd installed in it as its documentation says.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use lab::addresses::{OUTSIDE_V4, OUTSIDE_V6, PORT, load_balancer_v4, load_balancer_v6};
use lab::cluster::balanced;
use lab::node::{self, App, Cluster, Pod, Policy, egressd_of, service};
use serde_json::json;

use crate::install::install;
use crate::traffic::ExpectedSources;

/// The variable that names another program to test.
const PROGRAM: &str = "EGRESSD_TESTS_PROGRAM";
/// egressd's DaemonSet, in the API.
pub(crate) const DAEMON_SET: &str = "/apis/apps/v1/namespaces/egressd/daemonsets/egressd";

static SHARED: Mutex<Option<Cluster>> = Mutex::new(None);

/// Runs a trial with the cluster, which is built on first use.
pub(crate) fn with_cluster(trial: impl FnOnce(&mut Cluster) -> Result<()>) -> Result<()> {
    // A trial that failed has left the cluster as it is, which others can use.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_none() {
        let egressd = egressd_of(&program());
        say(&format!("\n{}\negressd: {egressd:?}", node::versions()?.join("\n")));
        *shared = Some(Cluster::start(egressd)?);
    }
    shared.as_mut().context("there is no cluster").and_then(trial)
}

/// The same, with egressd installed.
pub(crate) fn with_egressd(trial: impl FnOnce(&mut Cluster) -> Result<()>) -> Result<()> {
    with_cluster(|cluster| {
        if cluster.api.get(DAEMON_SET).is_err() {
            install(cluster)?;
        }
        trial(cluster)
    })
}

/// Sets a variable of egressd's container, or with `NAME-` unsets it.
pub(crate) fn set_environment(cluster: &Cluster, variable: &str) -> Result<()> {
    cluster.kubectl(&["--namespace=egressd", "set", "env", "daemonset/egressd", variable]).map(drop)
}

/// Waits until every node has the desired egressd.
pub(crate) fn roll_out(cluster: &Cluster) -> Result<()> {
    let status = ["--namespace=egressd", "rollout", "status", "daemonset/egressd", "--timeout=120s"];
    cluster.kubectl(&status).with_context(|| cluster.circumstances()).map(drop)
}

/// A Service with egress in a namespace of its own, with an address that the first node has.
#[derive(Debug)]
pub(crate) struct EgressService {
    /// Of the namespace, of the Service, and of the app behind it.
    pub(crate) name: &'static str,
    /// The Service's own, IPv4 and IPv6.
    pub(crate) addresses: [IpAddr; 2],
}

impl EgressService {
    /// Begins it, plays, and leaves nothing of it. `number` is that of the address, used by no other fixture.
    pub(crate) fn run_trial(
        name: &'static str,
        number: u8,
        trial: impl FnOnce(&mut Cluster, &Self) -> Result<()>,
    ) -> Result<()> {
        with_egressd(|cluster| {
            let fixture = Self { name, addresses: [load_balancer_v4(number), load_balancer_v6(number)] };
            let played = fixture.create(cluster).and_then(|()| trial(cluster, &fixture));
            let ended = fixture.delete(cluster);
            played.and(ended)
        })
    }

    fn create(&self, cluster: &Cluster) -> Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}});
        cluster.apply(&[namespace, service(self.name, self.name, Policy::Local)])?;
        for address in self.addresses {
            cluster.assign_address(address, 1)?;
        }
        self.balance(cluster, self.name)
    }

    /// Gives a Service of this fixture the addresses, as its load balancer does.
    pub(crate) fn balance(&self, cluster: &Cluster, service: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}/services/{service}", self.name);
        cluster.api.patch_status(&path, &balanced(&self.addresses)).map(drop)
    }

    fn delete(&self, cluster: &Cluster) -> Result<()> {
        cluster.kubectl(&["delete", "namespace", self.name, "--wait=false"])?;
        self.addresses.iter().try_for_each(|address| cluster.take(*address))
    }

    /// Moves the addresses to another node.
    pub(crate) fn move_to(&self, cluster: &Cluster, node: u8) -> Result<()> {
        for address in self.addresses {
            cluster.take(address)?;
            cluster.assign_address(address, node)?;
        }
        Ok(())
    }

    /// Pods behind the Service, which serve and call the outside host from their first instruction on.
    pub(crate) fn app(&self) -> App {
        App::new(self.name, self.name, &roles())
    }

    pub(crate) fn run(&self, cluster: &Cluster, app: &App, count: usize) -> Result<Vec<Pod>> {
        cluster.apply(&[app.object()])?;
        cluster.wait_for_pods(self.name, self.name, count)
    }

    /// These pods are seen with the Service's addresses.
    pub(crate) fn translated(&self, pods: &[Pod]) -> ExpectedSources {
        ExpectedSources { names: pods.iter().map(|pod| pod.name.clone()).collect(), addresses: self.addresses.to_vec() }
    }
}

/// What a pod does: it serves, and calls in both families.
pub(crate) fn roles() -> Vec<String> {
    vec!["serve=8080".to_owned(), format!("call={OUTSIDE_V4}:{PORT}"), format!("call=[{OUTSIDE_V6}]:{PORT}")]
}

/// Logs a measurement, which no trial asserts.
#[expect(clippy::print_stdout, reason = "figures and versions are for whoever reads the log")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Ends the cluster, if there is one.
pub(crate) fn tear_down() {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// As it was built for tests, or as the image has it: `make test-static` names that one.
fn program() -> PathBuf {
    env::var_os(PROGRAM).unwrap_or_else(|| env!("CARGO_BIN_EXE_egressd").into()).into()
}
