//! Metrics that Prometheus reaches: everything that names an address or a port names the same one.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use egressd::cli::{Cli, Command};
use lab::cluster::{Overlay, environment};
use serde_json::{Value, json};

use crate::objects::{Objects, deploy, items};
use crate::overlay::{render, render_overlay};

fn objects() -> Result<Objects> {
    render_overlay(&Overlay::default().components(&["metrics"]))
}

/// EGRESSD_HTTP on a node with this address.
fn http(host: &str) -> Result<String> {
    let objects = objects()?;
    let field = |path: &str| Some(if path == "status.hostIP" { host } else { "other" }.to_owned());
    let environment = environment(objects.container()?, field)?;
    let found = environment.into_iter().find(|(name, _)| name == "EGRESSD_HTTP");
    found.map(|(_, value)| value).context("EGRESSD_HTTP is set")
}

/// The address on which `run` listens.
fn listens_on(host: &str) -> Result<SocketAddr> {
    let Command::Run(run) = Cli::try_parse_from(["egressd", "run", "--http", &http(host)?])?.command else {
        anyhow::bail!("`run` was typed");
    };
    run.watching.http.context("--http was typed")
}

pub(crate) fn the_address_is_accepted_in_both_families() -> Result<()> {
    for (host, expected) in [("192.0.2.7", "192.0.2.7:9808"), ("2001:db8::7", "[2001:db8::7]:9808")] {
        ensure!(listens_on(host)? == expected.parse()?, "{host}: {}", listens_on(host)?);
        // What removes has the same environment.
        Cli::try_parse_from(["egressd", "clean", "--all", "--stay", "--http", &http(host)?])?;
    }
    Ok(())
}

pub(crate) fn scrapes_ask_where_the_program_listens() -> Result<()> {
    let port = listens_on("192.0.2.7")?.port();
    let objects = objects()?;
    let container = objects.container()?;
    ensure!(objects.pod()?["spec"]["hostNetwork"] == true, "the pod's address is not the node's");
    let ports: Vec<&Value> = items(&container["ports"]).collect();
    ensure!(ports == [&json!({"name": "metrics", "containerPort": port})], "{ports:?}");
    let annotations = &objects.pod()?["metadata"]["annotations"];
    let scrape = [("prometheus.io/scrape", "true"), ("prometheus.io/port", &port.to_string())];
    ensure!(scrape.iter().all(|(name, value)| annotations[name] == **value), "{annotations}");
    Ok(())
}

pub(crate) fn the_service_and_the_monitor_select_the_pods() -> Result<()> {
    let objects = render(&deploy().join("examples/prometheus"))?;
    let labels = &objects.pod()?["metadata"]["labels"];
    let port = &objects.container()?["ports"][0];
    let service = &objects.only("Service")?["spec"];
    ensure!(service["selector"] == *labels && service["clusterIP"] == "None", "{service}");
    ensure!(service["ports"][0]["port"] == port["containerPort"], "{service}");
    let monitor = objects.only("PodMonitor")?;
    ensure!(monitor["metadata"]["namespace"] == objects.only("DaemonSet")?["metadata"]["namespace"], "{monitor}");
    ensure!(monitor["spec"]["selector"]["matchLabels"] == *labels, "{monitor}");
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    ensure!(endpoint["port"] == port["name"] && endpoint["honorLabels"] == true, "{endpoint}");
    Ok(())
}
