//! The same where something stays of Services of which it is unknown what was in force.

use egressd_core::compile::{compile, keep, kept_pods, table_names};
use egressd_core::diff::{Applied, Common, Scope};
use egressd_core::plan::Plan;
use egressd_core::ruleset::{AWAY, HELD, Ruleset};
use egressd_core::testkit::{FakeKernel, TestNode, TwoNodes, Universe};
use proptest::prelude::*;

use super::forgotten::forget;
use super::{CommitLimits, after, carry_out_beside, commit_limits, touched};

/// Two nodes, and what the addresses of both are later.
fn before_and_after() -> impl Strategy<Value = (TwoNodes, TwoNodes)> {
    let universe = Universe::on_paper();
    TwoNodes::random(&universe)
        .prop_flat_map(move |before| (Just(before.clone()), TwoNodes::with(&universe, before.plan)))
}

fn compiled(plan: &Plan) -> Ruleset {
    compile(plan, &table_names(None))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 3_000 }))]

    #[test]
    fn of_what_stays_a_part_is_everything_too(
        (before, later) in before_and_after(),
        forgotten in prop::collection::vec(any::<bool>(), 4),
        interrupted in commit_limits(),
    ) {
        let (today, kept) = forget(&before.plan, &forgotten);
        let (mut first, now) = (compiled(&before.planned(today.clone()).on(TestNode::First)), later.planned(today.clone()).on(TestNode::First));
        keep(&mut first, &compiled(&before.on(TestNode::First)), &kept);
        let mut whole = compiled(&now);
        keep(&mut whole, &first, &kept);

        let mut applied = Applied::of(first.clone());
        let mut kernel = FakeKernel { ruleset: first, generation: 0 };
        applied.clear_outstanding();
        let before = before.planned(today).on(TestNode::First);
        applied.add_outstanding(Scope::Pods(touched(&before, &now), Common::Changed));
        for limits in [interrupted, CommitLimits { slices: usize::MAX, most: usize::MAX }] {
            applied.look_at_kept(kept_pods(&kept));
            let target = after(&now, applied.scope());
            carry_out_beside(&mut applied, &mut kernel, target, (&kept, limits));
        }
        prop_assert_eq!(&kernel.ruleset, &whole);
        for table in kernel.ruleset.tables.values() {
            prop_assert!(table.members(&AWAY).is_disjoint(&table.members(&HELD)));
        }
    }
}
