//! What the guard does to any draft, and to no packet.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{IpAddr, Ipv4Addr};

use egressd_policy_private_guard::{PrivateGuard, Settings};
use egressd_policy_sdk::{Draft, IpNet, Outcome, Rule, testkit};
use proptest::prelude::*;

#[test]
fn golden_cases() {
    testkit::cases::<PrivateGuard>("cases");
}

#[test]
fn the_schema_says_what_is_read() {
    testkit::check_schema::<Settings>();
}

fn evaluate(settings: &str, draft: Draft) -> Outcome {
    testkit::evaluate::<PrivateGuard>(settings, &testkit::load_balancer("shop", "web").build(), draft)
}

/// The rules after the guard: those before it when it has no opinion.
fn guarded(networks: &[IpNet], draft: &Draft) -> Draft {
    let names: Vec<String> = networks.iter().map(|network| format!("\"{network}\"")).collect();
    let outcome = evaluate(&format!("{{\"networks\": [{}]}}", names.join(",")), draft.clone());
    outcome.draft().unwrap_or(draft).clone()
}

/// Few different bits, so that networks meet.
fn network() -> impl Strategy<Value = IpNet> {
    (0u32..256, 0u8..=8)
        .prop_map(|(bits, length)| IpNet::new(Ipv4Addr::from_bits(bits << 24).into(), length).unwrap().trunc())
}

fn networks(most: usize) -> impl Strategy<Value = Vec<IpNet>> {
    prop::collection::vec(network(), 0..most)
}

fn drafts() -> impl Strategy<Value = Draft> {
    prop::collection::vec((networks(4), networks(3)), 0..4).prop_map(|filters| {
        testkit::draft(filters.into_iter().enumerate().map(|(number, (to, except))| {
            let rule = testkit::rule(&format!("rule-{number}"), "192.0.2.10", &["10.244.1.7"]).except(except).unwrap();
            if to.is_empty() { rule } else { rule.to(to).unwrap() }
        }))
    })
}

/// The rule that translates what goes there.
fn hit(draft: &Draft, destination: IpAddr) -> Option<&str> {
    let reaches = |rule: &&Rule| {
        let included = rule.include().is_empty() || rule.include().iter().any(|network| network.contains(&destination));
        included && !rule.exclude().iter().any(|network| network.contains(&destination))
    };
    draft.rules().iter().find(reaches).map(Rule::id)
}

proptest! {
    #[test]
    fn guarded_destinations_are_never_translated_and_all_others_as_before(
        guard in networks(4).prop_filter("a guard of something", |networks| !networks.is_empty()),
        draft in drafts(),
    ) {
        let after = guarded(&guard, &draft);
        for first in 0..=255 {
            let destination = Ipv4Addr::new(first, 0, 0, 1).into();
            let private = guard.iter().any(|network| network.contains(&destination));
            let expected = if private { None } else { hit(&draft, destination) };
            prop_assert_eq!(hit(&after, destination), expected, "{}", destination);
        }
    }

    #[test]
    fn rules_keep_their_names_sources_and_order(
        guard in networks(4).prop_filter("a guard of something", |networks| !networks.is_empty()),
        draft in drafts(),
    ) {
        let after = guarded(&guard, &draft);
        let seen = |draft: &Draft| draft.rules().iter().map(|r| (r.id().to_owned(), r.sources().to_vec())).collect::<Vec<_>>();
        prop_assert_eq!(seen(&after), seen(&draft));
        prop_assert_eq!(guarded(&guard, &after), after, "twice is once");
    }
}
