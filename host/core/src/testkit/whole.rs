//! What is in force as one round, for tests that look at all of it.

use std::sync::Arc;

use crate::in_force::AppliedRound;
use crate::model::{Placement, PrivateDestinations};
use crate::net::Family;
use crate::pipeline::Round;
use crate::plan::{Plan, SubjectPlan};

/// The plan, statuses, reporting and uids that are in force; nothing else of a round.
pub fn whole(in_force: &AppliedRound) -> Round {
    let inside = &in_force.overview.inside;
    let mut round = Round::default();
    let mut plan = Plan { excluded: inside.excluded.clone(), exact: inside.exact.clone(), ..Plan::default() };
    for (key, shown) in &in_force.subjects {
        round.uids.insert(key.clone(), shown.record.uid.clone());
        round.statuses.extend(shown.record.status().map(|status| (key.clone(), status.clone())));
        round.reporting.extend(shown.record.reporting().map(|reporting| (key.clone(), reporting.clone())));
        plan.subjects.extend(shown.record.plan().map(|service| (key.clone(), (**service).clone())));
    }
    let pods = plan.subjects.values().flat_map(SubjectPlan::sources);
    let is_elsewhere = |pod: &_| inside.placement(*pod) == Placement::Elsewhere(PrivateDestinations::Withheld);
    let elsewhere = pods.filter(is_elsewhere).collect();
    let guarded = plan.subjects.values().flat_map(|subject| &subject.guarded);
    let guarded = guarded.map(|pod| Family::of(*pod)).collect();
    Round { plan: Plan { elsewhere, guarded, ..plan }, inside: Arc::clone(inside), ..round }
}
