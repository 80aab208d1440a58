//! Whose connections are looked at after a start: pods that began while no egressd ran count as new, and no others (P11, P16).

use std::collections::BTreeSet;
use std::time::Duration;

use egressd_core::model::{KnownPods, Pod, PodNetwork, Snapshot, Uid, UnixTime};
use egressd_core::pipeline::SignOfLife;
use egressd_core::testkit::a;

use crate::fixture::{Fixture, Guards, web};
use crate::{POD, web_pod};

const YOUNG: &str = "10.0.0.2";
/// The last sign of life, and when the next process starts.
const SIGN: i64 = 100;
const START: i64 = 200;

fn started(name: &str, address: &str, at: i64) -> Pod {
    Pod { started: Some(UnixTime(at)), ..web_pod(name, &[address]) }
}

fn sign(at: i64) -> SignOfLife {
    SignOfLife { at: UnixTime(at), beginning: BTreeSet::new() }
}

/// Where a Service selects a pod that began long ago, and no egressd runs any more.
fn ended() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.service(web("default", Guards::Unsaid), &[]);
    fixture.come(started("web-1", POD, SIGN - 50));
    assert_eq!(begun(&mut fixture, Duration::ZERO), [POD]);
    fixture
}

/// A pod begins meanwhile.
fn meanwhile(fixture: &mut Fixture, pod: Pod) {
    let mut pods = fixture.snapshot.pods.table().expect("pods").clone();
    pods.insert(pod.into());
    fixture.snapshot.pods = KnownPods::Complete(pods);
}

/// The Services and slices are not read yet; gives what is to be read.
fn unread(fixture: &mut Fixture) -> Snapshot {
    let (services, slices) = (&mut fixture.snapshot.services, &mut fixture.snapshot.slices);
    Snapshot { services: std::mem::take(services), slices: std::mem::take(slices), ..Snapshot::default() }
}

/// They are read.
fn read(fixture: &mut Fixture, Snapshot { services, slices, .. }: Snapshot) {
    (fixture.snapshot.services, fixture.snapshot.slices) = (services, slices);
    fixture.service(web("default", Guards::Unsaid), &[]);
}

fn restart(fixture: &mut Fixture, sign: Option<SignOfLife>, translated: &[&str]) {
    let left = Some(translated.iter().map(|pod| a(pod)).collect());
    fixture.restart_after(|pipeline| pipeline.resume(sign, left, UnixTime(START)));
}

/// The pods whose connections are looked at with the next round.
fn begun(fixture: &mut Fixture, at: Duration) -> Vec<String> {
    fixture.pipeline.take_begun(at).iter().map(ToString::to_string).collect()
}

#[test]
fn a_pod_that_began_while_no_egressd_ran_counts_as_new_once_it_has_rules_and_an_older_one_does_not() {
    let mut fixture = ended();
    meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
    meanwhile(&mut fixture, started("web-3", "10.0.0.3", SIGN));
    meanwhile(&mut fixture, web_pod("web-4", &["10.0.0.4"]));
    restart(&mut fixture, Some(sign(SIGN)), &[]);
    assert_eq!(begun(&mut fixture, Duration::ZERO), [YOUNG]);
    assert!(begun(&mut fixture, Duration::ZERO).is_empty(), "once");
}

#[test]
fn a_first_start_and_a_sign_from_the_future_make_no_pod_new() {
    for sign in [None, Some(sign(START + 1))] {
        let mut fixture = ended();
        meanwhile(&mut fixture, started("web-2", YOUNG, START + 2));
        restart(&mut fixture, sign, &[]);
        assert!(begun(&mut fixture, Duration::ZERO).is_empty());
    }
}

/// Connections that pods have had for days are not to end where egressd was removed and is installed again.
#[test]
fn where_no_tables_were_left_a_sign_counts_for_ten_minutes() {
    for (start, expected) in [(SIGN + 600, vec![YOUNG]), (SIGN + 601, vec![])] {
        let mut fixture = ended();
        meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
        fixture.restart_after(|pipeline| pipeline.resume(Some(sign(SIGN)), None, UnixTime(start)));
        assert_eq!(begun(&mut fixture, Duration::ZERO), expected);
    }
}

/// The sign may be older than it could be: the disk was full, or the process crashed.
#[test]
fn a_pod_that_the_tables_translate_which_were_left_is_not_new() {
    let mut fixture = ended();
    meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
    restart(&mut fixture, Some(sign(SIGN)), &[YOUNG]);
    assert!(begun(&mut fixture, Duration::ZERO).is_empty());
}

#[test]
fn where_an_older_pod_has_the_address_too_or_it_is_the_nodes_nothing_is_new() {
    let young = started("web-2", YOUNG, SIGN + 1);
    let older = started("web-3", YOUNG, SIGN - 1);
    let nodes = Pod { network: PodNetwork::Host, ..young.clone() };
    for pods in [vec![young, older], vec![nodes]] {
        let mut fixture = ended();
        pods.into_iter().for_each(|pod| meanwhile(&mut fixture, pod));
        restart(&mut fixture, Some(sign(SIGN)), &[]);
        assert!(begun(&mut fixture, Duration::ZERO).is_empty());
    }
}

#[test]
fn a_service_that_was_not_known_before_begins_to_select_a_running_pod() {
    let mut fixture = ended();
    meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
    drop(unread(&mut fixture));
    restart(&mut fixture, Some(sign(SIGN)), &[]);
    fixture.service(web("default", Guards::Unsaid).named(7), &[]);
    assert!(begun(&mut fixture, Duration::ZERO).is_empty());
    assert!(fixture.early("default").contains(&YOUNG.to_owned()), "it is selected");
}

#[test]
fn a_service_that_is_read_later_than_its_pods_counts_for_half_a_minute() {
    for (seconds, expected) in [(29, vec![YOUNG]), (31, vec![])] {
        let mut fixture = ended();
        meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
        let later = unread(&mut fixture);
        restart(&mut fixture, Some(sign(SIGN)), &[]);
        assert!(begun(&mut fixture, Duration::ZERO).is_empty(), "it has no rules");
        assert!(begun(&mut fixture, Duration::from_secs(seconds)).is_empty(), "it has none yet");
        read(&mut fixture, later);
        assert_eq!(begun(&mut fixture, Duration::from_secs(seconds)), expected);
    }
}

#[test]
fn pods_that_are_known_late_are_not_new() {
    let mut fixture = ended();
    meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
    let pods = std::mem::take(&mut fixture.snapshot.pods);
    restart(&mut fixture, Some(sign(SIGN)), &[]);
    assert!(begun(&mut fixture, Duration::from_secs(31)).is_empty());
    fixture.know(pods);
    assert!(begun(&mut fixture, Duration::from_secs(32)).is_empty());
}

/// A kubelet takes a pod on some time before it has an address.
#[test]
fn what_had_no_address_or_no_rules_at_the_last_sign_is_new_after_a_start() {
    let mut fixture = ended();
    fixture.come(Pod { started: Some(UnixTime(SIGN - 1)), ..web_pod("web-2", &[]) });
    fixture.come(started("web-3", "10.0.0.3", SIGN - 1));
    let left = fixture.pipeline.sign_of_life(UnixTime(SIGN), Duration::ZERO).expect("a sign");
    assert_eq!(left.beginning.iter().map(Uid::as_str).collect::<Vec<_>>(), ["uid-default-web-2", "uid-default-web-3"]);
    meanwhile(&mut fixture, started("web-2", YOUNG, SIGN - 1));
    restart(&mut fixture, Some(left), &[]);
    assert_eq!(begun(&mut fixture, Duration::ZERO), [YOUNG, "10.0.0.3"]);
    let left = fixture.pipeline.sign_of_life(UnixTime(START), Duration::ZERO).expect("a sign");
    assert!(left.beginning.is_empty(), "both are seen to");
}

#[test]
fn there_is_no_sign_while_it_is_not_known_which_pods_there_are() {
    let mut fixture = ended();
    fixture.lose();
    assert_eq!(fixture.pipeline.sign_of_life(UnixTime(SIGN), Duration::ZERO), None);
    fixture.know(KnownPods::NotWatched);
    assert_eq!(
        fixture.pipeline.sign_of_life(UnixTime(SIGN), Duration::ZERO),
        Some(sign(SIGN)),
        "then none of them begins"
    );
}

/// On a quiet node the next round may be hours later, and then an address comes, say.
#[test]
fn a_pod_that_waits_in_vain_is_like_any_other_after_half_a_minute_whether_or_not_there_is_a_round() {
    let mut fixture = ended();
    meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
    let later = unread(&mut fixture);
    restart(&mut fixture, Some(sign(SIGN)), &[]);
    assert!(begun(&mut fixture, Duration::ZERO).is_empty());
    let hours = Duration::from_secs(7_200);
    let sign = fixture.pipeline.sign_of_life(UnixTime(START + 7_200), hours).expect("a sign");
    assert!(sign.beginning.is_empty(), "it runs");
    read(&mut fixture, later);
    assert!(begun(&mut fixture, hours).is_empty());
}

#[test]
fn a_service_that_begins_to_select_a_pod_after_it_was_read_selects_a_running_one() {
    let mut fixture = ended();
    meanwhile(&mut fixture, started("web-2", YOUNG, SIGN + 1));
    fixture.service(web("default", Guards::Unsaid).selecting("other"), &[]);
    restart(&mut fixture, Some(sign(SIGN)), &[]);
    assert!(begun(&mut fixture, Duration::ZERO).is_empty());
    fixture.service(web("default", Guards::Unsaid), &[YOUNG]);
    assert!(begun(&mut fixture, Duration::from_secs(1)).is_empty());
    assert!(fixture.translated("default").contains(&YOUNG.to_owned()));
}

/// The clock was ahead when the kubelet wrote it.
#[test]
fn a_pod_that_begins_in_the_future_is_not_new() {
    let mut fixture = ended();
    meanwhile(&mut fixture, started("web-2", YOUNG, START + 3_600));
    restart(&mut fixture, Some(sign(SIGN)), &[]);
    assert!(begun(&mut fixture, Duration::ZERO).is_empty());
}
