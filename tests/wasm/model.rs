//! What the host makes of a Service before policies see it, and what they say to that: addresses that are none,
//! somebody else's, or of a family without endpoints; endpoints that are nodes.

use egressd_core::decision::{Decision, Outcome};
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, Service, SubjectView, view};
use egressd_core::testkit::{self, SnapshotBuilder};

use crate::agreement::word;

/// What the host finds, and what both policies say.
struct Said {
    view: SubjectView,
    word: Outcome,
}

impl Said {
    /// Address of each rule.
    fn translations(&self) -> Vec<String> {
        let Decision::Plan(draft) = &self.word.decision else { panic!("{:?}", self.word) };
        draft.rules().iter().map(|rule| format!("{:?} -> {}", rule.sources(), rule.address())).collect()
    }

    /// Codes of what the host found, then of what the policies say.
    fn codes(&self) -> Vec<&str> {
        let found = self.view.findings.iter().map(|finding| finding.code.as_str());
        found.chain(self.word.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str())).collect()
    }
}

fn service(addresses: &[&str], annotations: &[(&str, &str)]) -> Service {
    let mut service = testkit::service("web", addresses);
    service.annotations.insert("kube-vip.io/egress".to_owned(), "true".to_owned());
    service.annotations.extend(annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    service
}

fn ask_trusting(trust: AddressTrust, service: Service, endpoints: &[&str]) -> Said {
    let key = service.key.clone();
    let snapshot = SnapshotBuilder::default().service(service, endpoints).node("node-a", &["192.168.0.200"]).build();
    let view = view(&snapshot, &ClusterFacts::detected(&snapshot), &key, trust, &AnnotationPrefix::default()).unwrap();
    let word = word(&view);
    Said { view, word }
}

fn ask(service: Service, endpoints: &[&str]) -> Said {
    ask_trusting(AddressTrust::Status, service, endpoints)
}

const POD: &[&str] = &["10.0.0.1"];

#[test]
fn a_load_balancer_without_an_address_is_told() {
    let said = ask(service(&[], &[]), POD);
    assert!(said.translations().is_empty());
    assert_eq!(said.codes(), ["no-address"]);
}

#[test]
fn a_hostname_is_no_address() {
    let mut named = service(&[], &[]);
    named.status_hostnames.push("lb.example.org".to_owned());
    let said = ask(named.clone(), POD);
    assert!(said.translations().is_empty());
    assert_eq!(said.codes(), ["hostname-only", "no-address"]);
    assert!(said.view.findings[0].message.contains("\"lb.example.org\""));
    // Beside an address it does no harm.
    named.status_addresses.push(testkit::a("192.0.2.10"));
    assert_eq!(ask(named, POD).codes(), Vec::<&str>::new());
}

#[test]
fn a_hostname_in_the_annotation_is_passed_over_and_told_with_its_place() {
    let mixed = [("kube-vip.io/loadbalancerIPs", "lb.example.org, 192.0.2.11")];
    let said = ask(service(&["192.0.2.10", "192.0.2.11"], &mixed), POD);
    assert_eq!(said.translations(), ["[10.0.0.1] -> 192.0.2.11"]);
    assert_eq!(said.codes(), ["address-not-an-ip"]);
    let span = said.view.findings[0].span.as_ref().unwrap();
    assert_eq!((span.offset, span.length), (0, "lb.example.org".len()));
}

#[test]
fn an_address_of_a_family_without_endpoints_is_told() {
    let said = ask(service(&["192.0.2.10"], &[]), &["fd00:10:244::1"]);
    assert!(said.translations().is_empty());
    assert_eq!(said.codes(), ["no-local-endpoint"]);
    let both = service(&["192.0.2.10", "2001:db8::10"], &[("kube-vip.io/egress-ipv6", "true")]);
    let said = ask(both, POD);
    assert_eq!(said.translations(), ["[10.0.0.1] -> 192.0.2.10"]);
    assert_eq!(said.codes(), ["no-local-endpoint"]);
}

#[test]
fn an_endpoint_of_a_family_without_an_address_is_told() {
    let said = ask(service(&["2001:db8::10"], &[]), POD);
    assert!(said.translations().is_empty());
    assert_eq!(said.codes(), ["no-address"]);
}

/// P1.
#[test]
fn an_address_borrowed_through_the_annotation_is_not_used() {
    let borrowed = [("kube-vip.io/loadbalancerIPs", "192.0.2.99")];
    let said = ask(service(&["192.0.2.10"], &borrowed), POD);
    assert!(said.translations().is_empty());
    assert_eq!(said.codes(), ["address-not-owned", "no-address"]);
    let beside = [("kube-vip.io/loadbalancerIPs", "192.0.2.99,192.0.2.10")];
    let said = ask(service(&["192.0.2.10"], &beside), POD);
    assert_eq!(said.translations(), ["[10.0.0.1] -> 192.0.2.10"]);
    assert_eq!(said.codes(), ["address-not-owned"]);
    // Who writes manifests is trusted with the address too.
    let said = ask_trusting(AddressTrust::Annotation, service(&["192.0.2.10"], &borrowed), POD);
    assert_eq!(said.translations(), ["[10.0.0.1] -> 192.0.2.99"]);
}

/// P1.
#[test]
fn an_endpoint_on_the_host_network_is_never_a_source() {
    let said = ask(service(&["192.0.2.10"], &[]), &["10.0.0.1", "192.168.0.200"]);
    assert_eq!(said.translations(), ["[10.0.0.1] -> 192.0.2.10"]);
    assert_eq!(said.codes(), ["host-network-endpoint"]);
    let said = ask(service(&["192.0.2.10"], &[]), &["192.168.0.200"]);
    assert!(said.translations().is_empty());
    assert_eq!(said.codes(), ["host-network-endpoint", "no-local-endpoint"]);
}

/// The host reads its annotation with the same prefix as the policy, and kube-vip's where the Service has none behind it.
#[test]
fn the_hosts_annotation_follows_the_prefix() {
    let annotations = [("kube-vip.io/loadbalancerIPs", "192.0.2.11"), ("example.org/loadbalancerIPs", "192.0.2.12")];
    let service = service(&["192.0.2.10", "192.0.2.11", "192.0.2.12"], &annotations);
    let key = service.key.clone();
    let snapshot = SnapshotBuilder::default().service(service, POD).build();
    let addresses = |prefix: &str| {
        let prefix = AnnotationPrefix::new(prefix).unwrap();
        view(&snapshot, &ClusterFacts::detected(&snapshot), &key, AddressTrust::Status, &prefix)
            .unwrap()
            .subject
            .addresses
    };
    assert_eq!(addresses("kube-vip.io"), [testkit::a("192.0.2.11")]);
    assert_eq!(addresses("example.org"), [testkit::a("192.0.2.12")]);
    assert_eq!(addresses("example.com"), [testkit::a("192.0.2.11")]);
}
