//! One name: the newest ConfigMap of it, and what is in force.

use std::sync::Arc;

use egressd_core::chain::{Asked, Member};
use egressd_core::model::PolicyObject;
use egressd_core::policy::{OnFailure, PolicySpec};

use super::BUILT_IN;
use super::entry::Good;
use super::outlook::Outlook;
use super::report::{PolicyReport, PolicyState};

/// One name.
#[derive(Debug)]
pub(super) struct Entry {
    /// The newest ConfigMap, good or bad.
    pub(super) newest: Arc<PolicyObject>,
    /// The newest good one.
    pub(super) good: Option<Good>,
    /// Why the newest is not good.
    pub(super) trouble: Option<String>,
    /// Whether that may change.
    pub(super) outlook: Outlook,
}

impl Entry {
    /// Its place in the chain, if it has one.
    pub(super) fn member(&self) -> Option<Member> {
        match &self.good {
            Some(good) => good.member(),
            None => self.missed().map(|spec| self.missing(&spec)),
        }
    }

    /// What it asks for, when nothing of it could be loaded and Services are to have no rules without it.
    fn missed(&self) -> Option<PolicySpec> {
        PolicySpec::read(&self.newest, BUILT_IN).ok().filter(|spec| spec.on_failure == OnFailure::Closed)
    }

    fn missing(&self, spec: &PolicySpec) -> Member {
        Member::new(Asked::Missing(self.trouble.clone().unwrap_or_default())).with(spec)
    }

    /// What is told about it.
    pub(super) fn report(&self) -> PolicyReport {
        let trouble = self.trouble.clone();
        match (&self.good, self.missed()) {
            (Some(good), _) => PolicyReport { trouble, ..good.report() },
            (None, Some(spec)) => PolicyReport::unloaded(&spec.name, PolicyState::Missed, trouble).with(&spec),
            (None, None) => PolicyReport::unloaded(&self.newest.name, PolicyState::Refused, trouble),
        }
    }
}
