//! The component answers as the native policy does, for valid and invalid values.

use egressd_core::decision::{Decision, Draft, Outcome};
use egressd_core::model::{ServiceType, SubjectView, TrafficPolicy};
use egressd_core::net::Family;
use egressd_policy_annotations::Annotations;

use crate::adapter;
use crate::services::{changed, context, ip, view, with};

const EGRESS: (&str, &str) = ("kube-vip.io/egress", "true");
const IPV6: (&str, &str) = ("kube-vip.io/egress-ipv6", "true");

/// Evaluates both and returns their common decision.
fn agree(view: &SubjectView) -> Decision {
    common_outcome(view).decision
}

/// Evaluates both and returns their common outcome.
pub(crate) fn common_outcome(view: &SubjectView) -> Outcome {
    let native = adapter::evaluate::<Annotations>("{}", &context(), view, &Draft::default());
    let component = crate::built_in::policy().evaluate(&context(), view, &Draft::default()).unwrap();
    assert_eq!(component, native, "{:?}", view.subject.annotations());
    native
}

#[test]
fn both_agree_on_good_values() {
    for (name, values) in [
        ("egress-ipv6", ["true", " false\n", "true "]),
        ("egress-destination-ports", ["tcp:443", " tcp:1-65535 , udp:53", "sctp:36412,sctp:36412"]),
        ("egress-source-ports", ["tcp:1024-65535", "udp:5060,udp:5060-5070", "tcp:80"]),
        ("egress-allowed-networks", ["0.0.0.0/0,::/0", "198.51.100.7", "2001:db8::/32, 198.51.100.0/24"]),
        ("egress-denied-networks", ["::/0", "10.0.0.0/8,10.1.0.0/16", "2001:db8::1,198.51.100.1"]),
        ("egress-internal", ["true", "false", " true"]),
        ("egress-no-internal-traffic", ["true", "false", "true"]),
        ("egress-detect-api-server", ["true", "false", "true"]),
        ("flush-conntrack", ["true", "false", "true\t"]),
    ] {
        for value in values {
            let decision = agree(&view("web", &[EGRESS, IPV6, (&format!("kube-vip.io/{name}"), value)]));
            assert!(matches!(decision, Decision::Plan(_)), "{name}: {value:?}");
        }
    }
}

#[test]
fn both_agree_on_what_is_empty_or_reads_like_no() {
    for name in ["egress", "egress-ipv6", "egress-source-ports", "egress-denied-networks", "flush-conntrack", "ignore"]
    {
        for value in ["", " ", "False", "no", "0"] {
            common_outcome(&view("web", &[EGRESS, (&format!("kube-vip.io/{name}"), value)]));
        }
    }
}

#[test]
fn both_agree_on_bad_values() {
    for (name, values) in [
        ("egress", ["True", "1", "yes", "true,"]),
        ("egress-ipv6", ["TRUE", "yes", "t", "false;"]),
        ("egress-destination-ports", ["5060", "tcp:80:90", "tcp:90-80", "TCP:80"]),
        ("egress-source-ports", ["tcp:0", "tcp:65536", "tcp:80,", "tcp:+80,udp:080, ,x"]),
        ("egress-allowed-networks", ["10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "junk,ä,10.0.0.0/8"]),
        ("egress-denied-networks", [",,", ",", "2001:db8::/129", "10.0.0.00/8"]),
        ("egress-internal", ["on", "1", "2", "tru"]),
        ("flush-conntrack", ["y", "On", "T", "\u{a0}true"]),
    ] {
        for value in values {
            let name = format!("kube-vip.io/{name}");
            let annotations =
                if name.ends_with("/egress") { vec![(name.as_str(), value)] } else { vec![EGRESS, (&name, value)] };
            assert_eq!(agree(&view("web", &annotations)), Decision::Invalid, "{name}: {value:?}");
        }
    }
}

#[test]
fn both_agree_on_services_of_all_kinds() {
    for kind in [ServiceType::ClusterIp, ServiceType::NodePort, ServiceType::LoadBalancer, ServiceType::ExternalName] {
        agree(&changed(view("web", &[EGRESS]), |service| service.kind = kind));
    }
    for policy in [TrafficPolicy::Cluster, TrafficPolicy::Local] {
        agree(&changed(view("web", &[EGRESS, IPV6]), |service| service.traffic_policy = policy));
    }
    for families in [vec![], vec![Family::Ipv4], vec![Family::Ipv6], vec![Family::Ipv6, Family::Ipv4]] {
        agree(&changed(view("web", &[EGRESS]), |service| service.families = families));
    }
    for addresses in [vec![], vec![ip("192.0.2.10")], vec![ip("2001:db8::10")]] {
        agree(&with(view("web", &[EGRESS, IPV6]), |subject| subject.addresses = addresses));
    }
    agree(&with(view("web", &[EGRESS]), |subject| subject.endpoints = Default::default()));
}

#[test]
fn both_agree_on_services_that_ask_for_nothing() {
    for annotations in [vec![], vec![IPV6], vec![("kube-vip.io/egress", "false"), IPV6]] {
        assert_eq!(agree(&view("web", &annotations)), Decision::Pass);
    }
}
