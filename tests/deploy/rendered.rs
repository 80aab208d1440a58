//! The manifests, and overlays over them, as kustomize renders them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use egressd::cli::Cli;
use lab::cluster::{Overlay, environment};
use serde_json::json;

use crate::objects::{Objects, deploy, items, texts};
use crate::overlay::{render, render_overlay};
use crate::written::{IMAGE, kustomizations, name};

/// A namespace of another application.
const THEIRS: &str = "networking";

/// What an object of a kind of ours is; it is in no namespace.
const CRD: &str = "CustomResourceDefinition";

/// The component that makes a Namespace, for overlays without `namespace:`.
const NAMESPACE: &str = "namespace";

/// Components of which an overlay has at most one.
const ALTERNATIVES: [&str; 2] = ["publish-events", "publish-none"];

/// The names of all components.
fn components() -> Result<Vec<String>> {
    let entries = fs::read_dir(deploy().join("components"))?.map(|entry| entry.map(|entry| entry.file_name()));
    let names = entries.collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
}

/// All components that change something of egressd's own.
fn others() -> Result<Vec<String>> {
    Ok(components()?.into_iter().filter(|name| name != NAMESPACE).collect())
}

pub(crate) fn every_kustomization_renders() -> Result<()> {
    for directory in kustomizations()? {
        let kind = &Objects::read(&name(&directory.join("kustomization.yaml")))?.0[0]["kind"];
        if kind == "Kustomization" {
            render(&directory)?.only("DaemonSet")?;
        }
    }
    for component in components()? {
        render_overlay(&Overlay::default().components(&[&component]))?.only("DaemonSet")?;
    }
    Ok(())
}

pub(crate) fn the_whole_is_the_base_with_its_namespace_the_admission_policies_and_the_networks() -> Result<()> {
    let whole = render(&deploy())?;
    ensure!(whole.names_of("Namespace") == ["egressd"], "{:?}", whole.names_of("Namespace"));
    let parts = render_overlay(&Overlay::default().components(&["namespace", "admission", "networks"]))?;
    ensure!(whole == parts, "deploy/ is not what an overlay with the same components is");
    Ok(())
}

/// A Namespace in an overlay would be renamed to that of the overlay, and deleted with it.
pub(crate) fn every_object_follows_the_namespace_of_an_overlay() -> Result<()> {
    let others = others()?;
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let objects = render_overlay(&Overlay::default().components(&others).field("namespace", json!(THEIRS)))?;
    ensure!(objects.of_kind("Namespace").next().is_none(), "{:?}", objects.names_of("Namespace"));
    let mut subjects = 0;
    for object in &objects.0 {
        let cluster_wide = object["kind"].as_str().is_some_and(|kind| kind.starts_with("ClusterRole") || kind == CRD);
        let namespace = &object["metadata"]["namespace"];
        ensure!(cluster_wide || namespace == THEIRS, "{object}");
        for subject in items(&object["subjects"]) {
            ensure!(subject["namespace"] == THEIRS, "{object}");
            subjects += 1;
        }
    }
    ensure!(subjects == 5, "{subjects} subjects of role bindings");
    Ok(())
}

pub(crate) fn references_follow_the_prefix_of_an_overlay() -> Result<()> {
    let overlay = Overlay::default().components(&["metrics", "admission"]).field("namePrefix", json!("blue-"));
    let objects = render_overlay(&overlay)?;
    let account = &objects.pod()?["spec"]["serviceAccountName"];
    ensure!(account == "blue-egressd", "{account}");
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        let binding = objects.only(kind)?;
        ensure!(binding["roleRef"]["name"] == "blue-egressd", "{binding}");
        ensure!(binding["subjects"][0]["name"] == "blue-egressd", "{binding}");
    }
    for binding in objects.of_kind("ValidatingAdmissionPolicyBinding") {
        ensure!(binding["spec"]["policyName"] == binding["metadata"]["name"], "{binding}");
        ensure!(binding["spec"]["paramRef"]["name"] == "blue-egressd", "{binding}");
    }
    Ok(())
}

pub(crate) fn an_overlay_replaces_the_image_by_its_documented_name() -> Result<()> {
    let images = json!([{"name": IMAGE, "newName": "registry.example.com/egressd", "newTag": "1"}]);
    let objects = render_overlay(&Overlay::default().field("images", images))?;
    let image = &objects.container()?["image"];
    ensure!(image == "registry.example.com/egressd:1", "{image}");
    Ok(())
}

/// Probes, environment, volumes and capabilities are those of what runs.
pub(crate) fn the_component_remove_differs_in_arguments_and_rollout() -> Result<()> {
    let removing = render_overlay(&Overlay::default().components(&["remove"]))?;
    let mut expected = render(&deploy().join("base"))?;
    expected.container_mut()?["args"] = json!(["clean", "--all", "--stay"]);
    let set = expected.0.iter_mut().find(|object| object["kind"] == "DaemonSet").context("a DaemonSet")?;
    // For the container of another component.
    set["spec"]["template"]["metadata"]["annotations"]["egressd.io/remove"] = json!("true");
    set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] = json!("100%");
    ensure!(removing == expected, "{:#}\n{:#}", removing.only("DaemonSet")?, expected.only("DaemonSet")?);
    let arguments = texts(&removing.container()?["args"]);
    Cli::try_parse_from(std::iter::once("egressd".to_owned()).chain(arguments))?;
    Ok(())
}

/// Whatever an overlay has set, adding the component to it is enough, and so is its place in the list.
pub(crate) fn the_component_remove_works_with_every_other_component() -> Result<()> {
    for alternative in ALTERNATIVES {
        let mut names = others()?;
        names.retain(|name| !ALTERNATIVES.contains(&name.as_str()) || name == alternative);
        names.push(NAMESPACE.to_owned());
        expect_removal_in_any_order(names)?;
    }
    Ok(())
}

fn expect_removal_in_any_order(mut names: Vec<String>) -> Result<()> {
    let mut rendered = Vec::new();
    for _ in 0..names.len() {
        names.rotate_left(1);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let objects = render_overlay(&Overlay::default().components(&names))?;
        let arguments = texts(&objects.container()?["args"]);
        ensure!(arguments.first().is_some_and(|first| first == "clean"), "{names:?}: {arguments:?}");
        rendered.push(with_effective_environment(objects)?);
    }
    ensure!(rendered.windows(2).all(|pair| pair[0] == pair[1]), "the order of components matters");
    Ok(())
}

/// With the environment as the kubelet makes it: variables have an order only where one is a part of another.
fn with_effective_environment(mut objects: Objects) -> Result<Objects> {
    let made = environment(objects.container()?, |field| Some(field.to_owned()))?;
    let made: BTreeMap<String, String> = made.into_iter().collect();
    objects.container_mut()?["env"] = json!(made);
    Ok(objects)
}

pub(crate) fn selinux_changes_the_label_of_the_process_alone() -> Result<()> {
    let labelled = render_overlay(&Overlay::default().components(&["selinux"]))?;
    let mut expected = render(&deploy().join("base"))?;
    let security = &mut expected.container_mut()?["securityContext"];
    security["seLinuxOptions"] = json!({"type": "spc_t"});
    ensure!(labelled == expected, "{:#}", labelled.only("DaemonSet")?);
    Ok(())
}

/// The setting and the rights come together: neither is of use alone.
pub(crate) fn optional_watches_come_only_with_their_component() -> Result<()> {
    let base = render(&deploy().join("base"))?;
    let components = [
        ("pods", "EGRESSD_PODS", "watch"),
        ("networks", "EGRESSD_DETECT_NETWORKS", "all"),
        ("placement", "EGRESSD_ANNOUNCEMENTS", "watch"),
    ];
    for (component, name, value) in components {
        let watching = render_overlay(&Overlay::default().components(&[component]))?;
        let (setting, object) = (json!({"name": name, "value": value}), format!("egressd-{component}"));
        let set =
            |objects: &Objects| Ok::<_, anyhow::Error>(items(&objects.container()?["env"]).any(|one| *one == setting));
        ensure!(set(&watching)? && !set(&base)?, "{:#}", watching.container()?["env"]);
        for kind in ["ClusterRole", "ClusterRoleBinding"] {
            let has = |objects: &Objects| objects.names_of(kind).contains(&object.as_str());
            ensure!(has(&watching) && !has(&base), "{kind}");
        }
        ensure!(watching.0.len() == base.0.len() + 2, "it adds something else: {watching:?}");
    }
    Ok(())
}

/// The program and the admission policies have to agree about it, and kube-vip must not know it.
pub(crate) fn beside_kube_vip_every_object_has_another_prefix() -> Result<()> {
    let objects = render(&deploy().join("examples/beside-kube-vip"))?;
    // Components have others of their own.
    let mut bindings = objects.of_kind("ClusterRoleBinding");
    let binding = bindings.find(|binding| binding["metadata"]["name"] == "egressd").context("egressd is bound")?;
    let bound = &binding["metadata"]["annotations"]["egressd.io/annotation-prefix"];
    let environment = &objects.container()?["env"];
    let set = items(environment).find(|variable| variable["name"] == "EGRESSD_ANNOTATION_PREFIX");
    let set = &set.context("the prefix is set")?["value"];
    ensure!(set.is_string() && set != "kube-vip.io" && set == bound, "{set} and {bound}");
    let names: BTreeSet<_> =
        items(&objects.container()?["env"]).filter_map(|variable| variable["name"].as_str()).collect();
    ensure!(names.contains("instance_name"), "{names:?}");
    Ok(())
}
