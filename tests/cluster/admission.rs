//! The changes that a node's token permits while `deploy/components/admission` is in force. RBAC allows the account
//! everything here, so that every refusal is one of the admission policies.

mod events;
mod nodes;
mod objects;
mod stolen_token;

use anyhow::{Context, Result, ensure};
use lab::cluster::{Api, Cluster, SERVICES, service};
use lab::wait_until;
use serde_json::{Value, json};

use crate::fixture::WEB;
use stolen_token::{BINDING, OWN, StolenToken, WEB_PATH, apply_active, expect_refused};

pub(crate) use events::only_egressds_own_events_about_its_own_objects_may_be_written;
pub(crate) use nodes::a_token_writes_the_egress_node_of_its_node_and_no_other;
pub(crate) use objects::{
    only_the_published_annotations_of_a_service_may_be_written, only_the_status_of_a_policys_config_map_may_be_written,
    publishing_works_on_the_largest_objects_as_well,
};

const PAGE: &str = include_str!("../../docs/security.md");

/// Tokens of servers before 1.30, and those in Secrets.
pub(crate) fn a_token_without_a_node_can_write_only_what_a_node_publishes() -> Result<()> {
    let StolenToken { cluster, .. } = StolenToken::build()?;
    let unbound = cluster.as_egressd()?;
    apply_active(&unbound, "egressd-node-2", "kube-vip.io/active-endpoint", "10.0.1.1")?;
    let spec = json!({"spec": {"externalIPs": ["192.0.2.1"]}});
    expect_refused("egressd-services", "its spec", unbound.patch_as(OWN, WEB_PATH, &spec))?;
    let annotation = json!({"metadata": {"annotations": {"kube-vip.io/active-endpoint": ""}}});
    for manager in ["", "kube-vip"] {
        expect_refused("egressd-services", "field manager", unbound.patch_as(manager, WEB_PATH, &annotation))?;
    }
    Ok(())
}

/// The account's namesakes in other namespaces are others.
pub(crate) fn accounts_without_the_cluster_role_are_not_matched() -> Result<()> {
    let StolenToken { cluster, stolen } = StolenToken::build()?;
    cluster.api.create("/api/v1/namespaces/default/serviceaccounts", &json!({"metadata": {"name": "egressd"}}))?;
    let subject = json!({"kind": "ServiceAccount", "name": "egressd", "namespace": "default"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
    let binding = json!({"metadata": {"name": "namesake"}, "roleRef": role, "subjects": [subject]});
    cluster.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)?;
    let namesake = cluster.as_namesake("default")?;
    let spec = json!({"spec": {"externalIPs": ["192.0.2.1"]}});
    wait_until("the namesake's rights count", lab::DEADLINE, || Ok(namesake.patch(WEB_PATH, &spec).is_ok()))?;
    cluster.api.patch(WEB_PATH, &json!({"spec": {"externalIPs": null}}))?;
    // No account is left that the policies match; and writes of others do not fail for it.
    cluster.api.delete(BINDING)?;
    namesake.patch(WEB_PATH, &spec)?;
    let refused = stolen.patch_as(OWN, WEB_PATH, &json!({"spec": {"externalIPs": null}}));
    ensure!(refused.is_err(), "egressd has rights without its ClusterRoleBinding");
    Ok(())
}

/// `EGRESSD_ANNOTATION_PREFIX` sets the prefix of the program, an annotation of the ClusterRoleBinding that of the
/// policies.
pub(crate) fn the_annotations_that_may_be_published_follow_the_prefix() -> Result<()> {
    let StolenToken { cluster, stolen } = StolenToken::build()?;
    let ours = "example.org/active-endpoint";
    let refused = apply_active(&stolen, OWN, ours, "10.0.0.1");
    expect_refused("egressd-services", "egressd.io/annotation-prefix", refused)?;
    cluster
        .api
        .patch(BINDING, &json!({"metadata": {"annotations": {"egressd.io/annotation-prefix": "example.org"}}}))?;
    wait_until("the prefix counts", lab::DEADLINE, || Ok(apply_active(&stolen, OWN, ours, "10.0.0.1").is_ok()))?;
    let default = apply_active(&stolen, OWN, "kube-vip.io/active-endpoint", "10.0.0.1");
    expect_refused("egressd-services", "example.org/active-endpoint", default)
}

/// The commands of docs/security.md; and the server's own type check of the expressions.
pub(crate) fn the_admission_policies_exist_and_their_expressions_type_check() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    let commands: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("kubectl ")).collect();
    let shown = |part: &str| {
        let line = commands.iter().find(|line| line.contains(part)).with_context(|| part.to_owned())?;
        cluster.kubectl(&line.split(' ').skip(1).collect::<Vec<_>>())
    };
    let bindings = shown("validatingadmissionpolicybindings")?;
    ensure!(bindings.lines().count() == 5, "four below the heading: {bindings}");
    // The server makes its own roles after it began to answer, among them the one that lets anyone ask what they may
    // do.
    let mut answer = Ok(String::new());
    wait_until("the account may ask what it may do", lab::DEADLINE, || {
        answer = shown("can-i patch services");
        Ok(answer.is_ok())
    })
    .with_context(|| format!("{answer:?}"))?;
    ensure!(answer?.trim() == "yes", "it may not patch Services");
    for name in ["services", "configmaps", "events", "egressnodes"] {
        let path = format!("{}/egressd-{name}", stolen_token::ADMISSION);
        let mut status = Value::Null;
        wait_until("the expressions were checked", lab::DEADLINE * 2, || {
            status = cluster.api.get(&path)?["status"].take();
            Ok(status["typeChecking"].is_object())
        })
        .with_context(|| format!("{name}: {status}"))?;
        ensure!(status["typeChecking"]["expressionWarnings"].is_null(), "{name}: {status:#}");
    }
    Ok(())
}

/// An overlay's namespace and prefix are those of the policies, too.
pub(crate) fn an_overlay_in_another_namespace_is_bound_as_well() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    cluster.api.create("/api/v1/namespaces", &json!({"metadata": {"name": "networking"}}))?;
    let overlay = lab::cluster::Overlay::default().components(&["admission"]).field("namespace", json!("networking"));
    cluster.apply(&overlay)?;
    cluster.create_service(&service("web", &[]), &WEB)?;
    let moved: Api = cluster.as_namesake("networking")?;
    let label = json!({"metadata": {"labels": {"tried": "yes"}}});
    wait_until("the account of the other namespace is bound", lab::DEADLINE, || {
        let refused = moved.patch_as("egressd-node-1", &format!("{SERVICES}/web"), &label);
        Ok(refused.is_err_and(|error| format!("{error:#}").contains("ValidatingAdmissionPolicy 'egressd-services'")))
    })
}
