//! What inherited egress is, compared with the annotations that it stands for.

use egressd_policy_namespace_defaults::{NamespaceDefaults, Settings};
use egressd_policy_sdk::{Draft, Family, Outcome, testkit};
use proptest::prelude::*;

#[test]
fn golden_cases() {
    testkit::cases::<NamespaceDefaults>("cases");
}

#[test]
fn the_schema_says_what_is_read() {
    testkit::check_schema::<Settings>();
}

/// What there can be beside `defaults`, as settings say it.
fn filters() -> impl Strategy<Value = String> {
    let filter = |name: &'static str, values: &[&'static str]| {
        prop::option::of(prop::sample::select(values.to_vec()))
            .prop_map(move |value| value.map(|value| format!("\"{name}\": {value}")))
    };
    (
        filter("families", &["\"ipv4\"", "\"both\""]),
        filter("destination-ports", &["[\"tcp:443\"]", "[\"udp:53\", \"tcp:8000-8999\"]"]),
        filter("allowed-networks", &["[\"198.51.100.0/24\"]", "[\"2001:db8::/32\", \"0.0.0.0/0\"]"]),
        filter("denied-networks", &["[\"10.0.0.0/8\", \"fc00::/7\"]"]),
    )
        .prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn evaluate(filters: &str, annotation: Option<&str>, families: &[Family]) -> Outcome {
    let settings = format!("{{\"defaults\": [{{\"egress\": {{{filters}}}}}]}}");
    let service = testkit::load_balancer("shop", "web")
        .families(families)
        .address("192.0.2.10")
        .address("2001:db8::10")
        .local_endpoint("10.244.1.7")
        .local_endpoint("fd00:244:1::7");
    let service = annotation.map_or(service.clone(), |value| service.annotation("kube-vip.io/egress", value)).build();
    testkit::evaluate::<NamespaceDefaults>(&settings, &service, Draft::default())
}

proptest! {
    #[test]
    fn whatever_a_service_says_itself_it_is_left_alone(filters in filters(), value in ".{0,8}") {
        prop_assert_eq!(evaluate(&filters, Some(&value), &[]), Outcome::pass());
    }

    #[test]
    fn a_filter_in_the_settings_is_in_every_rule(
        filters in filters(),
        families in prop::sample::select(vec![vec![], vec![Family::Ipv4], vec![Family::Ipv6], Family::ALL.to_vec()]),
    ) {
        let outcome = evaluate(&filters, None, &families);
        let rules = outcome.draft().map(|draft| draft.rules().to_vec()).unwrap_or_default();
        for rule in &rules {
            prop_assert_eq!(rule.destination_ports().is_empty(), !filters.contains("destination-ports"));
            prop_assert_eq!(rule.include().is_empty(), !filters.contains("allowed-networks"));
            prop_assert_eq!(rule.exclude().is_empty(), !filters.contains("denied-networks"));
            prop_assert_eq!(rule.sources().len(), 1);
        }
        let missing = outcome.diagnostics.iter().filter(|d| d.code == "no-allowed-network").count();
        let both = filters.contains("both") && families != [Family::Ipv6];
        prop_assert_eq!(rules.len() + missing, if both { 2 } else { 1 });
    }
}
