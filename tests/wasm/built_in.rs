//! The embedded policy.

use std::sync::{Arc, LazyLock};

use egressd_core::testkit::RuleParts;

use egressd::metrics::Metrics;
use egressd::policies::{Library, Objects, Sandbox};
use egressd::wasm::{self, Loaded};
use egressd_core::chain::{Chain, ChainDecision, Policy};
use egressd_core::decision::{Decision, Draft, OnChange, OnUnavailable, Rule};
use egressd_core::model::{AnnotationPrefix, Endpoint, ObjectReference, PolicyObject};
use egressd_core::net::{PortRange, Protocol};
use wit_component::DecodedWasm;

use crate::services::{self, CHILD, ENGINE, context, ip, view};

static POLICY: LazyLock<Arc<dyn Policy>> = LazyLock::new(|| load("{}"));

pub(crate) fn policy() -> &'static dyn Policy {
    &**POLICY
}

fn load(settings: &str) -> Arc<dyn Policy> {
    services::policy(&ENGINE, wasm::built_in(), "annotations", settings)
}

#[test]
fn it_imports_a_log_and_nothing_else() {
    crate::guest::check_imports(wasm::built_in()).unwrap();
    let DecodedWasm::Component(resolve, world) = wit_component::decode(wasm::built_in()).unwrap() else {
        panic!("not a component");
    };
    let world = &resolve.worlds[world];
    let imports: Vec<String> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert_eq!(imports, ["egressd:policy/host@0.2.0", "egressd:policy/types@0.2.0"]);
    let exports: Vec<String> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert_eq!(exports, ["egressd:policy/evaluator@0.2.0"]);
}

#[test]
fn it_describes_itself() {
    let Loaded { description, .. } = wasm::load(&ENGINE, &CHILD, wasm::built_in(), "annotations", "{}").unwrap();
    assert_eq!(description.name, "annotations");
    assert_eq!(
        description.annotation_prefixes,
        ["kube-vip.io/egress", "kube-vip.io/flush-conntrack", "kube-vip.io/ignore"]
    );
    assert!(description.label_prefixes.is_empty());
    assert!(serde_json::from_str::<serde_json::Value>(&description.settings_schema).is_ok());
}

#[test]
fn egress_becomes_a_rule() {
    let service = view(
        "web",
        &[
            ("kube-vip.io/egress", "true"),
            ("kube-vip.io/egress-destination-ports", "tcp:8000-8999"),
            ("kube-vip.io/egress-allowed-networks", "198.51.100.0/24"),
            ("kube-vip.io/egress-denied-networks", "198.51.100.7"),
            ("kube-vip.io/flush-conntrack", "true"),
        ],
    );
    let outcome = policy().evaluate(&context(), &service, &Draft::default()).unwrap();
    let rule = RuleParts {
        sources: vec![ip("10.244.1.7")],
        include: vec!["198.51.100.0/24".parse().unwrap()],
        exclude: vec!["198.51.100.7/32".parse().unwrap()],
        destination_ports: vec![PortRange::new(Protocol::Tcp, 8000, 8999).unwrap()],
        ..Rule::new("ipv4", ip("192.0.2.10")).into()
    }
    .rule();
    let mut draft = Draft::of(vec![rule]);
    draft.on_change = Some(OnChange::Sever);
    assert_eq!(outcome.decision, Decision::Plan(draft));
    assert_eq!(outcome.diagnostics, []);
}

#[test]
fn a_draft_is_passed_in_and_returned() {
    let rule = RuleParts {
        sources: vec![ip("fd00:244:1::7")],
        include: vec!["2001:db8::/32".parse().unwrap()],
        exclude: vec!["2001:db8::1/128".parse().unwrap()],
        source_ports: vec![PortRange::new(Protocol::Sctp, 1, 65535).unwrap()],
        destination_ports: vec![PortRange::new(Protocol::Udp, 53, 53).unwrap()],
        ..Rule::new("earlier", ip("2001:db8::10")).into()
    }
    .rule();
    let mut draft = Draft::of(vec![rule]);
    draft.on_unavailable = Some(OnUnavailable::Drop);
    let outcome = policy().evaluate(&context(), &view("web", &[("kube-vip.io/egress", "true")]), &draft).unwrap();
    let Decision::Plan(answer) = outcome.decision else { panic!("{:?}", outcome.decision) };
    assert_eq!(answer.on_unavailable, Some(OnUnavailable::Drop));
}

#[test]
fn the_prefix_is_a_setting_that_decides_what_is_sent() {
    let other = load(r#"{"prefix": "egress.example.com"}"#);
    let ask = |name: &str| other.evaluate(&context(), &view("web", &[(name, "true")]), &Draft::default()).unwrap();
    assert_eq!(ask("kube-vip.io/egress").decision, Decision::Pass);
    assert!(matches!(ask("egress.example.com/egress").decision, Decision::Plan(_)));
}

#[test]
fn the_host_passes_the_prefix_to_it() {
    let prefix = AnnotationPrefix::new("example.org").unwrap();
    let mut library = Library::new(Sandbox::new().unwrap(), prefix, Metrics::default(), Objects::new());
    let chain = library.update([]).chain.unwrap();
    let mixed = view("web", &[("kube-vip.io/egress", "junk"), ("example.org/egress-denied-networks", "junk")]);
    assert_eq!(chain.evaluate(&context(), &mixed).decision, ChainDecision::Draft(Draft::default().into()));
    let ours = view("web", &[("example.org/egress", "true"), ("kube-vip.io/egress-denied-networks", "0.0.0.0/0")]);
    let ChainDecision::Draft(draft) = chain.evaluate(&context(), &ours).decision else { panic!("no draft") };
    assert_eq!(draft.rules().len(), 1);
    assert!(draft.rules()[0].exclude().is_empty());
}

/// The prefix has one setting. A prefix by the other one that was in force continues, and is reported.
#[test]
fn another_prefix_in_its_settings_is_refused_unless_it_was_in_force() {
    let object = |prefix: &str| {
        let settings = Some(format!(r#"{{"prefix": "{prefix}"}}"#));
        Arc::new(PolicyObject { name: "annotations".to_owned(), settings, ..PolicyObject::default() })
    };
    let library = |remembered| {
        let prefix = AnnotationPrefix::new("example.org").unwrap();
        Library::new(Sandbox::new().unwrap(), prefix, Metrics::default(), remembered)
    };
    let rules = |chain: &Chain, name: &str| {
        let ChainDecision::Draft(draft) = chain.evaluate(&context(), &view("web", &[(name, "true")])).decision else {
            panic!("no draft")
        };
        draft.rules().len()
    };
    let refused = "setting \"prefix\" is example.net, and --annotation-prefix (EGRESSD_ANNOTATION_PREFIX) is \
                   example.org, which takes precedence; set that option as intended, and remove the setting \
                   (docs/upgrade.md); ";

    let fresh = library(Objects::new()).update([object("example.net")]);
    assert_eq!(fresh.reports[0].trouble, Some(format!("{refused}none of it is in force")));

    let chain = library(Objects::new()).update([object("example.org")]).chain.unwrap();
    assert_eq!((rules(&chain, "example.org/egress"), rules(&chain, "kube-vip.io/egress")), (1, 0));

    let mut later = library([("annotations".to_owned(), object("example.net"))].into());
    let loaded = later.update([object("example.net")]);
    assert_eq!(loaded.reports[0].trouble, Some(format!("{refused}the last good one stays in force")));
    let chain = loaded.chain.unwrap();
    assert_eq!((rules(&chain, "example.net/egress"), rules(&chain, "example.org/egress")), (1, 0));
    let chain = later.update([]).chain.unwrap();
    assert_eq!((rules(&chain, "example.net/egress"), rules(&chain, "example.org/egress")), (0, 1));
}

#[test]
fn a_service_with_thousands_of_endpoints_is_within_the_limits() {
    let mut service = view("web", &[("kube-vip.io/egress", "true")]);
    let endpoint = service.subject.endpoints[0].clone();
    let pod = |n: u16| ObjectReference::new("shop", format!("web-6d4cf56db6-{n:05}"));
    let numbered =
        |n: u16| Endpoint { address: [10, 244, (n >> 8) as u8, n as u8].into(), pod: Some(pod(n)), ..endpoint.clone() };
    service.subject.endpoints = (0..10_000).map(numbered).collect();
    let outcome = policy().evaluate(&context(), &service, &Draft::default()).unwrap();
    let Decision::Plan(draft) = outcome.decision else { panic!("{:?}", outcome.decision) };
    assert_eq!(draft.rules()[0].sources().len(), 10_000);
}
