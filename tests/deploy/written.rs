//! The manifests as they are written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use egressd::cli::{Cli, Command, Question};

use crate::objects::{Objects, deploy, items, texts};

pub(crate) const DAEMON_SET: &str = "base/daemonset.yaml";

/// What `make image` calls the image. No registry has it.
pub(crate) const IMAGE: &str = "ghcr.io/egressd/egressd";

/// The directories with a kustomization, `deploy/` itself included.
pub(crate) fn kustomizations() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![deploy()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
        if directory.join("kustomization.yaml").is_file() {
            found.push(directory);
        }
    }
    found.sort();
    Ok(found)
}

/// A path in `deploy/`, as kustomizations and pages write it.
pub(crate) fn name(path: &Path) -> String {
    path.strip_prefix(deploy()).unwrap_or(path).display().to_string()
}

/// A manifest outside the kustomization would never be applied.
pub(crate) fn every_manifest_is_in_the_kustomization_of_its_directory() -> Result<()> {
    for directory in kustomizations()? {
        let kustomization = Objects::read(&name(&directory.join("kustomization.yaml")))?;
        let patches = items(&kustomization.0[0]["patches"]).filter_map(|patch| patch["path"].as_str());
        let listed = texts(&kustomization.0[0]["resources"]).into_iter().chain(patches.map(str::to_owned));
        let listed = listed.chain(texts(&kustomization.0[0]["configurations"]));
        let listed: BTreeSet<String> = listed.filter(|entry| entry.ends_with(".yaml")).collect();
        let entries = fs::read_dir(&directory)?.map(|entry| entry.map(|entry| entry.file_name()));
        let names = entries.collect::<Result<Vec<_>, _>>()?;
        let names = names.iter().map(|name| name.to_string_lossy().into_owned());
        let present: BTreeSet<String> =
            names.filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml").collect();
        ensure!(listed == present, "{}: it lists {listed:?} and has {present:?}", name(&directory));
    }
    Ok(())
}

/// So an overlay renames a Namespace only where it includes one.
pub(crate) fn only_the_component_for_it_has_a_namespace() -> Result<()> {
    for directory in kustomizations()? {
        let kustomization = &Objects::read(&name(&directory.join("kustomization.yaml")))?.0[0];
        for resource in texts(&kustomization["resources"]).iter().filter(|entry| entry.ends_with(".yaml")) {
            let file = name(&directory.join(resource));
            let has = Objects::read(&file)?.of_kind("Namespace").next().is_some();
            ensure!(has == (file == "components/namespace/namespace.yaml"), "{file}: a Namespace: {has}");
        }
    }
    Ok(())
}

/// Patches have none: what they change has them.
pub(crate) fn every_object_has_the_labels_that_kubernetes_recommends() -> Result<()> {
    let mut objects = 0;
    for directory in kustomizations()? {
        let kustomization = &Objects::read(&name(&directory.join("kustomization.yaml")))?.0[0];
        for resource in texts(&kustomization["resources"]).iter().filter(|entry| entry.ends_with(".yaml")) {
            for object in &Objects::read(&name(&directory.join(resource)))?.0 {
                let label = |name: &str| object["metadata"]["labels"][format!("app.kubernetes.io/{name}")].as_str();
                ensure!(label("name") == Some("egressd") && label("part-of") == Some("egressd"), "{object}");
                ensure!(label("component").is_some() && label("managed-by") == Some("kustomize"), "{object}");
                ensure!(label("version") == Some(env!("CARGO_PKG_VERSION")), "{object}");
                objects += 1;
            }
        }
    }
    ensure!(objects > 20, "{objects} objects");
    Ok(())
}

pub(crate) fn the_daemon_set_starts_what_the_program_understands_with_one_capability() -> Result<()> {
    let objects = Objects::read(DAEMON_SET)?;
    let container = objects.container()?;
    let arguments = std::iter::once("egressd".to_owned()).chain(texts(&container["args"]));
    Cli::try_parse_from(arguments.chain(["--node".to_owned(), "a".to_owned()]))?;
    let security = &container["securityContext"];
    ensure!(texts(&security["capabilities"]["add"]) == ["NET_ADMIN"], "{security}");
    ensure!(texts(&security["capabilities"]["drop"]) == ["ALL"], "{security}");
    ensure!(security["readOnlyRootFilesystem"] == true, "{security}");
    let update = &objects.only("DaemonSet")?["spec"]["updateStrategy"]["rollingUpdate"];
    // Two on one node would wait for each other; a fixed number of nodes that are not ready would stop every update.
    ensure!(update["maxSurge"] == 0 && update["maxUnavailable"] == "10%", "{update}");
    Ok(())
}

/// An overlay's `images` finds an image by the name that it has in the base. A kustomization of ours that replaced it
/// would leave no name that is both printed here and found there.
pub(crate) fn the_image_has_one_name_which_no_kustomization_replaces() -> Result<()> {
    let objects = Objects::read(DAEMON_SET)?;
    let container = objects.container()?;
    let expected = format!("{IMAGE}:{}", env!("CARGO_PKG_VERSION"));
    ensure!(container["image"] == *expected, "{} is not {expected}", container["image"]);
    ensure!(container["imagePullPolicy"] == "IfNotPresent", "{}", container["imagePullPolicy"]);
    for directory in kustomizations()? {
        let file = name(&directory.join("kustomization.yaml"));
        ensure!(Objects::read(&file)?.0[0]["images"].is_null(), "{file} replaces an image");
    }
    Ok(())
}

pub(crate) fn a_container_that_fails_leaves_its_reason_with_the_pod() -> Result<()> {
    let objects = Objects::read(DAEMON_SET)?;
    let policy = &objects.container()?["terminationMessagePolicy"];
    ensure!(policy == "FallbackToLogsOnError", "{policy}");
    Ok(())
}

/// Nothing else on the node can answer in its place, take its place, or keep its place from it.
pub(crate) fn the_probes_ask_over_a_socket_of_the_pods_own() -> Result<()> {
    let objects = Objects::read(DAEMON_SET)?;
    let container = objects.container()?;
    for (probe, expected, period) in [
        ("startupProbe", Question::Live, 2),
        ("livenessProbe", Question::Live, 30),
        ("readinessProbe", Question::Ready, 10),
    ] {
        let probe = &container[probe];
        let Command::Probe(typed) = Cli::try_parse_from(texts(&probe["exec"]["command"]))?.command else {
            anyhow::bail!("{probe} is no probe");
        };
        ensure!(typed.question == expected && probe["periodSeconds"] == period, "{probe}");
        // The program gives up after three, and then the kubelet has its reason.
        ensure!(probe["timeoutSeconds"].as_u64() > Some(3), "{probe}");
    }
    let socket = items(&container["env"]).find(|variable| variable["name"] == "EGRESSD_SOCKET");
    let socket = socket.and_then(|variable| variable["value"].as_str()).context("EGRESSD_SOCKET is set")?;
    let directory = Path::new(socket).parent().and_then(Path::to_str);
    let mount = items(&container["volumeMounts"]).find(|mount| mount["mountPath"].as_str() == directory);
    let mount = mount.with_context(|| format!("no volume is at {directory:?}"))?;
    let volume = items(&objects.pod()?["spec"]["volumes"]).find(|volume| volume["name"] == mount["name"]);
    ensure!(volume.is_some_and(|volume| volume["emptyDir"].is_object()), "{volume:?}");
    Ok(())
}
