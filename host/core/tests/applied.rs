//! The law of parts: whatever is compared and carried out part by part is what comparing everything gives.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "gateway/forgotten.rs"]
mod forgotten;
#[path = "applied/kept.rs"]
mod kept;

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{Kept, compile, compile_pods, keep, table_names};
use egressd_core::diff::{Applied, Common, Scope, Slice, SlicedChange};
use egressd_core::plan::{Plan, SubjectPlan, TunnelPlan};
use egressd_core::ruleset::Ruleset;
use egressd_core::testkit::{FakeKernel, TestNode, TwoNodes, Universe};
use proptest::prelude::*;

/// The pods for which two plans may say something else.
fn touched(old: &Plan, new: &Plan) -> BTreeSet<IpAddr> {
    let keys: BTreeSet<_> = old.subjects.keys().chain(new.subjects.keys()).collect();
    let differ = keys.into_iter().filter(|key| old.subjects.get(*key) != new.subjects.get(*key));
    let plans = differ.flat_map(|key| [old.subjects.get(key), new.subjects.get(key)]).flatten();
    let known = old.known.symmetric_difference(&new.known).copied();
    plans
        .flat_map(SubjectPlan::pods)
        .chain(known)
        .chain(old.elsewhere.symmetric_difference(&new.elsewhere).copied())
        .chain(touched_by_tunnel(old, new))
        .collect()
}

/// Those whose node, or the place of whose address, is another.
fn touched_by_tunnel(old: &Plan, new: &Plan) -> BTreeSet<IpAddr> {
    let (Some(before), Some(after)) = (&old.tunnel, &new.tunnel) else { return BTreeSet::new() };
    let homes = |tunnel: &TunnelPlan| tunnel.homes.keys().copied().collect::<BTreeSet<_>>();
    let rules = [old, new].into_iter().flat_map(|plan| plan.subjects.values()).flat_map(|subject| &subject.rules);
    let moved = rules.filter(|rule| before.mark(rule.address()) != after.mark(rule.address()));
    let moved: BTreeSet<IpAddr> = moved.flat_map(|rule| rule.sources().iter().copied()).collect();
    &moved | &(&homes(before) ^ &homes(after))
}

/// The plan, cut to these pods.
fn cut_to(plan: &Plan, pods: &BTreeSet<IpAddr>, common: Common) -> Plan {
    let mut plan = plan.clone();
    for service in plan.subjects.values_mut() {
        let mut rules = service.rules.to_vec();
        for rule in &mut rules {
            rule.retain_sources(|source| pods.contains(&source));
        }
        rules.retain(|rule| !rule.sources().is_empty());
        service.rules = rules.into();
        service.guarded = service.guarded.intersection(pods).copied().collect();
    }
    plan.known.retain(|pod| pods.contains(pod));
    plan.tunnel.iter_mut().for_each(|tunnel| tunnel.homes.retain(|pod, _| pods.contains(pod)));
    plan.subjects.retain(|_, service| service.pods().next().is_some());
    match common {
        Common::Changed => plan,
        Common::Same => Plan { excluded: Default::default(), exact: Default::default(), ..plan },
    }
}

/// What the newest plan says about what is outstanding.
fn after(plan: &Plan, scope: &Scope) -> Ruleset {
    let names = table_names(None);
    match scope {
        Scope::Everything => compile(plan, &names),
        Scope::Pods(pods, Common::Changed) => compile(&cut_to(plan, pods, Common::Changed), &names),
        Scope::Pods(pods, Common::Same) => compile_pods(&cut_to(plan, pods, Common::Same), &names),
    }
}

fn common(old: &Plan, new: &Plan) -> Common {
    let same_sets = (&old.excluded, &old.exact) == (&new.excluded, &new.exact);
    let fixed = |plan: &Plan| {
        let bare = |tunnel: &TunnelPlan| TunnelPlan { homes: Default::default(), ..tunnel.clone() };
        plan.tunnel.as_ref().map(bare)
    };
    let same =
        same_sets && fixed(old) == fixed(new) && (&old.guarded, &old.own_networks) == (&new.guarded, &new.own_networks);
    if same { Common::Same } else { Common::Changed }
}

/// What becomes of a step: how many slices the kernel takes before it refuses, and how large they are.
#[derive(Clone, Copy, Debug)]
struct CommitLimits {
    slices: usize,
    most: usize,
}

fn commit_limits() -> impl Strategy<Value = CommitLimits> {
    (prop_oneof![Just(usize::MAX), 0..3usize], prop_oneof![Just(usize::MAX), 1..6usize])
        .prop_map(|(slices, most)| CommitLimits { slices, most })
}

/// Carries out what is outstanding, as far as the kernel lets it.
fn carry_out(applied: &mut Applied, kernel: &mut FakeKernel, next: Ruleset, limits: CommitLimits) {
    carry_out_beside(applied, kernel, next, (&Kept::new(), limits));
}

/// Beside what stays.
fn carry_out_beside(
    applied: &mut Applied,
    kernel: &mut FakeKernel,
    next: Ruleset,
    (kept, limits): (&Kept, CommitLimits),
) {
    let mut comparison = applied.compare(next, |after, before| keep(after, before, kept));
    let mut left = limits.slices;
    let mut commit = |slice: &Slice| {
        slice.changes.batches().for_each(|batch| kernel.commit(batch).expect("a change the kernel takes"));
    };
    match comparison.cut(applied, limits.most) {
        SlicedChange::Whole if left == 0 => {}
        SlicedChange::Whole => {
            let changes = comparison.changes(applied);
            changes.batches().for_each(|batch| kernel.commit(batch).expect("a change the kernel takes"));
            comparison.apply_to(applied);
            applied.clear_outstanding();
        }
        SlicedChange::Slices(mut slices) => loop {
            let Some(slice) = slices.next(comparison.before(applied), comparison.after()) else {
                applied.clear_outstanding();
                return;
            };
            if left == 0 {
                return;
            }
            left -= 1;
            commit(&slice);
            comparison.take(&slice);
            applied.take(slice);
        },
    }
}

/// Any history, wherever it is interrupted, and whichever part of a large change is carried out when the next one comes.
fn every_part_is_compared(first: Plan, history: Vec<(Plan, CommitLimits)>) -> Result<(), TestCaseError> {
    let names = table_names(None);
    let all = CommitLimits { slices: usize::MAX, most: usize::MAX };
    let mut kernel = FakeKernel { ruleset: Ruleset::default(), generation: 0 };
    let mut applied = Applied::default();
    carry_out(&mut applied, &mut kernel, compile(&first, &names), all);
    let mut now = first;
    for (next, limits) in history {
        let is_same_kind = now.tunnel.is_some() == next.tunnel.is_some();
        let scope = Scope::Pods(touched(&now, &next), common(&now, &next));
        applied.add_outstanding(if is_same_kind { scope } else { Scope::Everything });
        let scope = applied.scope().clone();
        carry_out(&mut applied, &mut kernel, after(&next, &scope), limits);
        prop_assert_eq!(applied.ruleset(), &kernel.ruleset, "what we believe is what the kernel has");
        now = next;
    }
    let scope = applied.scope().clone();
    carry_out(&mut applied, &mut kernel, after(&now, &scope), all);
    prop_assert_eq!(&kernel.ruleset, &compile(&now, &names));
    prop_assert_eq!(applied.ruleset(), &kernel.ruleset);
    Ok(())
}

/// Mostly with a tunnel.
fn tunnelled() -> impl Strategy<Value = Plan> {
    let nodes = TwoNodes::random(&Universe::on_paper());
    (nodes, 0..8).prop_map(|(nodes, chance)| if chance == 0 { nodes.plan } else { nodes.on(TestNode::First) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 5_000 }))]

    #[test]
    fn part_by_part_is_everything(
        first in Universe::on_paper().plans(),
        history in prop::collection::vec((Universe::on_paper().plans(), commit_limits()), 1..6),
    ) {
        every_part_is_compared(first, history)?;
    }

    #[test]
    fn with_a_tunnel_part_by_part_is_everything(
        first in tunnelled(),
        history in prop::collection::vec((tunnelled(), commit_limits()), 1..6),
    ) {
        every_part_is_compared(first, history)?;
    }
}
