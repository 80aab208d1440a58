//! Rights: the roles agree with the program, and the admission policies with the roles.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use egressd::cli;
use egressd::config;
use egressd::rights::{
    MANIFEST, NETWORK_CONFIG_MAPS, NETWORK_RIGHTS, NETWORKS_MANIFEST, PLACEMENT_MANIFEST, PLACEMENT_RIGHTS, POD_RIGHTS,
    PODS_MANIFEST, Publish, Right, RightScope,
};
use egressd::source::kind::Kind;
use lab::cluster::Overlay;
use serde_json::{Value, json};

use crate::objects::{Objects, deploy, items, root, texts};
use crate::overlay::{render, render_overlay};

/// Place, verb, group and resource, one tuple per combination.
type Granted = BTreeSet<[String; 4]>;

/// What roles grant.
fn granted(objects: &Objects) -> Result<Granted> {
    let mut granted = BTreeSet::new();
    for role in &objects.0 {
        for rule in items(&role["rules"]) {
            for verb in texts(&rule["verbs"]) {
                for group in texts(&rule["apiGroups"]) {
                    for resource in texts(&rule["resources"]) {
                        let place = role["kind"].as_str().context("a role has a kind")?.to_owned();
                        granted.insert([place, verb.clone(), group.clone(), resource]);
                    }
                }
            }
        }
    }
    Ok(granted)
}

fn needed(publish: Publish) -> Granted {
    publish.rights().map(fields).collect()
}

fn fields(right: &Right) -> [String; 4] {
    let place = match right.scope {
        RightScope::Cluster => "ClusterRole",
        RightScope::OwnNamespace => "Role",
    };
    [place, right.verb, right.group, right.resource].map(str::to_owned)
}

pub(crate) fn the_roles_grant_what_the_program_needs_and_nothing_else() -> Result<()> {
    expect_granted(MANIFEST, &needed(Publish::All))?;
    expect_granted(PODS_MANIFEST, &POD_RIGHTS.iter().map(fields).collect())?;
    expect_granted(PLACEMENT_MANIFEST, &PLACEMENT_RIGHTS.iter().map(fields).collect())?;
    expect_granted(NETWORKS_MANIFEST, &of_networks())
}

fn of_networks() -> Granted {
    NETWORK_RIGHTS.iter().map(fields).collect()
}

/// A right to read every ConfigMap would be one to read everybody's settings.
pub(crate) fn config_maps_of_others_may_be_read_by_their_names_alone() -> Result<()> {
    let role = Objects::parse(&fs::read_to_string(root().join(NETWORKS_MANIFEST))?)?.only("ClusterRole")?.clone();
    let names: BTreeSet<String> = items(&role["rules"])
        .filter(|rule| texts(&rule["resources"]).iter().any(|resource| resource == "configmaps"))
        .flat_map(|rule| texts(&rule["resourceNames"]))
        .collect();
    let asked = Kind::ALL.into_iter().filter_map(|kind| Some(kind.names().one?.name.to_owned())).collect();
    ensure!(names == NETWORK_CONFIG_MAPS.map(str::to_owned).into() && names == asked, "{names:?}");
    Ok(())
}

fn expect_granted(manifest: &str, needed: &Granted) -> Result<()> {
    let granted = granted(&Objects::parse(&fs::read_to_string(root().join(manifest))?)?)?;
    ensure!(granted == *needed, "{manifest} grants {granted:?}\nhost/src/rights.rs needs {needed:?}");
    Ok(())
}

/// The component sets the variable, and nothing else but the roles.
pub(crate) fn publishing_less_grants_only_the_rights_for_that() -> Result<()> {
    let base = render(&deploy().join("base"))?;
    for (typed, publish) in [(cli::Publish::Events, Publish::Events), (cli::Publish::None, Publish::Nothing)] {
        ensure!(config::publish(typed) == publish, "{typed:?} is not {publish}");
        let objects = render_overlay(&Overlay::default().components(&[&format!("publish-{publish}")]))?;
        let (granted, needed) = (granted(&objects)?, needed(publish));
        ensure!(granted == needed, "publish-{publish} grants {granted:?}\nhost/src/rights.rs needs {needed:?}");
        let set = json!({"name": "EGRESSD_PUBLISH", "value": publish.to_string()});
        ensure!(
            items(&objects.container()?["env"]).any(|variable| *variable == set),
            "{}",
            objects.container()?["env"]
        );
        let others = |objects: &Objects| {
            let changed = ["ClusterRole", "Role", "DaemonSet"];
            objects.0.iter().filter(|object| changed.iter().all(|kind| object["kind"] != **kind)).cloned().collect()
        };
        let [with, without]: [Vec<Value>; 2] = [&objects, &base].map(others);
        ensure!(with == without, "publish-{publish} changes {with:#?}");
    }
    Ok(())
}

/// Every right to write is restricted by an admission policy, and each policy reads its binding.
pub(crate) fn whatever_may_be_written_is_bound_by_an_admission_policy() -> Result<()> {
    let objects = render(&deploy())?;
    let rules = objects.of_kind("ValidatingAdmissionPolicy").flat_map(|policy| {
        ensure_fails_closed(policy);
        items(&policy["spec"]["matchConstraints"]["resourceRules"])
    });
    let bound: BTreeSet<_> =
        rules.flat_map(|rule| [texts(&rule["apiGroups"]), texts(&rule["resources"])].concat()).collect();
    for [_, verb, group, resource] in needed(Publish::All) {
        let reads = ["list", "watch"].contains(&verb.as_str());
        ensure!(reads || bound.contains(&group) && bound.contains(&resource), "{verb} {resource} is not bound");
    }
    let whose = objects.names_of("ClusterRoleBinding").into_iter().find(|name| *name == "egressd");
    ensure!(whose.is_some(), "{:?}", objects.names_of("ClusterRoleBinding"));
    for binding in objects.of_kind("ValidatingAdmissionPolicyBinding") {
        let spec = &binding["spec"];
        ensure!(spec["policyName"] == binding["metadata"]["name"], "{binding}");
        ensure!(spec["validationActions"] == json!(["Deny"]), "{binding}");
        ensure!(spec["paramRef"]["name"].as_str() == whose, "{binding}");
    }
    let count = |kind: &str| objects.of_kind(kind).count();
    ensure!(count("ValidatingAdmissionPolicy") == 4 && count("ValidatingAdmissionPolicyBinding") == 4, "four of each");
    Ok(())
}

fn ensure_fails_closed(policy: &Value) {
    assert_eq!(policy["spec"]["failurePolicy"], "Fail", "{policy}");
}

/// Kinds that a server before 1.30 does not know would fail the whole command.
pub(crate) fn the_overlay_for_older_servers_has_no_admission_policy() -> Result<()> {
    let older = render(&deploy().join("examples/before-1.30"))?;
    ensure!(older.0.iter().all(|object| object["apiVersion"] != "admissionregistration.k8s.io/v1"), "{older:?}");
    let needed = &needed(Publish::Events) | &of_networks();
    ensure!(granted(&older)? == needed, "{:?}", granted(&older)?);
    Ok(())
}
