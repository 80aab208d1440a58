//! A label selector as JSON.

use std::collections::BTreeSet;

use egressd_core::decision::{LabelOperator, LabelRequirement, LabelSelector};
use serde::{Deserialize, Serialize};

/// One requirement: on which label, and with which values.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RequirementLine {
    In(String, BTreeSet<String>),
    NotIn(String, BTreeSet<String>),
    Exists(String),
    DoesNotExist(String),
}

pub(super) fn lines(selector: &LabelSelector) -> Vec<RequirementLine> {
    selector.requirements().iter().map(RequirementLine::of).collect()
}

pub(super) fn selector(lines: Vec<RequirementLine>) -> Result<LabelSelector, String> {
    let requirements: Result<Vec<_>, _> = lines.into_iter().map(RequirementLine::requirement).collect();
    requirements.map(LabelSelector::new)
}

impl RequirementLine {
    fn of(requirement: &LabelRequirement) -> Self {
        let key = requirement.key().to_owned();
        match requirement.operator() {
            LabelOperator::In(values) => Self::In(key, values.clone()),
            LabelOperator::NotIn(values) => Self::NotIn(key, values.clone()),
            LabelOperator::Exists => Self::Exists(key),
            LabelOperator::DoesNotExist => Self::DoesNotExist(key),
        }
    }

    fn requirement(self) -> Result<LabelRequirement, String> {
        let (key, operator) = match self {
            Self::In(key, values) => (key, LabelOperator::In(values)),
            Self::NotIn(key, values) => (key, LabelOperator::NotIn(values)),
            Self::Exists(key) => (key, LabelOperator::Exists),
            Self::DoesNotExist(key) => (key, LabelOperator::DoesNotExist),
        };
        LabelRequirement::new(key, operator).map_err(|error| error.to_string())
    }
}
