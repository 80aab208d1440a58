//! Which names on a Service are taken for misspelled ones of ours, and which are left to others.
#![expect(clippy::expect_used, reason = "tests")]

use egressd_core::finding::{Finding, MAX_FINDINGS, Severity};
use egressd_core::model::{AnnotationPrefix, Service};
use egressd_core::stray::{Weight, alone, beside_a_request, has_any, is_almost_ours};
use egressd_core::testkit::service;

/// What is read of a Service, or accepted without effect.
const KNOWN: [&str; 13] = [
    "egress",
    "egress-ipv6",
    "egress-source-ports",
    "egress-destination-ports",
    "egress-allowed-networks",
    "egress-denied-networks",
    "egress-internal",
    "egress-no-internal-traffic",
    "egress-detect-api-server",
    "flush-conntrack",
    "ignore",
    "loadbalancerIPs",
    "vipHost",
];

/// What egress is asked for by, whatever else is there.
const ASKED: (&str, &str) = ("kube-vip.io/egress", "true");

fn web(annotations: &[(&str, &str)], labels: &[(&str, &str)]) -> Service {
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Service { annotations: own(annotations), labels: own(labels), ..service("web", &["192.0.2.10"]) }
}

fn sentences(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.message.as_str()).collect()
}

/// The findings about one annotation where nothing asks for egress.
fn about(name: &str) -> Vec<String> {
    let findings = alone(&web(&[(name, "true")], &[]), &AnnotationPrefix::default());
    findings.iter().map(|finding| finding.message.to_string()).collect()
}

fn written(name: &str, right: &str) -> Vec<String> {
    vec![format!("annotation {name} is not read; write kube-vip.io/{right}, or remove the annotation")]
}

#[test]
fn a_name_that_is_almost_one_of_ours_is_reported_with_the_right_one() {
    for (name, right) in [
        ("kube-vip.io/egres", "egress"),
        ("kube-vip.io/egerss", "egress"),
        ("kube-vip.io/Egress", "egress"),
        ("kube-vip.io/EGRESS-IPV6", "egress-ipv6"),
        ("kube-vip.io/Egress_Destination_Ports", "egress-destination-ports"),
        ("kube-vip.io/egres-allowed-networks", "egress-allowed-networks"),
        ("kube-vip.io/flush-contrack", "flush-conntrack"),
        ("kube-vip.io/ignored", "ignore"),
        ("kube-vip.io/loadBalancerIPs", "loadbalancerIPs"),
        ("kube-vip.io/loadbalancerIP", "loadbalancerIPs"),
        ("kube-vip.io/viphost", "vipHost"),
        ("Kube-Vip.io/egress", "egress"),
        ("kubevip.io/egress", "egress"),
        ("kube_vip.io/egress", "egress"),
        ("kube-vip.com/egress", "egress"),
        ("kube-vip.org/egress", "egress"),
        ("kube-vip/egress", "egress"),
        ("kubevip.com/egress-ipv6", "egress-ipv6"),
        ("egressd.io/egress", "egress"),
        ("egresd.io/egress-denied-networks", "egress-denied-networks"),
        ("egressd/egress", "egress"),
        ("kube-vip.io.egress", "egress"),
        ("kube-vip.io-egress-ipv6", "egress-ipv6"),
        ("egress", "egress"),
        ("Egress", "egress"),
        ("egres", "egress"),
        ("egress-destination-ports", "egress-destination-ports"),
        ("egress_denied_networks", "egress-denied-networks"),
        ("vipHost", "vipHost"),
    ] {
        assert_eq!(about(name), written(name, right));
    }
}

#[test]
fn so_is_one_of_the_same_terms_and_one_with_a_dot_for_a_dash() {
    for (name, right) in [
        ("egress-ipv4", "egress"),
        ("kubevip.io/egress-IPv4", "egress"),
        ("kube-vip.io/Egress-V4", "egress"),
        ("kube-vip.io/ipv4-egress", "egress"),
        ("kube-vip.io/allowed-networks", "egress-allowed-networks"),
        ("kube-vip.io/denied-networks", "egress-denied-networks"),
        ("kube-vip.io/denied-network", "egress-denied-networks"),
        ("kube-vip.io/deniednetworks", "egress-denied-networks"),
        ("kube-vip.io/denied_cidrs", "egress-denied-networks"),
        ("kube-vip.io/allowedIPs", "egress-allowed-networks"),
        ("kube-vip.io/destination-ports", "egress-destination-ports"),
        ("kube-vip.io/destination-egress-ports", "egress-destination-ports"),
        ("kube-vip.io/source-port-egress", "egress-source-ports"),
        ("kube-vip.io/ports-source", "egress-source-ports"),
        ("kube-vip.io/ipv6-egress", "egress-ipv6"),
        ("kube-vip.io/conntrack-flush", "flush-conntrack"),
        ("kube-vip.io/no-internal-traffic", "egress-no-internal-traffic"),
        ("Kube-Vip.io/Allowed-Networks", "egress-allowed-networks"),
        ("kubevip.io/allowed-networks", "egress-allowed-networks"),
        ("egressd.io/denied-egress-networks", "egress-denied-networks"),
        ("allowed-egress-networks", "egress-allowed-networks"),
        ("egress-allowed-cidrs", "egress-allowed-networks"),
        ("kube.vip.io/egress-denied-networks", "egress-denied-networks"),
        ("kube-vip-io/egress-denied-networks", "egress-denied-networks"),
        ("kube.vip-io/egress", "egress"),
    ] {
        assert_eq!(about(name), written(name, right));
    }
}

#[test]
fn as_a_label_even_the_right_name_is_not_read() {
    for (name, value, right) in [
        ("kube-vip.io/egress", "true", "kube-vip.io/egress"),
        ("kube-vip.io/egress-ipv6", "", "kube-vip.io/egress-ipv6"),
        ("kubevip.io/egress", "yes", "kube-vip.io/egress"),
        ("egress", "True", "kube-vip.io/egress"),
        ("egress-allowed-networks", "10.0.0.0_8", "kube-vip.io/egress-allowed-networks"),
    ] {
        let findings = alone(&web(&[], &[(name, value)]), &AnnotationPrefix::default());
        let right = format!(
            "label {name} is not read: egress takes annotations; write the annotation {right}, or remove the label"
        );
        assert_eq!(sentences(&findings), [right]);
    }
}

#[test]
fn what_is_right_or_the_policys_own_to_judge_is_no_stray() {
    let right = KNOWN.map(|name| format!("kube-vip.io/{name}"));
    for name in
        right.iter().map(String::as_str).chain(["kube-vip.io/egress-owner", "kube-vip.io/egress-nftables-table"])
    {
        assert_eq!(about(name), Vec::<String>::new(), "{name}");
    }
}

/// Of kube-vip itself, of other programs, and names that are near `egress`.
const OTHERS: [&str; 95] = [
    "team/egress-owner",
    "team/egress",
    "example.org/ingress",
    "example.org/egress",
    "ingress",
    "ingress-class",
    "egress-owner",
    "egress-gateway",
    "egress-ip",
    "egress.example.com/egress",
    "egress.example.com/egress-destination-ports",
    "kube-vip.io/ingress",
    "kube-vip.io/active-endpoint",
    "kube-vip.io/active-endpoint-ipv6",
    "kube-vip.io/allow-reconcile-without-endpoints",
    "kube-vip.io/forcePerServiceElection",
    "kube-vip.io/hwaddr",
    "kube-vip.io/leaseName",
    "kube-vip.io/loadbalancerHostname",
    "kube-vip.io/requestedIP",
    "kube-vip.io/serviceInterface",
    "kube-vip.io/serviceVLAN",
    "kube-vip.io/wireguard",
    "kube-vip.io/upnp-forward",
    "kube-vip.io/upnp-lease-duration",
    "kube-vip.io/forwardUPNP",
    "kube-vip.io/rp_filter",
    "kube-vip.io/ignore-service-security",
    "kube-vip.io/ddns",
    "kube-vip.io/ports",
    "kube-vip.io/network",
    "kube-vip.io/ipv6",
    "allowed-networks",
    "source-ports",
    "example.org/allowed-networks",
    "k8s.ovn.org/egress-assignable",
    "k8s.ovn.org/egress-service",
    "k8s.ovn.org/egressip-mark",
    "egressip.k8s.ovn.org/egress",
    "networking.gke.io/egress",
    "networking.gke.io/load-balancer-type",
    "cloud.google.com/neg",
    "cloud.google.com/backend-config",
    "kubernetes.io/egress-bandwidth",
    "kubernetes.io/ingress-bandwidth",
    "kubernetes.io/ingress.class",
    "kubernetes.io/service-name",
    "projectcalico.org/IPv4Address",
    "projectcalico.org/ipv4pools",
    "egress.projectcalico.org/selector",
    "egress.projectcalico.org/egressGatewayPolicy",
    "egress.projectcalico.org/egress",
    "cni.projectcalico.org/podIP",
    "cilium.io/egress",
    "io.cilium/global-service",
    "service.cilium.io/global",
    "egress.cilium.io/ignore",
    "lbipam.cilium.io/ips",
    "metallb.universe.tf/loadBalancerIPs",
    "metallb.io/loadBalancerIPs",
    "metallb.universe.tf/address-pool",
    "metallb.universe.tf/allow-shared-ip",
    "kubectl.kubernetes.io/last-applied-configuration",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
    "helm.sh/hook",
    "helm.sh/resource-policy",
    "helm.sh/chart",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/part-of",
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/sync-options",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/reconcile",
    "helm.toolkit.fluxcd.io/name",
    "fluxcd.io/ignore",
    "service.beta.kubernetes.io/aws-load-balancer-type",
    "service.beta.kubernetes.io/aws-load-balancer-internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal",
    "service.beta.kubernetes.io/azure-load-balancer-resource-group",
    "service.beta.kubernetes.io/do-loadbalancer-name",
    "load-balancer.hetzner.cloud/location",
    "prometheus.io/scrape",
    "prometheus.io/port",
    "prometheus.io/path",
    "external-dns.alpha.kubernetes.io/hostname",
    "external-dns.alpha.kubernetes.io/target",
    "cert-manager.io/cluster-issuer",
    "networking.istio.io/exportTo",
    "traefik.ingress.kubernetes.io/service.serversscheme",
    "ignore",
    "app",
];

#[test]
fn names_of_other_programs_have_no_finding() {
    for name in OTHERS {
        assert_eq!(about(name), Vec::<String>::new(), "{name}");
        let all = web(&[ASKED], &[(name, "true")]);
        assert!(name.starts_with("kube-vip.io/") || !has_any(&all, &AnnotationPrefix::default()), "label {name}");
    }
    let policy = web(&[], &[("egress", "restricted"), ("ignore", "true"), ("vip", "x")]);
    assert!(!has_any(&policy, &AnnotationPrefix::default()), "labels are free text of the users");
}

#[test]
fn beside_a_request_a_misspelled_filter_is_an_error_and_what_filters_nothing_is_none() {
    for (name, weight) in [
        ("kube-vip.io/Egress-Destination-Ports", Weight::Filter),
        ("kubevip.io/egress-destination-ports", Weight::Filter),
        ("egressd.io/egress-allowed-networks", Weight::Filter),
        ("egress-denied-network", Weight::Filter),
        ("Kube-Vip.IO/egress-owner", Weight::Filter),
        ("kube-vip.io/EGRESS-OWNER", Weight::Filter),
        ("kube-vip.io/egres-source-ports", Weight::Filter),
        ("kube-vip.io/ignored", Weight::Filter),
        ("kube-vip.io/allowed-networks", Weight::Filter),
        ("kube-vip.io/denied-networks", Weight::Filter),
        ("kube-vip.io/destination-ports", Weight::Filter),
        ("kube-vip.io/destination-egress-ports", Weight::Filter),
        ("kube-vip.io/allowed-ports", Weight::Filter),
        ("kube-vip.io/destination-cidrs", Weight::Filter),
        ("kube-vip.io/no-egress", Weight::Filter),
        ("kube.vip.io/egress-denied-networks", Weight::Filter),
        ("kube-vip-io/egress-denied-networks", Weight::Filter),
        ("kube-vip.io/detect-api-server", Weight::Light),
        ("kube-vip.io/loadBalancerIPs", Weight::Light),
        ("kubevip.io/egress-internal", Weight::Light),
    ] {
        let strays = beside_a_request(&web(&[ASKED, (name, "x")], &[]), &AnnotationPrefix::default());
        let severity = if weight == Weight::Filter { Severity::Error } else { Severity::Warning };
        assert_eq!(
            (strays.findings.len(), strays.findings[0].severity, strays.weight),
            (1, severity, weight),
            "{name}"
        );
        let span = strays.findings[0].span.as_ref();
        assert_eq!(span.map(|span| (span.annotation.as_str(), span.length)), Some((name, 1)));
    }
    for name in ["kube-vip.io/egress-source-ports", "kube-vip.io/egress-nothing", "egress-ipv6"] {
        let strays = beside_a_request(&web(&[ASKED], &[(name, "x")]), &AnnotationPrefix::default());
        assert_eq!((strays.findings.len(), strays.weight), (1, Weight::Filter), "label {name}");
    }
}

#[test]
fn a_filter_of_ours_in_a_domain_that_asks_for_no_egress_is_a_warning_and_never_bad_input() {
    let prefix = AnnotationPrefix::default();
    let (foreign, ours) = ("example.org/egress-denied-networks", "kube-vip.io/egress-denied-networks");
    let found = |others: &[(&str, &str)]| beside_a_request(&web(&[&[ASKED], others].concat(), &[]), &prefix);
    for filter in KNOWN.iter().filter(|name| name.ends_with("-ports") || name.ends_with("-networks")) {
        let name = format!("example.org/{filter}");
        let strays = found(&[(&name, "x")]);
        assert_eq!((strays.weight, strays.findings[0].severity), (Weight::Light, Severity::Warning));
        let right = format!(
            "annotation {name} belongs to another domain and is not read; if it is meant for egress, write \
             kube-vip.io/{filter}"
        );
        assert_eq!(sentences(&strays.findings), [right]);
    }
    for silent in [
        &[(foreign, "x"), ("example.org/egress", "false")][..],
        &[(foreign, "x"), (ours, "10.0.0.0/8")],
        &[
            ("example.org/egress-owner", "x"),
            ("example.org/denied-networks", "x"),
            ("example.org/Egress-Denied-Networks", "x"),
        ],
    ] {
        assert_eq!(sentences(&found(silent).findings), Vec::<&str>::new(), "{silent:?}");
    }
    assert_eq!(about(foreign), Vec::<String>::new(), "nothing is asked for that it would narrow");
    // What was left when the prefix was changed: kube-vip is not asked for it either.
    let prefix = AnnotationPrefix::new("egress.example.com").expect("a prefix");
    assert_eq!(beside_a_request(&web(&[(ours, "x")], &[]), &prefix).findings.len(), 1);
    // Annotations that distinguish the two are kept of a Service.
    assert!([foreign, "example.org/egress"].iter().all(|name| is_almost_ours(name, &prefix)));
    assert!(!is_almost_ours("example.org/egress-owner", &prefix));
}

#[test]
fn what_stands_there_under_its_right_name_too_is_missed_only_where_it_narrows_to_something_else() {
    let prefix = AnnotationPrefix::default();
    let ports = ("kube-vip.io/egress-destination-ports", "tcp:443");
    for (service, found) in [
        (web(&[ASKED], &[("egress", "true")]), 0),
        (web(&[ASKED, ("kubevip.io/egress", "true")], &[]), 0),
        (web(&[ASKED, ("egress-ipv4", "true")], &[]), 0),
        (web(&[ASKED, ("egress-ipv4", "false")], &[]), 1),
        (web(&[ASKED, ports, ("egress-destination-ports", "tcp:443")], &[]), 0),
        (web(&[ASKED, ports, ("egress-destination-ports", "tcp:80")], &[]), 1),
    ] {
        assert_eq!(beside_a_request(&service, &prefix).findings.len(), found, "{service:?}");
    }
}

#[test]
fn everything_follows_the_prefix() {
    let prefix = AnnotationPrefix::new("egress.example.com").expect("a prefix");
    let found = |name: &str| alone(&web(&[(name, "true")], &[]), &prefix);
    for name in [
        "egress.exmaple.com/egress",
        "egress.example.com/Egress",
        "egressd.io/egress",
        "egress",
        "egress.example.com.egress",
    ] {
        let right = format!("annotation {name} is not read; write egress.example.com/egress, or remove the annotation");
        assert_eq!(sentences(&found(name)), [right]);
    }
    // kube-vip's own annotations are kube-vip's, and those of another instance are that one's.
    for name in [
        "kube-vip.io/egress",
        "kube-vip.io/egress-ipv6",
        "kubevip.io/egress",
        "egress2.example.com/egress",
        "net.example.com/egress",
    ] {
        assert_eq!(sentences(&found(name)), Vec::<&str>::new(), "{name}");
    }
    let first = AnnotationPrefix::new("egress-a.example.com").expect("a prefix");
    assert!(alone(&web(&[("egress-b.example.com/egress", "true")], &[]), &first).is_empty());
}

#[test]
fn of_thousands_a_few_are_listed() {
    let mut service = web(&[ASKED], &[]);
    service.annotations.extend((0..10_000).map(|n| (format!("kube-vip.io/Egress-{n}"), String::new())));
    let strays = beside_a_request(&service, &AnnotationPrefix::default());
    assert_eq!((strays.findings.len(), strays.weight), (MAX_FINDINGS + 1, Weight::Filter));
}
