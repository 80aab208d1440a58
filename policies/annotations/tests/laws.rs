//! What holds for any text in an annotation (P4).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use egressd_policy_annotations::Annotations;
use egressd_policy_sdk::{Decision, Draft, Outcome, testkit};
use proptest::prelude::*;

fn evaluate(name: &str, value: &str) -> Outcome {
    let service = testkit::load_balancer("shop", "web")
        .annotation("kube-vip.io/egress", "true")
        .annotation(name, value)
        .address("192.0.2.10")
        .local_endpoint("10.244.1.7")
        .build();
    testkit::evaluate::<Annotations>("{}", &service, Draft::default())
}

fn names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "kube-vip.io/egress-destination-ports",
        "kube-vip.io/egress-source-ports",
        "kube-vip.io/egress-allowed-networks",
        "kube-vip.io/egress-denied-networks",
        "kube-vip.io/flush-conntrack",
    ])
}

/// Items that are nearly right, with any text between.
fn values() -> impl Strategy<Value = String> {
    let item = prop_oneof!["(tcp|udp|Tcp| ):?[0-9+ -]{0,7}", "[0-9]{1,3}(\\.[0-9]{1,3}){3}(/[0-9]{1,3})?", ".{0,6}"];
    prop::collection::vec(item, 0..5).prop_map(|items| items.join(","))
}

proptest! {
    #[test]
    fn any_text_is_accepted_or_reported_with_places_in_it(name in names(), value in values()) {
        let outcome = evaluate(name, &value);
        let errors = outcome.diagnostics.iter().filter(|d| d.span.is_some());
        for span in errors.filter_map(|d| d.span.as_ref()) {
            prop_assert_eq!(span.annotation.as_str(), name);
            prop_assert!(value.get(span.offset..span.offset + span.length).is_some());
        }
        prop_assert_eq!(outcome.decision == Decision::Invalid, outcome.draft().is_none());
    }

    #[test]
    fn a_filter_that_is_accepted_is_empty_only_where_nothing_is_written(value in values()) {
        prop_assume!(!value.trim_ascii().is_empty());
        let outcome = evaluate("kube-vip.io/egress-destination-ports", &value);
        prop_assert!(outcome.draft().is_none_or(|draft| !draft.rules()[0].destination_ports().is_empty()));
        let outcome = evaluate("kube-vip.io/egress-allowed-networks", &value);
        prop_assert!(outcome.draft().is_none_or(|draft| draft.rules().iter().all(|rule| !rule.include().is_empty())));
    }

    #[test]
    fn what_is_printed_is_read_again(first in 1u16.., last in 1u16..) {
        let value = format!("sctp:{}-{}", first.min(last), first.max(last));
        let outcome = evaluate("kube-vip.io/egress-source-ports", &value);
        let again = outcome.draft().unwrap().rules()[0].source_ports()[0];
        prop_assert_eq!((again.first(), again.last()), (first.min(last), first.max(last)));
    }
}
