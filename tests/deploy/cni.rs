//! The component that puts the CNI plugin on nodes: what it adds, and nothing else.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use egressd::cli::{Cli, CniCommand, CniInstallArgs, Command};
use egressd::cni::DEFAULT_SOCKET;
use lab::cluster::Overlay;
use serde_json::{Value, json};

use crate::objects::{Objects, deploy, items, texts};
use crate::overlay::{render, render_overlay};
use crate::written::DAEMON_SET;

const CONTAINER: &str = "egressd-cni";
const PATCH: &str = "components/cni/daemonset.yaml";

/// The directories that the container writes to.
const WRITTEN: [&str; 2] = ["/opt/cni/bin", "/etc/cni/net.d"];

fn typed(arguments: &[String]) -> Result<CniInstallArgs> {
    let arguments = std::iter::once("egressd").chain(arguments.iter().map(String::as_str));
    let Command::Cni(cni) = Cli::try_parse_from(arguments)?.command else { anyhow::bail!("another command was typed") };
    match cni.command {
        Some(CniCommand::Install(install)) => Ok(install),
        Some(CniCommand::Remove(_)) | None => anyhow::bail!("it does not install"),
    }
}

fn mounts(container: &Value) -> Vec<&str> {
    items(&container["volumeMounts"]).filter_map(|mount| mount["mountPath"].as_str()).collect()
}

/// The path on the node of what is mounted here.
fn on_the_node(objects: &Objects, container: &Value, path: &str) -> Result<String> {
    let mount = items(&container["volumeMounts"]).find(|mount| mount["mountPath"] == *path);
    let mount = mount.with_context(|| format!("nothing is mounted at {path}"))?;
    let volume = items(&objects.pod()?["spec"]["volumes"]).find(|volume| volume["name"] == mount["name"]);
    let host = volume.and_then(|volume| volume["hostPath"]["path"].as_str());
    host.map(str::to_owned).with_context(|| format!("{path} is no directory of the node"))
}

pub(crate) fn the_container_has_the_image_of_the_base_and_arguments_that_the_program_understands() -> Result<()> {
    let patch = Objects::read(PATCH)?;
    let container = patch.container_named(CONTAINER)?;
    let base = Objects::read(DAEMON_SET)?;
    for field in ["image", "imagePullPolicy", "terminationMessagePolicy"] {
        ensure!(container[field] == base.container()?[field], "{field}: {}", container[field]);
    }
    let install = typed(&texts(&container["args"]))?;
    ensure!(install.staying.stay && !install.remove, "{install:?}");
    let places = [&install.places.plugin_dir, &install.places.config_dir].map(PathBuf::as_path);
    ensure!(places == WRITTEN.map(Path::new), "{places:?}");
    let probe = texts(&container["readinessProbe"]["exec"]["command"]);
    ensure!(typed(&probe[1..])?.staying.dry_run, "{probe:?}");
    Ok(())
}

/// egressd's own container writes nowhere else than before.
pub(crate) fn the_component_adds_a_container_without_capabilities_and_two_directories_of_the_node() -> Result<()> {
    let (base, with) = (render(&deploy().join("base"))?, render_overlay(&Overlay::default().components(&["cni"]))?);
    ensure!(with.0.len() == base.0.len(), "it adds an object: {:?}", with.0.len());
    let (mut own, before) = (with.container()?.clone(), base.container()?);
    own["env"] = before["env"].clone();
    ensure!(own == *before, "egressd's container differs: {own:#}");
    let container = with.container_named(CONTAINER)?;
    let mut mounted = mounts(container);
    mounted.sort_unstable();
    ensure!(mounted == ["/etc/cni/net.d", "/opt/cni/bin"], "{mounted:?}");
    for path in WRITTEN {
        ensure!(on_the_node(&with, container, path)? == path, "{path} is another directory of the node");
    }
    let security = &container["securityContext"];
    let expected = json!({
        "runAsUser": 0,
        "runAsGroup": 0,
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        "seLinuxOptions": {"type": "spc_t"},
    });
    ensure!(*security == expected, "{security:#}");
    ensure!(items(&with.pod()?["spec"]["containers"]).count() == 2, "there are others");
    let default = &with.pod()?["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"];
    ensure!(default == "egressd", "`kubectl exec` reaches {default}");
    Ok(())
}

pub(crate) fn the_plugin_asks_where_egressd_answers_on_the_node() -> Result<()> {
    let objects = render_overlay(&Overlay::default().components(&["cni"]))?;
    let container = objects.container()?;
    let sockets: Vec<&Value> =
        items(&container["env"]).filter(|variable| variable["name"] == "EGRESSD_SOCKET").collect();
    ensure!(sockets == [&json!({"name": "EGRESSD_SOCKET", "value": DEFAULT_SOCKET})], "{sockets:?}");
    let directory = Path::new(DEFAULT_SOCKET).parent().and_then(Path::to_str).context("a directory")?;
    ensure!(on_the_node(&objects, container, directory)? == directory, "the node has it elsewhere");
    Ok(())
}

/// A plugin that stayed would stop every pod where `fail` is `closed`.
pub(crate) fn removing_reaches_the_container_by_an_annotation() -> Result<()> {
    for (components, expected) in [(&["cni"][..], "false"), (&["cni", "remove"], "true"), (&["remove", "cni"], "true")]
    {
        let objects = render_overlay(&Overlay::default().components(components))?;
        let variable =
            items(&objects.container_named(CONTAINER)?["env"]).find(|one| one["name"] == "EGRESSD_CNI_REMOVE");
        let field = &variable.context("the variable is set")?["valueFrom"]["fieldRef"]["fieldPath"];
        ensure!(field == "metadata.annotations['egressd.io/remove']", "{field}");
        let value = &objects.pod()?["metadata"]["annotations"]["egressd.io/remove"];
        ensure!(value == expected, "{components:?}: {value}");
    }
    let arguments = ["cni", "install", "--stay", "--remove"].map(str::to_owned);
    ensure!(typed(&arguments)?.remove, "--remove is not understood");
    Ok(())
}
