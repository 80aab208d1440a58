//! The laws of connections after a change (P11): of those that contradict the rules in force exactly the ones go that a
//! subject with `sever` is concerned by, or that the guard drops; unasked, those of new pods and of gaps, and none that
//! began by rules.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use egressd_core::compile::{compile, table_names};
use egressd_core::decision::OnChange;
use egressd_core::diff::{Common, Scope};
use egressd_core::flows::{Check, Checks, Flow, FlowId, KeptFlows, Known, Reason, Verdict, Zone, verdict};
use egressd_core::in_force::{AppliedRound, PendingRound, UnixTime};
use egressd_core::model::SubjectKey;
use egressd_core::net::{Family, Protocol};
use egressd_core::on_change::{Committed, checks, severing};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::record::{Record, RecordState};
use egressd_core::testkit::{Packet, Universe, a, promised};
use proptest::prelude::*;

/// The round that has a plan, as far as connections depend on it.
fn round(plan: &Plan, changed: impl IntoIterator<Item = SubjectKey>) -> PendingRound {
    let record = |plan: &SubjectPlan| {
        Arc::new(Record { uid: plan.uid.clone(), outcome: RecordState::Unanswered(Some(Arc::new(plan.clone()))) })
    };
    let records = plan.subjects.iter().map(|(key, plan)| (key.clone(), record(plan))).collect();
    PendingRound { records, changed: changed.into_iter().collect(), ..PendingRound::default() }
}

/// The addresses of the node.
fn nodes() -> BTreeSet<IpAddr> {
    [a("192.168.0.200"), a("fd00:7::200")].into()
}

fn known(nodes: &BTreeSet<IpAddr>) -> Known<'_> {
    static NONE: LazyLock<KeptFlows> = LazyLock::new(KeptFlows::default);
    Known { kept: &NONE, nodes }
}

/// The entries of all packets of the universe, with every source that one may have.
fn flows() -> Vec<Flow> {
    let mut all = Vec::new();
    for world in Universe::on_paper().worlds {
        for (pod, to) in world.pods.iter().flat_map(|pod| world.destinations.iter().map(move |to| (*pod, *to))) {
            let node = match Family::of(pod) {
                Family::Ipv4 => a("192.168.0.200"),
                Family::Ipv6 => a("fd00:7::200"),
            };
            for seen_as in world.addresses.iter().copied().chain([pod, node]) {
                for transport in [Some((Protocol::Tcp, 80, 80)), Some((Protocol::Udp, 81, 82)), None] {
                    let id = FlowId(u32::try_from(all.len()).unwrap());
                    all.push(Flow {
                        source: pod,
                        called: to,
                        destination: to,
                        seen_as,
                        transport,
                        id,
                        zone: Zone::Default,
                    });
                }
            }
        }
    }
    all
}

fn packet(flow: &Flow) -> Packet {
    let Flow { source, called, destination, transport, .. } = *flow;
    Packet { source, destination, original_destination: called, transport }
}

/// The addresses that subjects give a pod.
fn given<'p>(subjects: impl IntoIterator<Item = &'p SubjectPlan>, pod: IpAddr) -> BTreeSet<IpAddr> {
    let rules = subjects.into_iter().flat_map(|plan| &plan.rules);
    rules.filter(|rule| rule.sources().contains(&pod)).map(|rule| rule.address()).collect()
}

/// Whether an entry goes, straight from both plans.
fn is_to_go(before: &Plan, after: &Plan, flow: &Flow) -> bool {
    let of = |key: &SubjectKey| [before, after].map(|plan| plan.subjects.get(key)).into_iter().flatten();
    let keys: BTreeSet<&SubjectKey> = before.subjects.keys().chain(after.subjects.keys()).collect();
    let severs = |key: &&&SubjectKey| of(key).any(severing);
    let of_severing = given(keys.iter().filter(severs).flat_map(|key| of(key)), flow.source);
    let promised = promised(after, &packet(flow)).filter(|_| !is_of_others(before, after, flow));
    let asked = match promised {
        Some(address) => {
            address != flow.seen_as && (of_severing.contains(&address) || of_severing.contains(&flow.seen_as))
        }
        None => of_severing.contains(&flow.seen_as),
    };
    let is_guarded = after.subjects.values().any(|plan| plan.guarded.contains(&flow.source));
    let is_dropped = is_guarded && !given(after.subjects.values(), flow.source).contains(&flow.seen_as);
    asked || is_dropped && promised.is_some_and(|address| address != flow.seen_as)
}

/// Whether its source is neither the pod's, the node's nor one that a subject gives or gave the pod.
fn is_of_others(before: &Plan, after: &Plan, flow: &Flow) -> bool {
    let subjects = before.subjects.values().chain(after.subjects.values());
    let known = given(subjects, flow.source).into_iter().chain(nodes()).chain([flow.source]);
    !known.into_iter().any(|address| address == flow.seen_as)
}

fn with_on_change(mut plan: Plan, severs: [bool; 4]) -> Plan {
    for (subject, severs) in plan.subjects.values_mut().zip(severs) {
        subject.on_change = if severs { OnChange::Sever } else { OnChange::Keep };
    }
    plan
}

prop_compose! {
    fn edits()(plan in Universe::on_paper().plans(), severs in any::<[bool; 4]>())
        (edit in Universe::on_paper().edits(with_on_change(plan.clone(), severs)), now in any::<bool>(),
         plan in Just(with_on_change(plan, severs))) -> (Plan, Plan, SubjectKey) {
        let (mut edited, key) = edit;
        if let Some(subject) = edited.subjects.get_mut(&key) {
            subject.on_change = if now { OnChange::Sever } else { OnChange::Keep };
        }
        (plan, edited, key)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 1_000 }))]

    #[test]
    fn after_a_change_exactly_what_contradicts_it_and_is_asked_for_goes((before, after, key) in edits()) {
        let mut in_force = AppliedRound::default();
        in_force.take_over(&round(&before, before.subjects.keys().cloned()), UnixTime(0));
        let pods: BTreeSet<IpAddr> =
            [&before, &after].iter().filter_map(|plan| plan.subjects.get(&key)).flat_map(SubjectPlan::pods).collect();
        let both = before.subjects.iter().chain(&after.subjects);
        let severed = both.filter(|(_, plan)| severing(plan)).map(|(key, _)| key.clone()).collect();
        let of_pod: Vec<(IpAddr, Vec<SubjectKey>)> = pods.iter().map(|pod| {
            let of = after.subjects.iter().filter(|(_, plan)| plan.pods().any(|one| one == *pod));
            (*pod, of.map(|(key, _)| key.clone()).collect())
        }).collect();
        let newest = round(&after, [key.clone()]);
        let checks = checks(Committed {
            before: &in_force,
            newest: &newest,
            scope: &Scope::Pods(pods.clone(), Common::Same),
            severing: &severed,
            of_pod: &|pod| of_pod.iter().find(|(one, _)| *one == pod).map_or(&[][..], |(_, keys)| keys),
        });
        let (ruleset, nodes) = (compile(&after, &table_names(None)), nodes());
        for flow in flows() {
            let goes = checks.get(flow.source).is_some_and(|check| {
                verdict(&flow, flow.promised(&ruleset), &check, known(&nodes)) == Verdict::Severed
            });
            let expected = pods.contains(&flow.source) && is_to_go(&before, &after, &flow);
            prop_assert_eq!(goes, expected, "{:?}", flow);
        }
    }

    /// Whatever the reason: no entry goes that the rules in force would make.
    #[test]
    fn what_fits_the_rules_in_force_never_goes(plan in Universe::on_paper().plans(), given in any::<bool>()) {
        let (ruleset, nodes) = (compile(&plan, &table_names(None)), nodes());
        let reasons = [Reason::Asked, Reason::Guarded, Reason::New, Reason::Gap, Reason::Census];
        let addresses = Universe::on_paper().worlds.into_iter().flat_map(|world| world.addresses);
        let severing = if given { addresses.collect() } else { BTreeSet::new() };
        let check = Check { reasons: reasons.into(), severing, ..Check::default() };
        for flow in flows() {
            let promised = promised(&plan, &packet(&flow));
            prop_assert_eq!(flow.promised(&ruleset), promised);
            if promised == Some(flow.seen_as) {
                prop_assert_eq!(verdict(&flow, promised, &check, known(&nodes)), Verdict::Fits);
            }
        }
    }
}

fn flow(seen_as: &str) -> Flow {
    let (source, to) = (a("10.0.0.1"), a("192.0.2.1"));
    Flow {
        source,
        called: to,
        destination: to,
        seen_as: a(seen_as),
        transport: None,
        id: FlowId(7),
        zone: Zone::Default,
    }
}

fn judged(flow: &Flow, check: &Check, kept: &KeptFlows) -> Verdict {
    verdict(flow, Some(a("11.0.0.1")), check, Known { kept, nodes: &nodes() })
}

#[test]
fn unasked_only_what_a_new_pod_or_a_gap_began_without_rules_goes() {
    let (nodes, old) = (flow("192.168.0.200"), flow("11.0.0.9"));
    let with_old = |reason| Check { earlier: [old.seen_as].into(), ..Check::of(reason) };
    let unknown = KeptFlows::default();
    let mut looked_at = KeptFlows::default();
    looked_at.set(nodes.source, BTreeSet::new());
    let mut kept = KeptFlows::default();
    kept.set(nodes.source, [nodes.id].into());
    assert_eq!(judged(&nodes, &with_old(Reason::New), &unknown), Verdict::Severed);
    assert_eq!(judged(&nodes, &with_old(Reason::Gap), &looked_at), Verdict::Severed);
    assert_eq!(judged(&nodes, &with_old(Reason::Gap), &unknown), Verdict::Kept);
    assert_eq!(judged(&nodes, &with_old(Reason::Gap), &kept), Verdict::Kept);
    for reason in [Reason::New, Reason::Gap, Reason::Census] {
        assert_eq!(judged(&old, &with_old(reason), &looked_at), Verdict::Kept, "{reason:?}");
    }
    assert_eq!(judged(&nodes, &with_old(Reason::Census), &looked_at), Verdict::Kept);
}

#[test]
fn of_more_entries_than_are_known_all_are_kept() {
    let mut kept = KeptFlows::default();
    let many = (0..u32::try_from(egressd_core::flows::MOST_KEPT).unwrap() + 1).map(FlowId).collect();
    kept.set(a("10.0.0.1"), many);
    assert!(!kept.began_later(&flow("192.168.0.200")));
    kept.set(a("10.0.0.1"), BTreeSet::new());
    assert!(kept.began_later(&flow("192.168.0.200")));
    kept.retain(&BTreeSet::new());
    assert!(!kept.began_later(&flow("192.168.0.200")));
}

#[test]
fn what_another_program_translates_and_what_is_in_its_zone_stays() {
    let check = Check { severing: [a("11.0.0.1")].into(), ..Check::of(Reason::Asked) };
    assert_eq!(judged(&flow("5.5.5.5"), &check, &KeptFlows::default()), Verdict::Fits);
    assert_eq!(judged(&flow("10.0.0.1"), &check, &KeptFlows::default()), Verdict::Severed);
    let beside = Flow { zone: Zone::Other, ..flow("10.0.0.1") };
    assert_eq!(judged(&beside, &check, &KeptFlows::default()), Verdict::Fits);
}

/// A walk takes time, and what is found by it is compared with the rules of its end.
#[test]
fn what_began_by_rules_that_changed_during_a_walk_stays() {
    for mut checks in [Checks::of_all(Reason::Gap), Checks::of(flow("11.0.0.9").source, Check::of(Reason::New))] {
        let later = Check { earlier: [a("11.0.0.9")].into(), ..Check::of(Reason::Census) };
        checks.learn(&Checks::of(flow("11.0.0.9").source, later));
        let check = checks.get(flow("11.0.0.9").source).unwrap();
        let mut looked_at = KeptFlows::default();
        looked_at.set(flow("11.0.0.9").source, BTreeSet::new());
        assert_eq!(judged(&flow("11.0.0.9"), &check, &looked_at), Verdict::Kept);
        assert_eq!(judged(&flow("192.168.0.200"), &check, &looked_at), Verdict::Severed);
    }
}
