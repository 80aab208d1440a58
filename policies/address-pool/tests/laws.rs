//! Who falls to which address, whatever pods and addresses come and go.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use egressd_policy_address_pool::{AddressPool, Settings};
use egressd_policy_sdk::{Draft, Rule, Subject, testkit};
use proptest::prelude::*;

#[test]
fn golden_cases() {
    testkit::cases::<AddressPool>("cases");
}

#[test]
fn the_schema_says_what_is_read() {
    testkit::check_schema::<Settings>();
}

fn pod(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 244, 1, number).into()
}

fn service(pods: &[u8], addresses: &[u8]) -> Subject {
    let mut builder = testkit::load_balancer("shop", "web");
    for last in addresses {
        builder = builder.address(&format!("192.0.2.{last}"));
    }
    for number in pods {
        builder = builder.local_pod(&pod(*number).to_string(), &format!("shop/web-{number}"));
    }
    builder.build()
}

/// As an earlier policy would leave it: one rule with the first address, for all pods.
fn draft(service: &Subject) -> Draft {
    let sources = service.endpoints.iter().map(|endpoint| endpoint.address);
    let rules = service.addresses.first().map(|address| Rule::new("ipv4", *address).from(sources));
    let rules = rules.into_iter().flatten().map(|rule| rule.with_destination_ports(testkit::ports(&["tcp:443"])));
    testkit::draft(rules.flatten())
}

fn spread(settings: &str, service: &Subject, draft: Draft) -> Draft {
    let outcome = testkit::evaluate::<AddressPool>(settings, service, draft.clone());
    outcome.draft().unwrap_or(&draft).clone()
}

/// The address of each pod.
fn addresses(settings: &str, pods: &[u8], addresses: &[u8]) -> BTreeMap<IpAddr, IpAddr> {
    let service = service(pods, addresses);
    let draft = spread(settings, &service, draft(&service));
    let pairs = draft.rules().iter().flat_map(|rule| rule.sources().iter().map(|source| (*source, rule.address())));
    pairs.collect()
}

fn some(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::btree_set(1u8..200, 1..most).prop_map(|numbers| numbers.into_iter().collect())
}

fn settings() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["{}", r#"{"key": "address"}"#])
}

proptest! {
    #[test]
    fn every_pod_has_one_address_of_its_service(settings in settings(), pods in some(20), pool in some(6)) {
        let chosen = addresses(settings, &pods, &pool);
        prop_assert_eq!(chosen.keys().copied().collect::<Vec<_>>(), pods.iter().map(|n| pod(*n)).collect::<Vec<_>>());
        for address in chosen.values() {
            prop_assert!(pool.iter().any(|last| IpAddr::from([192, 0, 2, *last]) == *address));
        }
    }

    #[test]
    fn a_pod_that_comes_or_goes_moves_no_other(settings in settings(), pods in some(20), pool in some(6), one in 0usize..20) {
        let before = addresses(settings, &pods, &pool);
        let mut fewer = pods.clone();
        let gone = pod(fewer.remove(one % pods.len()));
        let after = addresses(settings, &fewer, &pool);
        prop_assert!(before.iter().filter(|(pod, _)| **pod != gone).eq(after.iter()));
    }

    #[test]
    fn an_address_that_goes_moves_its_own_pods_only(settings in settings(), pods in some(20), pool in some(6), one in 0usize..6) {
        let before = addresses(settings, &pods, &pool);
        let mut fewer = pool.clone();
        let gone = IpAddr::from([192, 0, 2, fewer.remove(one % pool.len())]);
        let after = addresses(settings, &pods, &fewer);
        for (pod, address) in before.iter().filter(|(_, address)| **address != gone && !fewer.is_empty()) {
            prop_assert_eq!(after.get(pod), Some(address));
        }
    }

    #[test]
    fn the_order_of_addresses_decides_nothing(pods in some(20), pool in some(6)) {
        let backwards: Vec<u8> = pool.iter().rev().copied().collect();
        prop_assert_eq!(addresses("{}", &pods, &pool), addresses("{}", &pods, &backwards));
    }

    #[test]
    fn all_else_in_a_rule_stays_and_twice_is_once(pods in some(20), pool in some(6)) {
        let service = service(&pods, &pool);
        let once = spread("{}", &service, draft(&service));
        for rule in once.rules() {
            prop_assert_eq!(rule.destination_ports().to_vec(), testkit::ports(&["tcp:443"]));
            let split = format!("ipv4-{}", rule.address());
            prop_assert!(rule.id() == "ipv4" || rule.id() == split);
        }
        prop_assert_eq!(spread("{}", &service, once.clone()).rules().len(), once.rules().len());
    }
}
