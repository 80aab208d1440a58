//! What a Service with annotations gets, natively.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use egressd_policy_annotations::{Annotations, Settings};
use egressd_policy_sdk::testkit::{self, SubjectBuilder, THIS_NODE};
use egressd_policy_sdk::{
    Decision, Draft, Endpoint, Family, OnChange, OnUnavailable, Outcome, Policy, Rule, ServiceType, Settings as _,
    Severity, TrafficPolicy,
};

/// A dual-stack Service with endpoints on both nodes and of both families.
fn web() -> SubjectBuilder {
    testkit::load_balancer("shop", "web")
        .families(&[Family::Ipv4, Family::Ipv6])
        .address("192.0.2.10")
        .address("2001:db8::10")
        .local_endpoint("10.244.1.7")
        .local_endpoint("fd00:244:1::7")
        .remote_endpoint("10.244.2.8")
        .remote_endpoint("fd00:244:2::8")
}

fn egress() -> SubjectBuilder {
    web().annotation("kube-vip.io/egress", "true")
}

fn evaluate(service: SubjectBuilder) -> Outcome {
    testkit::evaluate::<Annotations>("{}", &service.build(), Draft::default())
}

fn rules(outcome: &Outcome) -> &[Rule] {
    outcome.draft().unwrap().rules()
}

/// Id, sources and address of each rule, as text.
fn translations(outcome: &Outcome) -> Vec<String> {
    let translation = |rule: &Rule| format!("{}: {:?} -> {}", rule.id(), rule.sources(), rule.address());
    rules(outcome).iter().map(translation).collect()
}

/// Severity and code of each diagnostic.
fn reported(outcome: &Outcome) -> Vec<(Severity, &str)> {
    outcome.diagnostics.iter().map(|d| (d.severity, d.code.as_str())).collect()
}

#[test]
fn golden_cases() {
    testkit::cases::<Annotations>("cases");
}

#[test]
fn a_service_without_annotations_is_passed_over() {
    assert_eq!(evaluate(web()), Outcome::pass());
    assert_eq!(evaluate(web().annotation("kube-vip.io/egress", "false")), Outcome::pass());
}

#[test]
fn what_stands_without_egress_does_nothing_and_is_a_warning() {
    for (name, value) in [
        ("egress-ipv6", "true"),
        ("egress-destination-ports", "5060"),
        ("egress-denied-networks", "198.51.100.0/24"),
        ("flush-conntrack", "true"),
    ] {
        let outcome = evaluate(web().annotation(&format!("kube-vip.io/{name}"), value));
        assert_eq!(outcome.decision, Decision::Pass, "{name}");
        assert_eq!(reported(&outcome), [(Severity::Warning, "without-egress")], "{name}");
    }
    let misspelled = evaluate(web().annotation("kube-vip.io/egress-port", "tcp:443"));
    assert_eq!(reported(&misspelled), [(Severity::Warning, "unknown-annotation")]);
    let switched_off = web().annotation("kube-vip.io/egress", "false").annotation("kube-vip.io/egress-ipv6", "true");
    assert_eq!(evaluate(switched_off), Outcome::pass());
    let empty =
        web().annotation("kube-vip.io/egress-destination-ports", "").annotation("kube-vip.io/egress-ipv6", "false");
    assert_eq!(evaluate(empty), Outcome::pass());
}

#[test]
fn a_switch_that_reads_like_no_switches_off() {
    for value in ["False", "no", "NO", "off", "0"] {
        let outcome = evaluate(web().annotation("kube-vip.io/egress", value));
        assert_eq!(outcome.decision, Decision::Pass, "{value}");
        assert_eq!(reported(&outcome), [(Severity::Warning, "reads-as-false")], "{value}");
    }
    assert_eq!(evaluate(web().annotation("kube-vip.io/egress", "")), Outcome::pass());
    let ipv4_only = evaluate(egress().annotation("kube-vip.io/egress-ipv6", "False"));
    assert_eq!(rules(&ipv4_only), rules(&evaluate(egress())));
    assert_eq!(reported(&ipv4_only), [(Severity::Warning, "reads-as-false")]);
}

#[test]
fn an_empty_value_is_no_value_and_a_warning_where_that_widens() {
    let empty = |name: &str| evaluate(egress().annotation(&format!("kube-vip.io/{name}"), " "));
    for name in ["egress-source-ports", "egress-destination-ports", "egress-allowed-networks"] {
        assert_eq!(rules(&empty(name)), rules(&evaluate(egress())), "{name}");
        assert_eq!(reported(&empty(name)), [(Severity::Warning, "empty-filter")], "{name}");
    }
    for name in ["egress-ipv6", "egress-denied-networks", "egress-internal", "flush-conntrack", "ignore"] {
        assert_eq!(empty(name), evaluate(egress()), "{name}");
    }
}

#[test]
fn what_kube_vip_ignores_is_not_translated() {
    let ignored = evaluate(egress().annotation("kube-vip.io/ignore", "true"));
    assert_eq!(ignored.decision, Decision::Pass);
    assert_eq!(reported(&ignored), [(Severity::Info, "ignored")]);
    assert_eq!(evaluate(web().annotation("kube-vip.io/ignore", "true")), Outcome::pass());
    assert_eq!(evaluate(egress().annotation("kube-vip.io/ignore", "false")), evaluate(egress()));
}

#[test]
fn a_rule_that_can_match_nothing_is_a_warning() {
    let outcome = evaluate(egress().annotation("kube-vip.io/egress-denied-networks", "0.0.0.0/0"));
    assert_eq!(reported(&outcome), [(Severity::Warning, "nothing-left")]);
}

#[test]
fn egress_translates_the_local_ipv4_endpoints() {
    let outcome = evaluate(egress());
    assert_eq!(translations(&outcome), ["ipv4: [10.244.1.7] -> 192.0.2.10"]);
    assert_eq!(reported(&outcome), []);
    let rule = &rules(&outcome)[0];
    assert!(rule.include().is_empty() && rule.exclude().is_empty());
    assert!(rule.source_ports().is_empty() && rule.destination_ports().is_empty());
}

#[test]
fn egress_ipv6_translates_ipv6_too() {
    let outcome = evaluate(egress().annotation("kube-vip.io/egress-ipv6", "true"));
    let expected = ["ipv4: [10.244.1.7] -> 192.0.2.10", "ipv6: [fd00:244:1::7] -> 2001:db8::10"];
    assert_eq!(translations(&outcome), expected);
}

#[test]
fn an_ipv6_only_service_needs_no_second_annotation() {
    let expected = ["ipv6: [fd00:244:1::7] -> 2001:db8::10"];
    assert_eq!(translations(&evaluate(egress().families(&[Family::Ipv6]))), expected);
    // Families unknown: the addresses decide.
    let service = testkit::load_balancer("shop", "web").address("2001:db8::10").local_endpoint("fd00:244:1::7");
    assert_eq!(translations(&evaluate(service.annotation("kube-vip.io/egress", "true"))), expected);
}

#[test]
fn the_first_own_address_of_a_family_is_used() {
    let outcome = evaluate(egress().address("192.0.2.11"));
    assert_eq!(translations(&outcome), ["ipv4: [10.244.1.7] -> 192.0.2.10"]);
}

#[test]
fn endpoints_are_translated_whatever_their_conditions_say() {
    let mut draining = Endpoint::new("10.244.1.8".parse().unwrap());
    draining.node = Some(THIS_NODE.to_owned());
    draining.here = true;
    (draining.ready, draining.serving, draining.terminating) = (Some(false), Some(false), Some(true));
    let outcome = evaluate(egress().endpoint(draining));
    assert_eq!(translations(&outcome), ["ipv4: [10.244.1.7, 10.244.1.8] -> 192.0.2.10"]);
}

#[test]
fn only_a_load_balancer_has_addresses() {
    for (kind, name) in [
        (ServiceType::ClusterIp, "ClusterIP"),
        (ServiceType::NodePort, "NodePort"),
        (ServiceType::ExternalName, "ExternalName"),
    ] {
        let outcome = evaluate(egress().service_type(kind));
        assert_eq!(rules(&outcome), []);
        assert_eq!(reported(&outcome), [(Severity::Error, "not-a-load-balancer")]);
        assert!(outcome.diagnostics[0].message.contains(&format!("type {name},")));
    }
}

#[test]
fn a_family_without_an_address_is_reported_and_the_other_works() {
    let service = testkit::load_balancer("shop", "web")
        .annotation("kube-vip.io/egress", "true")
        .annotation("kube-vip.io/egress-ipv6", "true")
        .address("192.0.2.10")
        .local_endpoint("10.244.1.7")
        .local_endpoint("fd00:244:1::7");
    let outcome = evaluate(service);
    assert_eq!(translations(&outcome), ["ipv4: [10.244.1.7] -> 192.0.2.10"]);
    assert_eq!(reported(&outcome), [(Severity::Error, "no-address")]);
    assert!(outcome.diagnostics[0].message.contains("IPv6"));
}

#[test]
fn a_node_without_endpoints_says_so() {
    let service = testkit::load_balancer("shop", "web").address("192.0.2.10").remote_endpoint("10.244.2.8");
    let outcome = evaluate(service.annotation("kube-vip.io/egress", "true"));
    assert_eq!(rules(&outcome), []);
    assert_eq!(reported(&outcome), [(Severity::Info, "no-local-endpoint")]);
}

#[test]
fn a_service_without_an_endpoint_here_is_reported_with_the_number_of_those_elsewhere() {
    let nothing = "so there is nothing to translate";
    for (elsewhere, sentence) in [
        (
            vec![],
            format!(
                "the Service has no IPv4 endpoint on any node, {nothing}; check its selector, and that its pods run in its namespace"
            ),
        ),
        (
            vec!["10.244.2.8"],
            format!("no IPv4 endpoint of the Service runs on node-a (1 runs on another node), {nothing}"),
        ),
        (
            vec!["10.244.2.8", "10.244.3.8", "fd00:244:2::8"],
            format!("no IPv4 endpoint of the Service runs on node-a (3 run on other nodes), {nothing}"),
        ),
    ] {
        let service =
            testkit::load_balancer("shop", "web").address("192.0.2.10").annotation("kube-vip.io/egress", "true");
        let service = elsewhere.into_iter().fold(service, testkit::SubjectBuilder::remote_endpoint);
        let outcome = evaluate(service);
        assert_eq!(
            outcome.diagnostics.iter().map(|reported| reported.message.as_str()).collect::<Vec<_>>(),
            [sentence]
        );
    }
}

#[test]
fn a_service_that_waits_for_its_first_address_is_a_warning_as_it_is_in_a_repository() {
    let service = testkit::load_balancer("shop", "web").local_endpoint("10.244.1.7");
    let outcome = evaluate(service.annotation("kube-vip.io/egress", "true"));
    assert_eq!(reported(&outcome), [(Severity::Warning, "no-address")]);
    assert!(outcome.diagnostics[0].message.starts_with("the Service has no address yet"), "{:?}", outcome.diagnostics);
}

#[test]
fn endpoints_of_other_nodes_are_counted_by_the_host_which_knows_who_holds_the_address() {
    for policy in [TrafficPolicy::Cluster, TrafficPolicy::Local] {
        let outcome = evaluate(egress().remote_endpoint("10.244.2.9").traffic_policy(policy));
        assert_eq!(translations(&outcome), ["ipv4: [10.244.1.7] -> 192.0.2.10"]);
        assert_eq!(reported(&outcome), []);
    }
}

#[test]
fn ports_are_the_same_for_both_families() {
    let service = egress()
        .annotation("kube-vip.io/egress-ipv6", "true")
        .annotation("kube-vip.io/egress-destination-ports", "tcp:443,udp:8000-8999")
        .annotation("kube-vip.io/egress-source-ports", " sctp:36412 ");
    let outcome = evaluate(service);
    assert_eq!(rules(&outcome).len(), 2);
    for rule in rules(&outcome) {
        let ports: Vec<String> = rule.destination_ports().iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["tcp:443", "udp:8000-8999"]);
        let ports: Vec<String> = rule.source_ports().iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["sctp:36412"]);
    }
}

#[test]
fn each_family_gets_its_own_networks() {
    let service = egress()
        .annotation("kube-vip.io/egress-ipv6", "true")
        .annotation("kube-vip.io/egress-allowed-networks", "198.51.100.0/24, 2001:db8:1::/48")
        .annotation("kube-vip.io/egress-denied-networks", "198.51.100.7, 2001:db8:1::7");
    let outcome = evaluate(service);
    let networks: Vec<String> =
        rules(&outcome).iter().map(|rule| format!("{:?} not {:?}", rule.include(), rule.exclude())).collect();
    let expected = ["[198.51.100.0/24] not [198.51.100.7/32]", "[2001:db8:1::/48] not [2001:db8:1::7/128]"];
    assert_eq!(networks, expected);
}

#[test]
fn a_family_without_an_allowed_network_is_not_translated_at_all() {
    let service = egress()
        .annotation("kube-vip.io/egress-ipv6", "true")
        .annotation("kube-vip.io/egress-allowed-networks", "198.51.100.0/24");
    let outcome = evaluate(service);
    assert_eq!(translations(&outcome), ["ipv4: [10.244.1.7] -> 192.0.2.10"]);
    assert_eq!(reported(&outcome), [(Severity::Warning, "no-allowed-network")]);
    assert!(outcome.diagnostics[0].message.contains("no IPv6 traffic is translated"));
}

#[test]
fn a_denied_list_of_the_other_family_denies_nothing() {
    let outcome = evaluate(egress().annotation("kube-vip.io/egress-denied-networks", "::/0"));
    assert_eq!(rules(&outcome)[0].exclude(), []);
}

#[test]
fn flush_conntrack_severs() {
    let on_change = |outcome: Outcome| outcome.draft().unwrap().on_change.unwrap_or_default();
    assert_eq!(evaluate(egress()).draft().unwrap().on_change, None);
    assert_eq!(on_change(evaluate(egress().annotation("kube-vip.io/flush-conntrack", "false"))), OnChange::Keep);
    assert_eq!(on_change(evaluate(egress().annotation("kube-vip.io/flush-conntrack", "true"))), OnChange::Sever);
}

#[test]
fn what_always_holds_is_accepted_and_its_opposite_is_a_warning() {
    for name in ["kube-vip.io/egress-no-internal-traffic", "kube-vip.io/egress-detect-api-server"] {
        assert_eq!(reported(&evaluate(egress().annotation(name, "true"))), []);
        let outcome = evaluate(egress().annotation(name, "false"));
        assert_eq!(reported(&outcome), [(Severity::Warning, "no-effect")]);
        assert_eq!(rules(&outcome).len(), 1);
    }
    for value in ["true", "false"] {
        assert_eq!(reported(&evaluate(egress().annotation("kube-vip.io/egress-internal", value))), []);
    }
}

#[test]
fn a_misspelled_annotation_beside_egress_is_bad_input_with_the_right_name() {
    let outcome = evaluate(egress().annotation("kube-vip.io/egress-allowed-network", "198.51.100.0/24"));
    assert_eq!(outcome.decision, Decision::Invalid);
    let message = "unknown annotation kube-vip.io/egress-allowed-network; write kube-vip.io/egress-allowed-networks, or remove it";
    assert_eq!(outcome.diagnostics[0].message, message);
    let published = egress().annotation("kube-vip.io/egress-nftables-table", "kube_vip");
    assert_eq!(reported(&evaluate(published)), []);
}

#[test]
fn one_bad_item_anywhere_makes_everything_invalid_and_all_are_reported() {
    let service = egress()
        .annotation("kube-vip.io/egress-ipv6", "yes")
        .annotation("kube-vip.io/egress-destination-ports", "tcp:80,udp:0")
        .annotation("kube-vip.io/egress-allowed-networks", "10.0.0.1/8,")
        .annotation("kube-vip.io/egress-denied-networks", "::ffff:192.0.2.1")
        .annotation("kube-vip.io/egress-internal", "1");
    let outcome = evaluate(service);
    assert_eq!(outcome.decision, Decision::Invalid);
    let codes: Vec<&str> = outcome.diagnostics.iter().map(|d| d.code.as_str()).collect();
    let expected = ["not-a-boolean", "port-out-of-range", "host-bits", "empty-item", "ipv4-mapped", "not-a-boolean"];
    assert_eq!(codes, expected);
    assert!(outcome.diagnostics.iter().all(|d| d.severity == Severity::Error && d.span.is_some()));
}

#[test]
fn a_wrong_egress_hides_no_other_mistake() {
    let mistakes = |egress: &str| {
        let service = web()
            .annotation("kube-vip.io/egress", egress)
            .annotation("kube-vip.io/egress-ipv6", "yes")
            .annotation("kube-vip.io/egress-source-ports", "tcp/443")
            .annotation("kube-vip.io/flush-conntrack", "1");
        evaluate(service).diagnostics.into_iter().map(|d| d.message).collect::<Vec<_>>()
    };
    let (right, wrong) = (mistakes("true"), mistakes("True"));
    assert!(wrong[0].starts_with("egress: "), "{wrong:?}");
    assert_eq!(wrong[1..], right[..]);
    assert_eq!(mistakes("false"), [] as [&str; 0]);
}

#[test]
fn every_annotation_can_be_wrong() {
    for name in [
        "egress",
        "egress-ipv6",
        "egress-internal",
        "egress-source-ports",
        "egress-destination-ports",
        "egress-allowed-networks",
        "egress-denied-networks",
        "egress-no-internal-traffic",
        "egress-detect-api-server",
        "flush-conntrack",
        "ignore",
    ] {
        // What reads like yes switches `ignore`, which is no mistake of this kind.
        let other = if name == "ignore" { "true," } else { "True" };
        for value in [",", "junk", other] {
            let outcome = evaluate(egress().annotation(&format!("kube-vip.io/{name}"), value));
            assert_eq!(outcome.decision, Decision::Invalid, "{name}: {value:?}");
            assert!(outcome.diagnostics[0].message.starts_with(&format!("{name}: ")), "{:?}", outcome.diagnostics);
        }
    }
}

#[test]
fn the_prefix_is_a_setting() {
    let settings = r#"{"prefix": "egress.example.com"}"#;
    let evaluate =
        |service: SubjectBuilder| testkit::evaluate::<Annotations>(settings, &service.build(), Draft::default());
    assert_eq!(evaluate(egress()), Outcome::pass());
    assert_eq!(rules(&evaluate(web().annotation("egress.example.com/egress", "true"))).len(), 1);
    let description = Annotations::describe(&Settings::parse(settings).unwrap());
    assert!(description.annotation_prefixes.iter().all(|prefix| prefix.starts_with("egress.example.com/")));
}

#[test]
fn rules_of_an_earlier_policy_are_replaced_and_its_other_wishes_kept() {
    let mut earlier = testkit::draft([Rule::new("ipv4", [192, 0, 2, 99].into())]);
    earlier.on_unavailable = Some(OnUnavailable::Drop);
    let outcome = testkit::evaluate::<Annotations>("{}", &egress().build(), earlier);
    assert_eq!(translations(&outcome), ["ipv4: [10.244.1.7] -> 192.0.2.10"]);
    assert_eq!(outcome.draft().unwrap().on_unavailable, Some(OnUnavailable::Drop));
}
