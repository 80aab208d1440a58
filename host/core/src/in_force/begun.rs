//! Plans of a Service whose application was started and not confirmed. After a refused or lost commit, or where a newer
//! change replaces a large one, it is unknown which of several plans translated a pod; a connection keeps the
//! translation of that plan.

use std::sync::Arc;

use crate::plan::SubjectPlan;

/// How many plans of one Service are kept. Each costs memory for as long as the kernel refuses.
const MAX_PLANS: usize = 8;

/// The plans that were begun since one surely was in force.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum StartedPlans {
    /// Each once. A Service without a plan is not translated, which every connection may have seen.
    Plans(Vec<Arc<SubjectPlan>>),
    /// There were more than are kept.
    TooMany,
}

/// What the kernel may translate a Service's pods by.
#[derive(Clone, Debug, PartialEq)]
pub enum PossiblePlans<'a> {
    /// By one of these plans, or not at all. The one that surely was in force comes first.
    OneOf(Vec<&'a Arc<SubjectPlan>>),
    /// By anything: an earlier process's plan may be in force still, or too many were begun.
    Unknown,
}

impl Default for StartedPlans {
    fn default() -> Self {
        Self::Plans(Vec::new())
    }
}

impl StartedPlans {
    /// Takes in that a plan was begun.
    pub(super) fn add(&mut self, plan: Option<&Arc<SubjectPlan>>) {
        let (Self::Plans(plans), Some(plan)) = (&mut *self, plan) else { return };
        if plans.contains(plan) {
            return;
        }
        if plans.len() == MAX_PLANS {
            *self = Self::TooMany;
        } else {
            plans.push(Arc::clone(plan));
        }
    }

    /// Whether one of them may be such a plan.
    pub(super) fn may_be(&self, is_such: impl Fn(&Arc<SubjectPlan>) -> bool) -> bool {
        match self {
            Self::Plans(plans) => plans.iter().any(is_such),
            Self::TooMany => true,
        }
    }

    /// What a Service may be translated by where `sure` was in force.
    pub(super) fn promised<'a>(begun: Option<&'a Self>, sure: Option<&'a Arc<SubjectPlan>>) -> PossiblePlans<'a> {
        let begun = match begun {
            None => &[][..],
            Some(Self::Plans(plans)) => plans,
            Some(Self::TooMany) => return PossiblePlans::Unknown,
        };
        let others = begun.iter().filter(|plan| Some(*plan) != sure);
        PossiblePlans::OneOf(sure.into_iter().chain(others).collect())
    }
}
