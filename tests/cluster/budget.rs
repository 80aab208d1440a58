//! The memory of a node is bounded whatever one tenant writes.

use anyhow::{Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::cluster::{Cluster, NewObject, POLICIES, SERVICES, json_of, service};
use lab::manifest::policy;
use lab::{Memory, Protocol};
use serde_json::{Value, json};

use crate::fixture::{WEB, WEB_V4, annotate, program, with_web};
use crate::policies::component;

/// How many Services the tenant has, and how much the API server takes of all annotations of one.
const SERVICES_OF_TENANT: usize = 1000;
const ANNOTATIONS: usize = 255 << 10;
/// How much of that a policy reads, and every how many all of it.
const BYTES_READ: usize = 8 << 10;
const FULLY_READ_EVERY: usize = 10;
/// Kept whole they would be 250 MiB, beside the 190 MiB or less that a debug build has at rest; a page of a list is
/// read object by object. The API server has no limit here: it takes some 2 GiB for these objects.
const MEMORY_LIMIT: u64 = 256 << 20;

fn hostile(number: usize) -> NewObject {
    let read = if number.is_multiple_of(FULLY_READ_EVERY) { ANNOTATIONS } else { BYTES_READ };
    let bad = |bytes: usize| "x,".repeat(bytes / 2);
    let annotations = json!({
        "kube-vip.io/egress": "true",
        "kube-vip.io/egress-denied-networks": bad(read),
        "example.org/notes": bad(ANNOTATIONS - read),
    });
    let mut object: Value = service(&format!("hostile-{number}"), &[]);
    object["metadata"]["annotations"] = annotations;
    NewObject { collection: SERVICES, object, status: None }
}

pub(crate) fn a_thousand_services_with_256_kib_of_annotations_each_do_not_affect_others() -> Result<()> {
    let cluster = with_web(Cluster::builder().build()?)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    cluster.session()?.create(&(0..SERVICES_OF_TENANT).map(hostile).collect::<Vec<_>>())?;
    let memory = Memory::limited(MEMORY_LIMIT)?;
    let mut egressd = cluster.run(&program().within(&memory), cluster.lab.node())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    for (egress, seen) in [("false", pod.v4()), ("true", WEB_V4)] {
        annotate(&cluster, "web", "egress", Some(egress))?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, seen.into())?;
    }
    egressd.stop()
}

/// What nothing read is not there when a policy comes that does, and is read before that policy is asked: a Service
/// that opts out in an annotation of its own never gets the default of others.
pub(crate) fn a_policy_that_is_added_later_sees_annotations_that_were_not_read_before() -> Result<()> {
    let cluster = Cluster::builder().build()?;
    let [says_no, silent] = [1, 2].map(|number| cluster.lab.pod(number));
    let mut web = service("web", &[]);
    web["metadata"]["annotations"]["egress.example.com/egress"] = json!("false");
    cluster.create_service(&web, &WEB)?;
    cluster.create_pod("web-1", "web", says_no)?;
    cluster.create_service(&service("other", &[]), &WEB)?;
    cluster.create_pod("other-1", "other", silent)?;
    let mut egressd = cluster.run(&program(), cluster.lab.node())?;
    egressd.wait_until_log_has("running")?;
    let seen = cluster.lab.seen_during(says_no, OUTSIDE_V4, Protocol::Tcp, || {
        let settings = r#"{"prefix": "egress.example.com", "defaults": [{"egress": {}}]}"#;
        let defaults = policy("defaults").wasm(&component("egressd-policy-namespace-defaults")?).settings(settings);
        cluster.api.create(POLICIES, &json_of(&defaults))?;
        egressd.wait_until_seen(silent, OUTSIDE_V4, WEB_V4.into())
    })?;
    let only: Vec<String> = seen.keys().map(ToString::to_string).collect();
    ensure!(only == [says_no.v4().to_string()], "{seen:?}");
    egressd.stop()
}
