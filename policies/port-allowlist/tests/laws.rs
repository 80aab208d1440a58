//! What the validator says about any ports, compared with asking port by port.

use egressd_policy_port_allowlist::{PortAllowlist, Settings};
use egressd_policy_sdk::{Diagnostic, PortRange, Protocol, Severity, testkit};
use proptest::prelude::*;

#[test]
fn golden_cases() {
    testkit::validator_cases::<PortAllowlist>("cases");
}

#[test]
fn the_schema_says_what_is_read() {
    testkit::check_schema::<Settings>();
}

fn ranges() -> impl Strategy<Value = Vec<PortRange>> {
    let range = (prop::sample::select(Protocol::ALL.to_vec()), 1u16..30, 0u16..6)
        .prop_filter_map("a range", |(protocol, first, more)| PortRange::new(protocol, first, first + more).ok());
    prop::collection::vec(range, 1..6)
}

fn list(ports: &[PortRange]) -> String {
    ports.iter().map(|range| format!("\"{range}\"")).collect::<Vec<_>>().join(",")
}

/// The findings about a rule with these ports, in a namespace that two entries select and one does not.
fn reported(allowed: &[Vec<PortRange>; 2], asked: Vec<PortRange>) -> Vec<Diagnostic> {
    let [first, second] = allowed;
    let settings = format!(
        r#"{{"allow": [{{"ports": [{}]}}, {{"namespaces": {{"labels": {{"team": "web"}}}}, "ports": [{}]}}, {{"namespaces": {{"names": ["other"]}}, "without-ports": "allow"}}]}}"#,
        list(first),
        list(second)
    );
    let service = testkit::load_balancer("shop", "web").namespace_label("team", "web").build();
    let rule = testkit::rule("ipv4", "192.0.2.10", &["10.244.1.7"]).with_destination_ports(asked);
    let draft = testkit::draft(rule);
    testkit::validate::<PortAllowlist>(&settings, &service, &draft)
}

proptest! {
    #[test]
    fn exactly_the_ports_that_go_too_far_are_named(first in ranges(), second in ranges(), asked in ranges()) {
        let entries = [first, second];
        let allowed = |protocol, port| {
            let single = PortRange::new(protocol, port, port);
            entries.iter().flatten().any(|range| single.is_ok_and(|single| range.contains(single)))
        };
        let fine = |range: &PortRange| (range.first()..=range.last()).all(|port| allowed(range.protocol(), port));
        let named: Vec<String> = reported(&entries, asked.clone()).into_iter().map(|d| d.message).collect();
        let expected: Vec<&PortRange> = asked.iter().filter(|range| !fine(range)).collect();
        prop_assert_eq!(named.len(), expected.len());
        for (message, range) in named.iter().zip(expected) {
            let part = format!("namespace shop may not ask for {range}; it may ask for ");
            prop_assert!(message.contains(&part), "{}", message);
        }
    }

    #[test]
    fn what_is_allowed_is_accepted_as_it_is(first in ranges(), second in ranges()) {
        let all = [first.clone(), second.clone()].concat();
        prop_assert_eq!(reported(&[first, second], all), vec![]);
    }
}

#[test]
fn every_objection_is_an_error_about_its_rule() {
    let service = testkit::load_balancer("shop", "web").build();
    let draft = testkit::draft([testkit::rule("ipv4", "192.0.2.10", &["10.244.1.7"])]);
    let reported = testkit::validate::<PortAllowlist>(r#"{"allow": []}"#, &service, &draft);
    let seen: Vec<_> = reported.iter().map(|d| (d.severity, d.code.as_str(), d.rule.as_deref())).collect();
    assert_eq!(seen, [(Severity::Error, "port-not-allowed", Some("ipv4"))]);
}
