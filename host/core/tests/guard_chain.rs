//! The laws of the guard (P12): what leaves the cluster from a guarded pod has a source that the pod is translated to,
//! whatever other programs do with its source, at rest and between any two batches.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{compile, table_names};
use egressd_core::decision::Rule;
use egressd_core::diff::diff;
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::net::{Family, is_private};
use egressd_core::plan::{Plan, SubjectPlan, guarded};
use egressd_core::ruleset::{ChainKind, Direction, Layout, Ruleset, State, TableNames};
use egressd_core::testkit::{FakeKernel, Leaving, Packet, Seen, Universe, a, apply, leaves, promised, rule, trace};
use proptest::prelude::*;

/// What a CNI's masquerade makes of what egressd does not translate.
fn node(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => a("192.168.0.200"),
        Family::Ipv6 => a("fd00:7::200"),
    }
}

/// The first packet of a connection with a source.
fn new(packet: Packet, source: IpAddr) -> Leaving {
    Leaving { packet, state: State::New, direction: Direction::Original, source }
}

/// A packet with every source that it may have behind NAT: its own, the node's, and each that egressd could give it.
fn everything_that_leaves() -> Vec<Leaving> {
    let mut all = Vec::new();
    for world in &Universe::on_paper().worlds {
        let pairs = world.pods.iter().flat_map(|pod| world.destinations.iter().map(|to| Packet::new(*pod, *to)));
        for packet in pairs {
            let foreign = [packet.source, node(Family::of(packet.source))];
            all.extend(world.addresses.iter().copied().chain(foreign).map(|source| new(packet, source)));
            all.extend([State::Invalid, State::Untracked].map(|state| Leaving { state, ..new(packet, packet.source) }));
        }
    }
    all
}

/// Whether the packet is not translated because its destination may be inside. Between two batches it may be dropped:
/// that the pod is in no known network is stated in a later batch than that it is guarded.
fn is_private_for(plan: &Plan, packet: &Packet) -> bool {
    plan.elsewhere.contains(&packet.source) && is_private(packet.destination)
}

/// Whether it is in the node's pod networks, and neither known nor a subject's.
fn is_unknown(plan: &Plan, pod: IpAddr) -> bool {
    let own = plan.own_networks.values().flatten().any(|range| range.contains(pod));
    let is_of_subject = plan.subjects.values().any(|subject| subject.pods().any(|one| one == pod));
    own && !plan.known.contains(&pod) && !is_of_subject
}

fn is_held_back(plan: &Plan, pod: IpAddr) -> bool {
    guarded(plan).contains_key(&pod) || is_unknown(plan, pod)
}

/// Whether the guard lets it leave, as the promise says.
fn may_leave(plan: &Plan, leaving: &Leaving) -> bool {
    let Leaving { packet, state, source, .. } = leaving;
    let guards = guarded(plan);
    let guard = guards.get(&packet.source);
    if guard.is_none() && !is_unknown(plan, packet.source) {
        return true;
    }
    let has_connection = !matches!(state, State::Invalid | State::Untracked);
    let excluded = plan.excluded.values().flatten().any(|range| range.contains(packet.destination));
    let inside = excluded || plan.exact.contains(&packet.destination) && is_private(packet.destination);
    inside
        || has_connection && guard.is_some_and(|guard| is_private_for(plan, packet) || guard.sources.contains(source))
}

/// It has neither pods outside of all known networks, nor the set of private destinations.
fn is_unknown_to_the_first_layout(plan: &Plan, packet: &Packet) -> bool {
    plan.elsewhere.contains(&packet.source) || plan.exact.contains(&packet.destination)
}

fn names(layout: Layout) -> TableNames {
    table_names(None).in_layout(layout)
}

/// The pods that are held back in the same way in both.
fn pods_of_both(before: &Plan, after: &Plan) -> BTreeSet<IpAddr> {
    let pods = Universe::on_paper().worlds.into_iter().flat_map(|world| world.pods);
    let both = |pod: &IpAddr| [before, after].iter().all(|plan| is_held_back(plan, *pod));
    pods.filter(both).collect()
}

fn pods_of_neither(before: &Plan, after: &Plan) -> BTreeSet<IpAddr> {
    let pods = Universe::on_paper().worlds.into_iter().flat_map(|world| world.pods);
    let neither = |pod: &IpAddr| ![before, after].iter().any(|plan| is_held_back(plan, *pod));
    pods.filter(neither).collect()
}

/// Between any two batches, and while one is committed.
fn no_window_opens(before: &Plan, after: &Plan, old: &Ruleset, new: &Ruleset) -> Result<(), TestCaseError> {
    let changes = diff(old, new);
    let (both, free) = (pods_of_both(before, after), pods_of_neither(before, after));
    let mut kernel = FakeKernel { ruleset: old.clone(), generation: 0 };
    for batch in changes.batches() {
        let earlier = kernel.ruleset.clone();
        kernel.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        for leaving in everything_that_leaves() {
            let either = [before, after].map(|plan| may_leave(plan, &leaving));
            for look_up in 0..=8 {
                let left = leaves(&earlier, &kernel.ruleset, &leaving, look_up);
                let shown = || format!("{leaving:?} {look_up}\n{batch}\n{changes}");
                prop_assert!(left || !free.contains(&leaving.packet.source), "{}", shown());
                if both.contains(&leaving.packet.source) {
                    let may_be_inside = [before, after].iter().any(|plan| is_private_for(plan, &leaving.packet));
                    prop_assert!(either.contains(&true) || !left, "{}", shown());
                    prop_assert!(either.contains(&false) || may_be_inside || left, "{}", shown());
                }
            }
        }
    }
    prop_assert_eq!(&kernel.ruleset, new);
    Ok(())
}

fn plan_and_edit() -> impl Strategy<Value = (Plan, Plan, SubjectKey)> {
    let universe = Universe::on_paper();
    universe.plans().prop_flat_map(move |plan| {
        universe.edits(plan.clone()).prop_map(move |(edited, key)| (plan.clone(), edited, key))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 1_000 }))]

    #[test]
    fn a_guarded_pod_leaves_with_a_source_of_its_subjects_or_not_at_all(plan in Universe::on_paper().plans()) {
        for layout in [Layout::OURS, Layout::FIRST] {
            let ruleset = compile(&plan, &names(layout));
            for leaving in everything_that_leaves() {
                if layout == Layout::FIRST && is_unknown_to_the_first_layout(&plan, &leaving.packet) {
                    continue;
                }
                let left = leaves(&ruleset, &ruleset, &leaving, 0);
                prop_assert_eq!(left, may_leave(&plan, &leaving), "{:?}\n{}\n{}", leaving, plan, ruleset);
            }
        }
    }

    #[test]
    fn what_is_translated_passes_the_guard(plan in Universe::on_paper().plans()) {
        let ruleset = compile(&plan, &names(Layout::OURS));
        for packet in Universe::on_paper().packets() {
            if let Some(source) = promised(&plan, &packet) {
                prop_assert!(leaves(&ruleset, &ruleset, &new(packet, source), 0), "{packet:?}\n{plan}\n{ruleset}");
            }
        }
    }

    #[test]
    fn an_answer_passes_the_guard_whoever_it_goes_to(plan in Universe::on_paper().plans()) {
        let ruleset = compile(&plan, &names(Layout::OURS));
        for leaving in everything_that_leaves() {
            let answer = Leaving { state: State::Established, direction: Direction::Reply, ..leaving };
            prop_assert!(leaves(&ruleset, &ruleset, &answer, 0), "{answer:?}\n{ruleset}");
        }
    }

    #[test]
    fn no_change_opens_a_window_in_the_guard((before, after, _) in plan_and_edit()) {
        let [old, new] = [&before, &after].map(|plan| compile(plan, &names(Layout::OURS)));
        no_window_opens(&before, &after, &old, &new)?;
    }

    #[test]
    fn between_any_two_plans_no_window_opens(
        before in Universe::on_paper().plans(),
        after in Universe::on_paper().plans(),
    ) {
        let [old, new] = [&before, &after].map(|plan| compile(plan, &names(Layout::OURS)));
        no_window_opens(&before, &after, &old, &new)?;
    }

    /// As an earlier release or another program may have left them.
    #[test]
    fn chains_at_another_hook_are_made_anew_and_no_window_opens(plan in Universe::on_paper().plans()) {
        let ruleset = compile(&plan, &names(Layout::OURS));
        no_window_opens(&plan, &plan, &elsewhere_hooked(&ruleset), &ruleset)?;
    }

    #[test]
    fn any_change_in_the_first_layout_is_one_that_the_kernel_takes(
        before in Universe::on_paper().plans(),
        after in Universe::on_paper().plans(),
    ) {
        let [old, new] = [&before, &after].map(|plan| compile(plan, &names(Layout::FIRST)));
        prop_assert_eq!(apply(&old, &diff(&old, &new)).map_err(|refused| refused.to_string()), Ok(new));
    }
}

/// The same with the guard's chains behind the place that they have.
fn elsewhere_hooked(ruleset: &Ruleset) -> Ruleset {
    let mut moved = ruleset.clone();
    let chains = moved.tables.values_mut().flat_map(|table| table.chains.values_mut());
    for hook in chains.filter_map(|chain| chain.hook.as_mut()).filter(|hook| hook.kind == ChainKind::Filter) {
        hook.priority += 1;
    }
    moved
}

/// As in P13: between namespaces the one decides whose endpoint names its own pod, and then the older.
#[test]
fn a_subject_of_another_namespace_guards_no_pod_of_one_that_takes_precedence() {
    let (pod, address) = (a("10.0.0.1"), a("192.0.2.1"));
    let subject = |created: i64, rules: Vec<Rule>, foreign: &[IpAddr], guarded: &[IpAddr]| SubjectPlan {
        uid: Uid::new(format!("uid-{created}")).expect("a uid"),
        created,
        rules: rules.into(),
        foreign: foreign.iter().copied().collect(),
        guarded: guarded.iter().copied().collect(),
        on_change: Default::default(),
    };
    let keys = [SubjectKey::service("shop", "web"), SubjectKey::service("other", "x")];
    let guards = |own: SubjectPlan, other: SubjectPlan| {
        let plan = Plan { subjects: keys.iter().cloned().zip([own, other]).collect(), ..Plan::default() };
        guarded(&plan).get(&pod).map(|guard| guard.key.clone())
    };
    let own = |created| subject(created, vec![rule([pod], address)], &[], &[]);
    assert_eq!(guards(own(1), subject(2, vec![], &[], &[pod])), None, "a younger one that names it");
    assert_eq!(guards(own(2), subject(1, vec![], &[pod], &[pod])), None, "an older one that names no pod");
    assert_eq!(guards(own(2), subject(1, vec![], &[], &[pod])), Some(keys[1].clone()), "an older one that names it");
    let guarding = subject(1, vec![rule([pod], address)], &[], &[pod]);
    assert_eq!(guards(guarding, subject(2, vec![], &[], &[])), Some(keys[0].clone()));
}

/// A plan of subjects, each of one pod: whether that is guarded, and what it is translated to.
fn of_pods(pods: &[(&str, bool)]) -> Plan {
    let subject = |(pod, is_guarded): &(&str, bool)| {
        let planned = SubjectPlan {
            uid: Uid::new(format!("uid-{}", pod.replace('.', "-"))).expect("a uid"),
            created: 1,
            rules: vec![rule([a(pod)], a("11.0.0.1"))].into(),
            foreign: Default::default(),
            on_change: Default::default(),
            guarded: is_guarded.then(|| a(pod)).into_iter().collect(),
        };
        (SubjectKey::service("shop", *pod), planned)
    };
    let excluded = egressd_core::testkit::facts().excluded;
    Plan { excluded, guarded: [Family::Ipv4].into(), subjects: pods.iter().map(subject).collect(), ..Plan::default() }
}

/// `--unknown-pods` from drop to pass, as a pod becomes known that is translated from now on.
#[test]
fn an_unknown_pod_is_not_free_before_its_own_elements_come() {
    let (guarded, pod) = (("10.0.0.1", true), "10.0.0.9");
    let own = "10.0.0.0/24".parse::<ipnet::IpNet>().expect("a network").into();
    let old = Plan { own_networks: [(Family::Ipv4, vec![own])].into(), ..of_pods(&[guarded]) };
    let [old, new_state] = [old, of_pods(&[guarded, (pod, false)])].map(|plan| compile(&plan, &table_names(None)));
    let packet = Packet::new(a(pod), a("192.0.2.1"));
    let masqueraded = new(packet, node(Family::Ipv4));
    let mut kernel = FakeKernel { ruleset: old, generation: 0 };
    for batch in diff(&kernel.ruleset.clone(), &new_state).batches() {
        kernel.commit(batch).expect("a change the kernel takes");
        let is_free = leaves(&kernel.ruleset, &kernel.ruleset, &masqueraded, 0);
        let seen = trace(&kernel.ruleset, &packet);
        assert!(!is_free || seen == Seen::As(a("11.0.0.1")), "{batch}");
    }
    assert!(leaves(&kernel.ruleset, &kernel.ruleset, &masqueraded, 0), "in the end it is");
}
