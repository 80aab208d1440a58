//! Manifests of a whole cluster that lead to messages: Nodes, pods, Services that meet, and what an earlier egressd
//! left.

use std::sync::Arc;

use egressd_core::decision::Draft;
use egressd_core::model::{Labels, Origin, PrivateDestinations, Uid};
use egressd_core::pipeline::RestoredState;
use egressd_core::plan::SharedAddresses;
use egressd_core::testkit::{a, n, rule};

use super::scenarios::node;
use crate::scenario::{Scenario, web};

const EGRESS: &str = "kube-vip.io/egress: \"true\"";

/// All of them.
pub(super) fn scenarios() -> Vec<Scenario> {
    [nodes(), networks(), published(), pods(), meeting(), remembered(), doubled()].into_iter().flatten().collect()
}

/// What Nodes claim and does not count.
fn nodes() -> Vec<Scenario> {
    let addresses: Vec<String> = (1..=20).map(|number| format!("192.0.2.{number}")).collect();
    let networks = |networks: &str| node("node-b", "192.0.2.1").replace("10.245.0.0/16", networks);
    let beside = |other: String| Scenario::with(format!("{}---\n{other}", web(&[EGRESS])));
    vec![
        beside(node("node-b", &addresses.join(", "))),
        beside(format!("{}---\n{}", node("node-b", "192.0.2.1"), node("node-c", "192.0.2.1"))),
        beside(networks("10.0.0.0/7")),
        beside(networks("10.244.3.0/24")),
        beside(networks("10.245.0.0/24, 10.245.1.0/24, 10.245.2.0/24")),
        beside(networks("10.0.0.0/99")),
        beside("apiVersion: v1\nkind: Node\nmetadata: {name: node-b}\n".to_owned()),
    ]
}

/// What is known of networks, and what of that an earlier release translated.
fn networks() -> Vec<Scenario> {
    let manifests = |scenario: Scenario| scenario.set(|settings| settings.cluster.origin = Origin::Manifests);
    let ipv6 = web(&[EGRESS, "kube-vip.io/egress-ipv6: \"true\""]).replace("192.0.2.10", "2001:db8::10");
    let slice = slice("web", "IPv6", "{addresses: [\"fd00:10:244::7\"], nodeName: node-a}");
    let outside = slice_of("{addresses: [172.20.0.9], nodeName: node-a}");
    let before = |scenario: Scenario| scenario.after(|known| known.private = PrivateDestinations::AsBefore);
    vec![
        manifests(Scenario::of(web(&[EGRESS]))),
        Scenario::of(format!("{}---\n{ipv6}---\n{slice}", node("node-a", "192.0.2.1"))),
        before(Scenario::with(format!("{}---\n{outside}", web(&[EGRESS])))),
        before(Scenario::of(format!(
            "{}---\n{}",
            web(&[EGRESS]),
            slice_of("{addresses: [10.244.0.7], nodeName: node-a}")
        ))),
        Scenario::with(format!(
            "{}---\n{}",
            selecting(&web(&[EGRESS])),
            of_the_controller(&slice_of(&pods_outside(300)))
        )),
        Scenario::with(format!(
            "{}---\n{}",
            selecting(&web(&[EGRESS])),
            of_the_controller(&slice_of(&pods_outside(1).replace("172.20.0.1", "198.51.100.7")))
        )),
        Scenario::of(web(&[EGRESS])).after(|known| known.own_pods = vec![n("10.244.0.0/24")]),
    ]
}

fn pods_outside(count: usize) -> String {
    let one = |number: usize| {
        let address = format!("172.20.{}.{}", number / 250, 1 + number % 250);
        format!(
            "{{addresses: [{address}], nodeName: node-a, targetRef: {{kind: Pod, namespace: default, name: web-{number}}}}}"
        )
    };
    (0..count).map(one).collect::<Vec<_>>().join(", ")
}

/// The Service with a selector, as most have.
fn selecting(service: &str) -> String {
    service.replace("spec: {", "spec: {selector: {app: web}, ")
}

/// The EndpointSlice as the controller of Kubernetes makes it.
fn of_the_controller(slice: &str) -> String {
    let label = "endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io, ";
    slice.replace("labels: {", &format!("labels: {{{label}"))
}

/// What other nodes publish.
fn published() -> Vec<Scenario> {
    let node = |addresses: &str| {
        let metadata = "metadata: {name: node-b}\nspec: {version: 0.1.0, addresses: [";
        format!("apiVersion: egressd.io/v1alpha1\nkind: EgressNode\n{metadata}{addresses}], held: []}}\n")
    };
    vec![Scenario::with(node("192.0.2.7")), Scenario::of(node("127.0.0.1"))]
}

/// Pods that are not what an EndpointSlice says.
fn pods() -> Vec<Scenario> {
    let pod = |namespace: &str, name: &str, spec: &str, address: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, uid: {namespace}-{name}}}\n\
             spec: {{nodeName: node-a{spec}}}\nstatus: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}\n"
        )
    };
    let beside = |pods: &[String]| Scenario::with(format!("{}---\n{}", web(&[EGRESS]), pods.join("---\n")));
    vec![
        beside(&[pod("shop", "web", "", "10.244.0.7")]),
        beside(&[pod("default", "web", "", "10.244.0.7"), pod("shop", "web", "", "10.244.0.7")]),
        beside(&[pod("default", "other", "", "10.244.0.8")]),
        beside(&[pod("default", "web", ", hostNetwork: true", "10.244.0.7")]),
    ]
}

/// Services that share pods or addresses, and kube-vip beside egressd.
fn meeting() -> Vec<Scenario> {
    let second = |namespace: &str| {
        let service = web(&[EGRESS]).replace("  name: web\n", &format!("  name: api\n  namespace: {namespace}\n"));
        let slice = slice("api", "IPv4", "{addresses: [10.244.0.7], nodeName: node-a}");
        format!(
            "{service}---\n{}",
            slice.replace("{name: of-api,", &format!("{{name: of-api, namespace: {namespace},"))
        )
    };
    let first = web(&[EGRESS]).replace("  name: web\n", "  name: web\n  creationTimestamp: \"2026-01-01T00:00:00Z\"\n");
    let both = |namespace: &str| Scenario::with(format!("{first}---\n{}", second(namespace)));
    let wrote = web(&[EGRESS, "kube-vip.io/active-endpoint: 10.244.0.7"]).replace(
        "  name: web\n",
        "  name: web\n  managedFields:\n  - {manager: kube-vip, operation: Update, time: \"2026-03-01T10:00:00Z\", fieldsV1: \
         {\"f:metadata\": {\"f:annotations\": {\"f:kube-vip.io/active-endpoint\": {}}}}}\n",
    );
    vec![
        both("default"),
        both("shop"),
        both("shop").set(|settings| settings.shared = SharedAddresses::Oldest),
        Scenario::with(wrote),
    ]
}

/// What stays in force by what an earlier egressd left.
fn remembered() -> Vec<Scenario> {
    let uid = || Uid::new("0b5c2f6e").ok();
    let named = |service: String| service.replace("  name: web\n", "  name: web\n  uid: 0b5c2f6e\n");
    let invalid = || Scenario::with(named(web(&["kube-vip.io/egress: \"yes\""])));
    let good: Arc<Labels> = Arc::new([("kube-vip.io/egress".to_owned(), "true".to_owned())].into());
    let draft = Arc::new(Draft::of(vec![rule([a("10.244.0.7")], a("192.0.2.10"))]));
    let unreadable = named(web(&["kube-vip.io/egress: true"]));
    vec![
        invalid().after(|known| known.accepted.extend(uid().map(|uid| (uid, good)))),
        invalid().after(|known| known.memory = RestoredState::Partial),
        Scenario::with(unreadable).after(|known| known.drafts.extend(uid().map(|uid| (uid, draft)))),
    ]
}

/// One object in two documents, and two Services of one uid.
fn doubled() -> Vec<Scenario> {
    let named = |name: &str| web(&[EGRESS]).replace("  name: web\n", &format!("  name: {name}\n  uid: 0b5c2f6e\n"));
    vec![
        Scenario::with(format!("{}---\n{}", web(&[EGRESS]), web(&[EGRESS]))),
        Scenario::with(format!("{}---\n{}", named("web"), named("api"))),
    ]
}

fn slice_of(endpoints: &str) -> String {
    slice("web", "IPv4", endpoints)
}

fn slice(service: &str, family: &str, endpoints: &str) -> String {
    let metadata = format!("{{name: of-{service}, labels: {{kubernetes.io/service-name: {service}}}}}");
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {metadata}\naddressType: {family}\n\
         endpoints: [{endpoints}]\n"
    )
}
