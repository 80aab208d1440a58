//! What the kernel has for Services of which it is unknown what was in force.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{Kept, compile, keep, table_names};
use egressd_core::diff::diff;
use egressd_core::model::SubjectKey;
use egressd_core::plan::{Plan, SubjectAddresses, SubjectPlan, guarded};
use egressd_core::ruleset::{Direction, GUARD, Ruleset, State};
use egressd_core::testkit::{Leaving, Packet, Seen, Universe, a, apply, leaves, trace};
use proptest::prelude::*;

fn ruleset(plan: &Plan) -> Ruleset {
    compile(plan, &table_names(None))
}

fn pods(service: &SubjectPlan) -> BTreeSet<IpAddr> {
    service.rules.iter().flat_map(|rule| rule.sources().iter().copied()).collect()
}

fn own(key: &SubjectKey, service: &SubjectPlan) -> SubjectAddresses {
    let addresses = service.rules.iter().map(|rule| rule.address()).collect();
    SubjectAddresses { key: key.clone(), pods: service.pods().collect(), addresses }
}

/// A plan in force, and the same without every Service whose place in the plan is in `forgotten`.
fn scene() -> impl Strategy<Value = (Plan, Plan, Kept)> {
    (Universe::on_paper().plans(), prop::collection::vec(any::<bool>(), 8)).prop_map(|(plan, forgotten)| {
        let (mut today, mut kept) = (plan.clone(), Kept::new());
        for ((key, service), gone) in plan.subjects.iter().zip(forgotten.into_iter().cycle()) {
            if gone {
                today.subjects.remove(key);
                kept.insert(service.uid.clone(), own(key, service));
            }
        }
        (plan, today, kept)
    })
}

/// A pod that is the Service's own stays guarded, without an address to leave with.
fn without_guard(ruleset: &mut Ruleset) {
    for table in ruleset.tables.values_mut() {
        table.maps.retain(|_, map| !map.kind.is_of_the_guard());
        table.chains.remove(&GUARD);
    }
}

/// No plan has it inside.
fn outside(pod: IpAddr) -> IpAddr {
    a(if pod.is_ipv4() { "203.0.113.77" } else { "2001:db9::77" })
}

fn packets() -> Vec<Packet> {
    Universe::on_paper().packets()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 3_000 }))]

    /// Where nothing else is known about a pod, no packet of it changes; and what is known goes first. Of a pod that is
    /// behind several of which some are known, a packet is as it was or untranslated: it falls to no other that stays.
    #[test]
    fn what_is_unknown_stays_and_changes_no_packet_of_what_is_known((before, today, kept) in scene()) {
        let (applied, known) = (ruleset(&before), ruleset(&today));
        let mut all = known.clone();
        keep(&mut all, &applied, &kept);
        let elsewhere: BTreeSet<IpAddr> = today.subjects.values().flat_map(pods).collect();
        for packet in packets() {
            let [was, says, is] = [&applied, &known, &all].map(|ruleset| trace(ruleset, &packet));
            match says {
                Seen::As(_) => prop_assert_eq!(is, says, "{:?}\n{}", packet, all),
                Seen::Untranslated if !elsewhere.contains(&packet.source) => prop_assert_eq!(is, was, "{:?}\n{}", packet, all),
                Seen::Untranslated => prop_assert!(is == says || is == was, "{:?} sees {:?}\n{}", packet, is, all),
            }
        }
    }

    /// P12: what is unknown is never open.
    #[test]
    fn a_pod_that_was_guarded_by_what_is_unknown_stays_guarded((before, today, kept) in scene()) {
        let mut all = ruleset(&today);
        keep(&mut all, &ruleset(&before), &kept);
        let known: BTreeSet<IpAddr> = today.subjects.values().flat_map(pods).collect();
        for (pod, guard) in guarded(&before) {
            if known.contains(&pod) || !kept.contains_key(&guard.subject.uid) {
                continue;
            }
            let packet = Packet::new(pod, outside(pod));
            let untranslated = Leaving { packet, state: State::New, direction: Direction::Original, source: pod };
            prop_assert!(!leaves(&all, &all, &untranslated, 0), "{pod}\n{all}");
        }
    }

    /// The round after it finds in the kernel what it left there.
    #[test]
    fn what_stays_once_stays_as_it_is((before, today, kept) in scene()) {
        let (mut once, mut twice) = (ruleset(&today), ruleset(&today));
        keep(&mut once, &ruleset(&before), &kept);
        keep(&mut twice, &once, &kept);
        prop_assert_eq!(&once, &twice);
        let changes = diff(&ruleset(&before), &once);
        prop_assert_eq!(apply(&ruleset(&before), &changes), Ok(once));
    }

    /// P1.
    #[test]
    fn of_what_is_not_the_services_own_any_more_nothing_stays((before, today, kept) in scene(), pods_go in any::<bool>()) {
        let cut = kept.into_iter().map(|(uid, own)| {
            let own = if pods_go {
                SubjectAddresses { pods: BTreeSet::new(), ..own }
            } else {
                SubjectAddresses { addresses: BTreeSet::new(), ..own }
            };
            (uid, own)
        });
        let mut all = ruleset(&today);
        keep(&mut all, &ruleset(&before), &cut.collect());
        let mut expected = ruleset(&today);
        if !pods_go {
            [&mut all, &mut expected].into_iter().for_each(without_guard);
        }
        prop_assert_eq!(all, expected);
    }
}

#[test]
fn a_service_that_is_decided_about_keeps_nothing() {
    let plan = Plan { subjects: [].into(), ..Plan::default() };
    let mut all = ruleset(&plan);
    keep(&mut all, &ruleset(&plan), &Kept::new());
    assert_eq!(all, ruleset(&plan));
}
