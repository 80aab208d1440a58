//! The guard: what it lets pass, and what it refuses, each with its sentence (P1).
#![expect(clippy::expect_used, reason = "tests")]

use egressd_core::decision::{Draft, Dscp, LabelRequirement, LabelSelector, Mark, Rule};
use egressd_core::guard::{MOST_NETWORKS, MOST_RULES, guard};
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, Endpoint, SubjectKey, SubjectView, view};
use egressd_core::net::PortSpan;
use egressd_core::testkit::{RuleParts, SnapshotBuilder, a, context, n, service};

/// `web` with address 11.0.0.2, endpoint 10.0.0.1 here, and 10.0.0.9 on another node.
fn web() -> SubjectView {
    let snapshot = SnapshotBuilder::default().service(service("web", &["11.0.0.2"]), &["10.0.0.1"]).build();
    let (key, prefix) = (SubjectKey::service("default", "web"), AnnotationPrefix::default());
    let mut view =
        view(&snapshot, &ClusterFacts::detected(&snapshot), &key, AddressTrust::Status, &prefix).expect("it is there");
    let elsewhere =
        Endpoint { address: a("10.0.0.9"), node: Some("node-b".into()), ..view.subject.endpoints[0].clone() };
    view.subject.endpoints = view.subject.endpoints.iter().cloned().chain([elsewhere]).collect();
    view
}

fn rule() -> Rule {
    RuleParts { sources: vec![a("10.0.0.1")], ..Rule::new("r", a("11.0.0.2")).into() }.rule()
}

fn verdict(rules: Vec<Rule>) -> String {
    let draft = Draft::of(rules);
    guard(&context(), &web(), &draft).map_or_else(|refusal| refusal.to_string(), |()| "passed".to_owned())
}

#[test]
fn own_endpoints_and_own_addresses_pass() {
    assert_eq!(verdict(vec![rule()]), "passed");
    assert_eq!(verdict(vec![]), "passed");
}

#[test]
fn foreign_addresses_and_sources_are_refused() {
    assert_eq!(
        verdict(vec![RuleParts { address: a("11.0.0.3"), ..rule().into() }.rule()]),
        "rule \"r\" translates to 11.0.0.3, which is not one of the Service's own addresses"
    );
    let foreign =
        |source: &str| format!("rule \"r\" has source {source}, which is not an endpoint of the Service on this node");
    assert_eq!(
        verdict(vec![RuleParts { sources: vec![a("10.0.0.1"), a("10.0.0.2")], ..rule().into() }.rule()]),
        foreign("10.0.0.2")
    );
    assert_eq!(verdict(vec![RuleParts { sources: vec![a("10.0.0.9")], ..rule().into() }.rule()]), foreign("10.0.0.9"));
}

#[test]
fn families_do_not_mix() {
    let odd = |what: &str| format!("rule \"r\" translates to 11.0.0.2, but has {what}, which is of the other family");
    assert_eq!(verdict(vec![RuleParts { sources: vec![a("fd00::1")], ..rule().into() }.rule()]), odd("source fd00::1"));
    assert_eq!(
        verdict(vec![RuleParts { exclude: vec![n("2001:db8::/32")], ..rule().into() }.rule()]),
        odd("network 2001:db8::/32")
    );
}

#[test]
fn counts_are_bounded() {
    let many = (0..=MOST_RULES).map(|i| RuleParts { id: i.to_string(), ..rule().into() }.rule()).collect();
    assert_eq!(verdict(many), "4097 rules are more than 4096");
    let include = vec![n("192.0.2.0/24"); MOST_NETWORKS + 1];
    assert_eq!(
        verdict(vec![RuleParts { include, ..rule().into() }.rule()]),
        "65537 networks in rule \"r\" are more than 65536"
    );
}

#[test]
fn two_rules_need_two_names() {
    assert_eq!(verdict(vec![rule(), rule()]), "two rules have the id \"r\"");
}

#[test]
fn what_this_egressd_cannot_do_is_refused_by_its_name() {
    let asks = |change: fn(Rule) -> Rule| verdict(vec![change(rule())]);
    let refused = |what: &str| format!("rule \"r\" asks for {what} out");
    assert_eq!(
        asks(|rule| rule.with_dscp(Dscp::new(46).ok())),
        refused("DSCP 46, which this egressd cannot set; leave dscp")
    );
    assert_eq!(
        asks(|rule| rule.with_mark(Mark::new(1, 3).ok())),
        refused("packet mark 0x1/0x3, which this egressd cannot set; leave mark")
    );
    assert_eq!(
        asks(|rule| rule.with_translated_ports(PortSpan::new(1024, 2047).ok())),
        refused("source ports 1024-2047, which this egressd cannot set; leave translated-ports")
    );
    let gateways = LabelSelector::new([LabelRequirement::equal("zone", "a").expect("a requirement")]);
    let refusal =
        guard(&context(), &web(), &Draft::of(vec![rule()]).with_gateways(gateways)).map_err(|r| r.to_string());
    let expected = "the draft asks for gateways \"zone in (a)\", which this egressd cannot choose; leave gateways out";
    assert_eq!(refusal, Err(expected.to_owned()));
}

#[test]
fn each_of_several_addresses_is_the_subjects_own() {
    let several = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|text| a(text)).collect();
        verdict(vec![RuleParts { alternatives: addresses, ..rule().into() }.rule()])
    };
    assert_eq!(several(&["11.0.0.2"]), "passed");
    assert_eq!(
        several(&["11.0.0.3"]),
        "rule \"r\" translates to 11.0.0.3, which is not one of the Service's own addresses"
    );
    assert_eq!(
        several(&["fd00::2"]),
        "rule \"r\" translates to 11.0.0.2, but has address fd00::2, which is of the other family"
    );
    assert_eq!(several(&["11.0.0.2"; 256]), "257 addresses in rule \"r\" are more than 256");
}

#[test]
fn what_is_handed_on_to_later_policies_is_bounded() {
    let handed_on = |of_draft: usize, of_rule: usize, length: usize| {
        let extra = |count| vec![("x".to_owned(), "y".repeat(length - 1)); count];
        let draft = Draft::of(vec![rule().with_extra(extra(of_rule))]).with_extra(extra(of_draft));
        guard(&context(), &web(), &draft).map_or_else(|refusal| refusal.to_string(), |()| "passed".to_owned())
    };
    assert_eq!(handed_on(32, 32, 64), "passed");
    assert_eq!(handed_on(33, 32, 1), "65 names in the extra of a draft and its rules are more than 64");
    assert_eq!(handed_on(32, 32, 65), "4160 bytes in the extra of a draft and its rules are more than 4096");
}
