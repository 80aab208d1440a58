//! The guard: what it lets pass, and what it refuses, each with its sentence (P1).
#![expect(clippy::expect_used, reason = "tests")]

use egressd_core::decision::{Draft, Rule};
use egressd_core::guard::{MOST_NETWORKS, MOST_RULES, guard};
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, Endpoint, SubjectKey, SubjectView, view};
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

fn said(rules: Vec<Rule>) -> String {
    let draft = Draft::of(rules);
    guard(&context(), &web(), &draft).map_or_else(|refusal| refusal.to_string(), |()| "passed".to_owned())
}

#[test]
fn own_endpoints_and_own_addresses_pass() {
    assert_eq!(said(vec![rule()]), "passed");
    assert_eq!(said(vec![]), "passed");
}

#[test]
fn foreign_addresses_and_sources_are_refused() {
    assert_eq!(
        said(vec![RuleParts { address: a("11.0.0.3"), ..rule().into() }.rule()]),
        "rule \"r\" translates to 11.0.0.3, which is not one of the Service's own addresses"
    );
    let foreign =
        |source: &str| format!("rule \"r\" has source {source}, which is not an endpoint of the Service on this node");
    assert_eq!(
        said(vec![RuleParts { sources: vec![a("10.0.0.1"), a("10.0.0.2")], ..rule().into() }.rule()]),
        foreign("10.0.0.2")
    );
    assert_eq!(said(vec![RuleParts { sources: vec![a("10.0.0.9")], ..rule().into() }.rule()]), foreign("10.0.0.9"));
}

#[test]
fn families_do_not_mix() {
    let odd = |what: &str| format!("rule \"r\" translates to 11.0.0.2, but has {what}, which is of the other family");
    assert_eq!(said(vec![RuleParts { sources: vec![a("fd00::1")], ..rule().into() }.rule()]), odd("source fd00::1"));
    assert_eq!(
        said(vec![RuleParts { exclude: vec![n("2001:db8::/32")], ..rule().into() }.rule()]),
        odd("network 2001:db8::/32")
    );
}

#[test]
fn counts_are_bounded() {
    let many = (0..=MOST_RULES).map(|i| RuleParts { id: i.to_string(), ..rule().into() }.rule()).collect();
    assert_eq!(said(many), "4097 rules are more than 4096");
    let include = vec![n("192.0.2.0/24"); MOST_NETWORKS + 1];
    assert_eq!(
        said(vec![RuleParts { include, ..rule().into() }.rule()]),
        "65537 networks in rule \"r\" are more than 65536"
    );
}

#[test]
fn two_rules_need_two_names() {
    assert_eq!(said(vec![rule(), rule()]), "two rules have the id \"r\"");
}
