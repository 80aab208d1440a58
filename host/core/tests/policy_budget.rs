//! What all policies together may cost, whatever comes in whatever order.

use std::collections::BTreeMap;
use std::time::Duration;

use egressd_core::policy::{Budget, Cost, Limits};
use proptest::prelude::*;

const LIMITS: Limits = Limits { policies: 4, native: 100, time: Duration::from_secs(10), wait: Duration::ZERO };

/// A name, and what a policy of it costs; none for one that is off, or gone.
fn step() -> impl Strategy<Value = (String, Option<Cost>)> {
    let cost = (1_u64..60, 0_u64..6).prop_map(|(native, time)| Cost { native, time: Duration::from_secs(time) });
    ("[a-h]", prop::option::weighted(0.8, cost))
}

proptest! {
    #[test]
    fn no_order_of_policies_costs_more_than_the_limits_and_none_takes_the_place_of_another(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut budget = Budget::new(LIMITS);
        let mut in_force: BTreeMap<String, Cost> = BTreeMap::new();
        for (name, cost) in steps {
            let fits = cost.is_none_or(|cost| budget.fits(&name, cost).is_ok());
            if fits {
                budget.charge(&name, cost);
                match cost {
                    Some(cost) => drop(in_force.insert(name, cost)),
                    None => drop(in_force.remove(&name)),
                }
            }
            prop_assert!(in_force.len() <= LIMITS.policies);
            prop_assert!(in_force.values().map(|cost| cost.native).sum::<u64>() <= LIMITS.native);
            prop_assert!(in_force.values().map(|cost| cost.time).sum::<Duration>() <= LIMITS.time);
            // What is in force could be loaded again as it is, so what is refused costs it nothing.
            for (name, cost) in &in_force {
                prop_assert_eq!(budget.fits(name, *cost), Ok(()));
            }
        }
    }

    #[test]
    fn what_is_refused_would_have_exceeded_a_limit(costs in prop::collection::vec(step(), 0..20), (name, cost) in step()) {
        let mut budget = Budget::new(LIMITS);
        let others: BTreeMap<String, Cost> =
            costs.into_iter().filter(|(other, _)| *other != name).filter_map(|(name, cost)| Some((name, cost?))).collect();
        // As after a start with other limits: what is in force is charged whatever it costs.
        others.iter().for_each(|(name, cost)| budget.charge(name, Some(*cost)));
        let cost = cost.unwrap_or_default();
        let native = cost.native + others.values().map(|cost| cost.native).sum::<u64>();
        let time = cost.time + others.values().map(|cost| cost.time).sum::<Duration>();
        let within = others.len() < LIMITS.policies && native <= LIMITS.native && time <= LIMITS.time;
        prop_assert_eq!(budget.fits(&name, cost).is_ok(), within);
    }
}

#[test]
fn a_refusal_names_the_config_map_the_limit_and_the_remedy() {
    let full = |native, time| {
        let limits = Limits { policies: 2, native: 64 << 20, time: Duration::from_secs(30), wait: Duration::ZERO };
        let mut budget = Budget::new(limits);
        budget.charge("first", Some(Cost { native: 60 << 20, time: Duration::from_secs(29) }));
        budget.fits("guard", Cost { native, time: Duration::from_secs(time) }).map_err(|excess| excess.to_string())
    };
    assert_eq!(full(1, 1), Ok(()));
    let begin = "ConfigMap guard does not fit beside the policies in force: ";
    assert_eq!(
        full(5 << 20, 1),
        Err(format!(
            "{begin}all policies together may have 64 MiB of native code, and this one exceeds what is left; make it \
             smaller, remove one, or raise --policies-mebibytes (EGRESSD_POLICIES_MEBIBYTES)"
        ))
    );
    assert_eq!(
        full(1, 2),
        Err(format!(
            "{begin}compiling all policies may take 30 s of processor time, and this one exceeds what is left; make it \
             smaller, remove one, or raise --policies-cpu-seconds (EGRESSD_POLICIES_CPU_SECONDS)"
        ))
    );
    let mut budget = Budget::new(Limits { policies: 1, ..Limits::default() });
    budget.charge("first", Some(Cost::LEAST));
    assert_eq!(
        budget.fits("guard", Cost::LEAST).map_err(|excess| excess.to_string()),
        Err(format!(
            "{begin}the limit of policies, 1, is reached; remove one, or raise --policies-most (EGRESSD_POLICIES_MOST)"
        ))
    );
}
