//! The table of forms: the meaning of each value of an annotation. Every row is tested with both the component and the
//! native policy, which have to agree.

use egressd_core::decision::{Decision, Rule};
use egressd_core::model::SubjectView;
use egressd_core::net::Family;

use crate::agreement::common_outcome;
use crate::services::{changed, view};

const PORTS: &str = "egress-destination-ports";
const SOURCES: &str = "egress-source-ports";
const ALLOWED: &str = "egress-allowed-networks";
const DENIED: &str = "egress-denied-networks";

/// A value, and the items that are read from it.
const GOOD: [(&str, &str, &[&str]); 26] = [
    (PORTS, "tcp:443", &["tcp:443"]),
    (PORTS, "tcp:8080,udp:5060", &["tcp:8080", "udp:5060"]),
    (PORTS, " tcp:443", &["tcp:443"]),
    (PORTS, "tcp:443 ,\tudp:53\n", &["tcp:443", "udp:53"]),
    (PORTS, "tcp:80-90", &["tcp:80-90"]),
    (PORTS, "tcp:80-80", &["tcp:80"]),
    (PORTS, "tcp:1-65535", &["tcp:1-65535"]),
    (PORTS, "sctp:36412", &["sctp:36412"]),
    (PORTS, "tcp:443,tcp:443", &["tcp:443"]),
    (PORTS, "tcp:80-90,tcp:85", &["tcp:80-90", "tcp:85"]),
    (SOURCES, "udp:5060,tcp:1024-65535", &["udp:5060", "tcp:1024-65535"]),
    (SOURCES, "tcp:65535", &["tcp:65535"]),
    (ALLOWED, "192.0.2.0/24", &["192.0.2.0/24"]),
    (ALLOWED, "192.0.2.7", &["192.0.2.7/32"]),
    (ALLOWED, " 192.0.2.0/24 , 198.51.100.7 ", &["192.0.2.0/24", "198.51.100.7/32"]),
    (ALLOWED, "192.0.2.7,192.0.2.7/32", &["192.0.2.7/32"]),
    (ALLOWED, "10.0.0.0/8,10.1.0.0/16", &["10.0.0.0/8", "10.1.0.0/16"]),
    (ALLOWED, "0.0.0.0/0", &["0.0.0.0/0"]),
    (ALLOWED, "192.0.2.0/24,2001:db8::/32", &["192.0.2.0/24"]),
    (ALLOWED, "192.0.2.0/24,::/0", &["192.0.2.0/24"]),
    (DENIED, "192.0.2.0/24", &["192.0.2.0/24"]),
    (DENIED, "0.0.0.0/1", &["0.0.0.0/1"]),
    (DENIED, "2001:db8::/32", &[]),
    (DENIED, "2001:DB8::7,192.0.2.7", &["192.0.2.7/32"]),
    (DENIED, "10.1.0.0/16,10.0.0.0/8,10.1.0.0/16", &["10.1.0.0/16", "10.0.0.0/8"]),
    (DENIED, "192.0.2.0/31", &["192.0.2.0/31"]),
];

/// The code and the item of each thing that is wrong.
type ExpectedErrors = &'static [(&'static str, &'static str)];

/// A value and the code and item of each thing that is wrong with it.
const BAD: [(&str, &str, ExpectedErrors); 38] = [
    ("egress", "True", &[("not-a-boolean", "True")]),
    ("egress", " TRUE ", &[("not-a-boolean", "TRUE")]),
    ("egress-ipv6", "1", &[("not-a-boolean", "1")]),
    ("egress-no-internal-traffic", "True", &[("not-a-boolean", "True")]),
    ("egress-internal", "yes", &[("not-a-boolean", "yes")]),
    ("egress-detect-api-server", "on", &[("not-a-boolean", "on")]),
    ("flush-conntrack", "true,", &[("not-a-boolean", "true,")]),
    (PORTS, "tcp:80,", &[("empty-item", "")]),
    (PORTS, ",tcp:80", &[("empty-item", "")]),
    (PORTS, "tcp:80,,udp:53", &[("empty-item", "")]),
    (PORTS, "5060", &[("no-protocol", "5060")]),
    (PORTS, "tcp:80,5060", &[("no-protocol", "5060")]),
    (PORTS, "icmp:8", &[("unknown-protocol", "icmp:8")]),
    (PORTS, "TCP:80", &[("unknown-protocol", "TCP:80")]),
    (PORTS, "tcp :80", &[("unknown-protocol", "tcp :80")]),
    (PORTS, "tcp:0", &[("port-out-of-range", "tcp:0")]),
    (PORTS, "tcp:65536", &[("port-out-of-range", "tcp:65536")]),
    (PORTS, "tcp:80-65536", &[("port-out-of-range", "tcp:80-65536")]),
    (PORTS, "tcp:90-80", &[("backwards-range", "tcp:90-80")]),
    (PORTS, "tcp:80:90", &[("too-many-parts", "tcp:80:90")]),
    (PORTS, "tcp:", &[("not-a-port", "tcp:")]),
    (PORTS, "tcp: 80", &[("not-a-port", "tcp: 80")]),
    (PORTS, "tcp:+80", &[("not-a-port", "tcp:+80")]),
    (PORTS, "tcp:080", &[("not-a-port", "tcp:080")]),
    (PORTS, "tcp:80-", &[("not-a-port", "tcp:80-")]),
    (SOURCES, "5060,udp:0", &[("no-protocol", "5060"), ("port-out-of-range", "udp:0")]),
    (SOURCES, "TCP:1-2,", &[("unknown-protocol", "TCP:1-2"), ("empty-item", "")]),
    (ALLOWED, "192.0.2.0/24,", &[("empty-item", "")]),
    (ALLOWED, "internet", &[("not-a-network", "internet")]),
    (ALLOWED, "192.0.2.5/24", &[("host-bits", "192.0.2.5/24")]),
    (ALLOWED, "2001:db8::7/32", &[("host-bits", "2001:db8::7/32")]),
    (ALLOWED, "192.0.2.0/33", &[("bad-prefix-length", "192.0.2.0/33")]),
    (ALLOWED, "192.0.2.0/", &[("bad-prefix-length", "192.0.2.0/")]),
    (DENIED, "::ffff:192.0.2.1", &[("ipv4-mapped", "::ffff:192.0.2.1")]),
    (DENIED, "::ffff:192.0.2.0/120", &[("ipv4-mapped", "::ffff:192.0.2.0/120")]),
    (DENIED, "2001:db8::/129", &[("bad-prefix-length", "2001:db8::/129")]),
    (DENIED, "192.0.2.01", &[("not-a-network", "192.0.2.01")]),
    (DENIED, "192.0.2.0/24, 192.0.2", &[("not-a-network", "192.0.2")]),
];

/// A Service with egress, for IPv4 only, and one more annotation.
fn with(name: &str, value: &str) -> SubjectView {
    let name = format!("kube-vip.io/{name}");
    let egress = ("kube-vip.io/egress", "true");
    let annotations = if name == egress.0 { vec![(egress.0, value)] } else { vec![egress, (&name, value)] };
    changed(view("web", &annotations), |service| service.families = vec![Family::Ipv4])
}

fn only_rule(view: &SubjectView) -> Rule {
    let outcome = common_outcome(view);
    assert!(outcome.diagnostics.is_empty(), "{outcome:?}");
    let Decision::Plan(draft) = outcome.decision else { panic!("{outcome:?}") };
    let [rule] = draft.rules() else { panic!("{draft:?}") };
    rule.clone()
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn good_forms_are_understood() {
    for (name, value, meaning) in GOOD {
        let rule = only_rule(&with(name, value));
        let all = [
            (PORTS, texts(rule.destination_ports())),
            (SOURCES, texts(rule.source_ports())),
            (ALLOWED, texts(rule.include())),
            (DENIED, texts(rule.exclude())),
        ];
        for (other, understood) in all {
            assert_eq!(understood, if other == name { meaning } else { &[] }, "{name}: {value:?}");
        }
    }
}

#[test]
fn bad_forms_are_named_with_their_place() {
    for (name, value, wrong) in BAD {
        let outcome = common_outcome(&with(name, value));
        assert_eq!(outcome.decision, Decision::Invalid, "{name}: {value:?}");
        let reported: Vec<(&str, &str)> = outcome
            .diagnostics
            .iter()
            .map(|finding| {
                let span = finding.span.as_ref().unwrap();
                assert_eq!(span.annotation, format!("kube-vip.io/{name}"));
                (finding.code.as_str(), &value[span.offset..span.offset + span.length])
            })
            .collect();
        assert_eq!(reported, wrong, "{name}: {value:?}");
    }
}

#[test]
fn networks_of_the_other_family_alone_allow_nothing() {
    let outcome = common_outcome(&with(ALLOWED, "2001:db8::/32,::/0"));
    let Decision::Plan(draft) = outcome.decision else { panic!("{outcome:?}") };
    assert!(draft.rules().is_empty());
    assert_eq!(outcome.diagnostics[0].code, "no-allowed-network");
}

#[test]
fn ports_go_with_several_networks() {
    let annotations = [
        ("kube-vip.io/egress", "true"),
        ("kube-vip.io/egress-destination-ports", "tcp:80,udp:53"),
        ("kube-vip.io/egress-allowed-networks", "192.0.2.0/24,198.51.100.0/24"),
        ("kube-vip.io/egress-denied-networks", "192.0.2.7,198.51.100.0/25"),
    ];
    let rule = only_rule(&view("web", &annotations));
    assert_eq!(texts(rule.destination_ports()), ["tcp:80", "udp:53"]);
    assert_eq!(texts(rule.include()), ["192.0.2.0/24", "198.51.100.0/24"]);
    assert_eq!(texts(rule.exclude()), ["192.0.2.7/32", "198.51.100.0/25"]);
}

#[test]
fn long_lists_are_within_the_limits() {
    let network = |n: u32| format!("{}/31", std::net::Ipv4Addr::from(0x0b00_0000 + 4 * n));
    let networks: Vec<String> = (0..1_000).map(network).collect();
    assert_eq!(texts(only_rule(&with(ALLOWED, &networks.join(","))).include()), networks);
    assert_eq!(texts(only_rule(&with(DENIED, &networks.join(", "))).exclude()), networks);
    let ports: Vec<String> = (1..=1_000).map(|port| format!("tcp:{port}")).collect();
    assert_eq!(texts(only_rule(&with(PORTS, &ports.join(","))).destination_ports()), ports);
}
