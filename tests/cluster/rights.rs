//! egressd's rights at the API server: each right of [`RIGHTS`] is needed, and none is missing. `tests/deploy`
//! compares them with `deploy/base/rbac.yaml`, which every trial's cluster grants.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use egressd::rights::{CREATE_EGRESS_NODES, MANIFEST, PATCH_EVENTS, RIGHTS, Right, RightScope};
use lab::cluster::{Cluster, Decision, EGRESS_NODES, POLICIES, Request, SERVICES, USER, json_of, service};
use lab::manifest::policy;
use lab::{Egressd, wait_until};
use serde_json::{Value, json};

use crate::fixture::{EGRESS, WEB, annotate, run};
use crate::reporting::{Regarding, wait_for_event};

const ROLES: [(RightScope, &str); 2] = [
    (RightScope::Cluster, "/apis/rbac.authorization.k8s.io/v1/clusterroles/egressd"),
    (RightScope::OwnNamespace, "/apis/rbac.authorization.k8s.io/v1/namespaces/egressd/roles/egressd"),
];
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// The same changes in a cluster with streamed lists, for which `watch` is enough, and in one without.
pub(crate) fn each_right_is_used_and_no_other_is_asked_for() -> Result<()> {
    let mut used = BTreeSet::new();
    for builder in [Cluster::builder(), Cluster::builder().without_streaming_lists()] {
        let cluster = builder.build()?;
        RIGHTS.iter().try_for_each(|right| wait_until_reviewed(&cluster, right, Access::Allowed))?;
        use_all_rights(&cluster)?;
        used.extend(cluster.audit()?);
    }
    // An apply that makes an object needs both rights, and is logged as `patch` alone.
    let expected: BTreeSet<Request> =
        RIGHTS.iter().filter(|right| **right != CREATE_EGRESS_NODES).map(allowed).collect();
    let [missing, more] = [&expected - &used, &used - &expected];
    ensure!(more.is_empty(), "it asked for more than host/src/rights.rs says: {more:?}");
    ensure!(missing.is_empty(), "it never needed what host/src/rights.rs says: {missing:?}");
    Ok(())
}

/// Each is taken away alone, and egressd begins without it. Lists are needed where they are not streamed.
pub(crate) fn a_right_that_is_missing_is_named() -> Result<()> {
    let cluster = Cluster::builder().without_streaming_lists().build()?;
    cluster.create_pod("web-1", "web", cluster.lab.pod(1))?;
    for right in &RIGHTS {
        grant_all_but(&cluster, right)?;
        recreate_objects(&cluster)?;
        let egressd = run(&cluster)?.remove(0);
        if *right == PATCH_EVENTS {
            say_it_again(&cluster)?;
        }
        let mut named = expect_named(&egressd, right);
        if *right == PATCH_EVENTS {
            named = named.and_then(|()| expect_news(&cluster));
        }
        egressd.stop().and(named)?;
    }
    Ok(())
}

fn expect_named(egressd: &Egressd<'_>, right: &Right) -> Result<()> {
    let parts = sentence(right);
    let is_reported = |line: &str| parts.iter().all(|part| line.contains(part));
    let mut log = String::new();
    let waited = wait_until(&format!("it says that it may not {right}"), lab::DEADLINE, || {
        log = egressd.log();
        Ok(log.lines().any(is_reported))
    });
    waited.context(log)
}

/// The parts of one line of the log.
fn sentence(right: &Right) -> Vec<String> {
    let mut parts = vec![format!("cannot {} {}", right.verb, right.resource), USER.to_owned(), MANIFEST.to_owned()];
    parts.push(format!("{} egressd", right.scope.role()));
    if matches!(right.verb, "list" | "watch") {
        parts.push("api-server-forbids".to_owned());
    }
    parts
}

/// A Service and a policy about which nothing was reported yet.
fn recreate_objects(cluster: &Cluster) -> Result<()> {
    let own = format!("{EGRESS_NODES}/{}", cluster.lab.node().name());
    for path in [format!("{SERVICES}/web"), format!("{POLICIES}/bad"), own] {
        // There are none at first.
        cluster.api.delete(&path).ok();
    }
    cluster.create_service(&service("web", &EGRESS), &WEB)?;
    // Both families are reported at once.
    let pod = cluster.lab.pod(1);
    cluster.wait_for_endpoints("web", &[pod.v4(), pod.v6()])?;
    // The status of one that cannot be loaded is as good as any, and soon known.
    cluster.api.create(POLICIES, &json_of(&policy("bad").wasm(b"bad"))).map(drop)
}

/// Makes egressd send every kind of request to the server.
fn use_all_rights(cluster: &Cluster) -> Result<()> {
    cluster.create_pod("web-1", "web", cluster.lab.pod(1))?;
    recreate_objects(cluster)?;
    let egressd = run(cluster)?;
    say_it_again(cluster)?;
    for right in RIGHTS.iter().filter(|right| right.verb == "patch") {
        let used = || Ok(cluster.audit()?.contains(&allowed(right)));
        wait_until(&format!("it has used the right to {right}"), lab::DEADLINE, used)
            .with_context(|| egressd[0].circumstances())?;
    }
    egressd.into_iter().try_for_each(Egressd::stop)
}

/// A valid state, an invalid one, and the valid one again, whose Event exists already.
fn say_it_again(cluster: &Cluster) -> Result<()> {
    wait_for_event(cluster, Regarding::Service("web"), "Applied", "translates")?;
    annotate(cluster, "web", "egress-destination-ports", Some("tcp:http"))?;
    wait_for_event(cluster, Regarding::Service("web"), "Invalid", "tcp:http")?;
    annotate(cluster, "web", "egress-destination-ports", None)
}

/// An Event that is new needs the other right.
fn expect_news(cluster: &Cluster) -> Result<()> {
    annotate(cluster, "web", "egress-destination-ports", Some("tcp:https"))?;
    wait_for_event(cluster, Regarding::Service("web"), "Invalid", "tcp:https")
}

fn grant_all_but(cluster: &Cluster, missing: &Right) -> Result<()> {
    grant(cluster, |right| right != missing)
}

/// The roles as RIGHTS has them, as far as they are wanted; ends when the server has taken notice.
pub(crate) fn grant(cluster: &Cluster, wanted: impl Fn(&Right) -> bool) -> Result<()> {
    for (place, path) in ROLES {
        let granted = RIGHTS.iter().filter(|right| right.scope == place && wanted(right));
        let rules: Vec<Value> = granted
            .map(|right| json!({"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}))
            .collect();
        cluster.api.patch(path, &json!({"rules": rules}))?;
    }
    RIGHTS.iter().try_for_each(|right| {
        let review = if wanted(right) { Access::Allowed } else { Access::Refused };
        wait_until_reviewed(cluster, right, review)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Allowed,
    Refused,
}

pub(crate) fn wait_until_reviewed(cluster: &Cluster, right: &Right, expected: Access) -> Result<()> {
    let namespace = match right.scope {
        RightScope::Cluster => "",
        RightScope::OwnNamespace => "egressd",
    };
    let attributes = json!({
        "namespace": namespace, "verb": right.verb, "group": right.group, "resource": right.resource,
    });
    let review = json!({"spec": {"user": USER, "resourceAttributes": attributes}});
    wait_until(&format!("the right to {right} is {expected:?}"), lab::DEADLINE, || {
        let allowed = cluster.api.create(REVIEWS, &review)?["status"]["allowed"] == true;
        Ok(allowed == (expected == Access::Allowed))
    })
}

pub(crate) fn allowed(right: &Right) -> Request {
    let decision = match right.scope {
        RightScope::Cluster => Decision::ClusterRole,
        RightScope::OwnNamespace => Decision::Role,
    };
    let [verb, group, resource] = [right.verb, right.group, right.resource].map(str::to_owned);
    Request { verb, group, resource, decision }
}
