//! What follows without a slice from the pods of this node that the selector of a Service matches, as far as they are
//! known: who is guarded (P12), by all its addresses, where the Service asks for `drop`; and who is translated.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "selected/announced.rs"]
mod announced;
#[path = "selected/begun.rs"]
mod begun;
#[path = "selected/early.rs"]
mod early;
#[path = "selected/fixture.rs"]
mod fixture;

use egressd_core::decision::OnUnavailable;
use egressd_core::model::{KnownPods, Phase, Pod, PodNetwork};
use fixture::{Fixture, Guards, labelled, pod, web};

const POD: &str = "10.0.0.1";
const V6: &str = "fd00:10:244::1";
/// What a plugin gives pods beside their own network.
const SECOND: &str = "172.30.0.1";

fn texts(addresses: &[&str]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

fn app(number: u8) -> &'static str {
    if (40..45).contains(&number) { "other" } else { "web" }
}

fn web_pod(name: &str, addresses: &[&str]) -> Pod {
    pod("default", name, addresses)
}

#[test]
fn a_pod_that_a_drop_service_selects_is_guarded_by_all_its_addresses_before_a_slice_lists_it() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    assert!(fixture.guarded("default").is_empty());
    fixture.come(web_pod("web-1", &[POD, V6, SECOND]));
    assert_eq!(fixture.guarded("default"), [POD, SECOND, V6]);
    assert_eq!(fixture.codes("default"), ["pods-not-listed"]);
    fixture.wait_for_slices();
    assert_eq!(fixture.guarded("default"), [POD, SECOND, V6]);
}

#[test]
fn what_a_slice_lists_then_is_translated_and_the_other_addresses_stay_guarded() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    fixture.come(web_pod("web-1", &[POD, V6]));
    fixture.service(web("default", Guards::Drop), &[POD]);
    assert_eq!((fixture.translated("default"), fixture.guarded("default")), (texts(&[POD]), texts(&[POD, V6])));
    fixture.service(web("default", Guards::Drop), &[POD, V6]);
    assert!(fixture.codes("default").iter().all(|code| code != "pods-not-listed"), "{:?}", fixture.codes("default"));
}

/// A tenant would stop the pods of another one.
#[test]
fn a_pod_of_another_namespace_is_never_guarded_for_its_labels() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    for namespace in ["defaul", "default-2", "other"] {
        fixture.come(pod(namespace, "web-1", &[POD]));
        assert!(fixture.guarded("default").is_empty(), "{namespace}");
    }
}

/// As where a slice lists it: nothing shows whose it is, and unknown is not open. Whoever has more to show goes first.
#[test]
fn an_address_that_pods_of_two_namespaces_have_is_guarded_and_counts_as_foreign() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    fixture.come(web_pod("web-1", &[POD, V6]));
    assert!(fixture.foreign("default").is_empty());
    fixture.come(pod("other", "web-1", &[POD]));
    assert_eq!((fixture.guarded("default"), fixture.foreign("default")), (texts(&[POD, V6]), texts(&[POD])));
    fixture.go("other", "web-1");
    assert!(fixture.foreign("default").is_empty());
}

#[test]
fn a_service_that_lets_its_pods_pass_guards_none() {
    for (setting, guards) in [(OnUnavailable::Pass, Guards::Unsaid), (OnUnavailable::Drop, Guards::Pass)] {
        let mut fixture = Fixture::with(setting);
        fixture.service(web("default", guards), &[]);
        fixture.come(web_pod("web-1", &[POD]));
        assert!(fixture.guarded("default").is_empty(), "{setting:?} {guards:?}");
        assert!(fixture.codes("default").is_empty());
        fixture.service(web("default", Guards::Drop), &[]);
        assert_eq!(fixture.guarded("default"), [POD]);
        fixture.service(web("default", Guards::Pass), &[]);
        assert!(fixture.guarded("default").is_empty());
    }
}

#[test]
fn whatever_asks_for_drop_guards_them() {
    let cases = [
        (OnUnavailable::Drop, Guards::Unsaid),
        (OnUnavailable::Pass, Guards::Policy),
        (OnUnavailable::Pass, Guards::Drop),
    ];
    for (setting, guards) in cases {
        let mut fixture = Fixture::with(setting);
        fixture.service(web("default", guards), &[]);
        fixture.come(web_pod("web-1", &[POD]));
        assert_eq!(fixture.guarded("default"), [POD], "{setting:?} {guards:?}");
    }
}

#[test]
fn labels_that_change_and_pods_that_end_or_go_are_followed() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    let others = [
        labelled(web_pod("web-1", &[POD]), "db"),
        Pod { phase: Phase::Ended, ..web_pod("web-1", &[POD]) },
        Pod { network: PodNetwork::Host, ..web_pod("web-1", &[POD]) },
        web_pod("web-1", &["127.0.0.1"]),
        web_pod("web-1", &[]),
    ];
    for other in others {
        fixture.come(web_pod("web-1", &[POD]));
        assert_eq!(fixture.guarded("default"), [POD]);
        fixture.come(other.clone());
        assert!(fixture.guarded("default").is_empty(), "{other:?}");
    }
    fixture.come(web_pod("web-1", &[POD]));
    fixture.go("default", "web-1");
    assert!(fixture.guarded("default").is_empty());
}

#[test]
fn an_address_of_the_nodes_own_interfaces_is_no_pods() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    fixture.come(web_pod("web-1", &[POD, V6]));
    fixture.hold(&[POD]);
    assert_eq!(fixture.guarded("default"), [V6]);
    fixture.hold(&[]);
    assert_eq!(fixture.guarded("default"), [POD, V6]);
}

/// That the kernel has it in no pod network is stated of a pod that no slice lists, too.
#[test]
fn the_network_of_a_pod_that_no_slice_lists_is_followed() {
    let mut fixture = Fixture::in_networks_of_a_plugin();
    fixture.plug("10.0.0.0/16");
    fixture.service(web("default", Guards::Drop), &[]);
    fixture.come(web_pod("web-1", &[SECOND]));
    assert!(fixture.is_elsewhere(SECOND));
    fixture.plug("172.30.0.0/16");
    assert!(!fixture.is_elsewhere(SECOND));
}

#[test]
fn where_pods_are_not_watched_slices_alone_count_and_the_last_known_pods_go_on_to() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &[]);
    fixture.come(web_pod("web-1", &[POD]));
    fixture.lose();
    assert_eq!(fixture.guarded("default"), [POD]);
    fixture.know(KnownPods::NotWatched);
    assert!(fixture.guarded("default").is_empty());
    fixture.service(web("default", Guards::Drop), &[POD]);
    assert_eq!(fixture.guarded("default"), [POD]);
}

/// They need no room of the limits, so they must not be more than what has none.
#[test]
fn so_many_pods_are_guarded_without_a_slice_as_are_guarded_whatever_limits_say() {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Drop), &["10.0.9.1"]);
    let address = |number: u16| format!("10.0.{}.{}", number / 250, number % 250 + 1);
    fixture.come_all((0..600).map(|number| web_pod(&format!("web-{number}"), &[&address(number)])));
    fixture.wait_for_slices();
    assert_eq!(fixture.guarded("default").len(), 512);
    assert!(fixture.guarded("default").contains(&"10.0.9.1".to_owned()));
}

/// The price of a pod's change: the Services of its namespace that guard or translate it, and not all that list or select
/// others, or ask for nothing.
#[test]
fn a_change_of_a_pod_costs_the_services_that_select_it_and_ask_for_something() {
    let mut fixture = Fixture::default();
    for number in 0..50 {
        let guards = match number {
            0 | 1 => Guards::Drop,
            2 | 40.. => Guards::Unsaid,
            3..40 => Guards::Nothing,
        };
        fixture.service(
            web(if number < 45 { "default" } else { "other" }, guards).named(number).selecting(app(number)),
            &[],
        );
    }
    assert_eq!(fixture.looked_at(labelled(web_pod("db-1", &[POD]), "db")), 0);
    assert_eq!(fixture.looked_at(web_pod("web-1", &["10.0.0.2"])), 3);
}
