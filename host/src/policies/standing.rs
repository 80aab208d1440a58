//! One name: the newest ConfigMap of it, and what is in force.

use std::sync::Arc;

use egressd_core::chain::{Member, MemberRole};
use egressd_core::model::PolicyObject;
use egressd_core::policy::{Mode, OnFailure, PolicySpec};

use super::entry::LoadedPolicy;
use super::report::{PolicyReport, PolicyState};
use super::retry::RetryWhen;

/// One name.
#[derive(Debug)]
pub(super) struct Entry {
    /// The newest ConfigMap, valid or not.
    pub(super) newest: Arc<PolicyObject>,
    /// The newest valid one.
    pub(super) valid: Option<LoadedPolicy>,
    /// Why the newest is not valid.
    pub(super) trouble: Option<String>,
    /// Whether there was another one before this process.
    pub(super) earlier_process: EarlierProcess,
    /// Whether that may change.
    pub(super) retry: RetryWhen,
}

/// Whether an earlier process had something in force under a name that this one cannot load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EarlierProcess {
    Known,
    /// Whatever it was, Services do not go on as if there had been nothing.
    Lost,
}

impl Entry {
    /// Its place in the chain, if it has one.
    pub(super) fn member(&self) -> Option<Member> {
        match &self.valid {
            Some(valid) => valid.member(),
            None => self.missed().map(|spec| self.missing(&spec)),
        }
    }

    /// What it asks for, when nothing of it could be loaded and Services are not to go on without it: because it is closed,
    /// or because something of it was in force before (P6). Then what they have stays, and they get nothing new.
    fn missed(&self) -> Option<PolicySpec> {
        let spec = PolicySpec::outline(&self.newest);
        let closed = spec.on_failure == OnFailure::Closed;
        match (spec.mode, self.earlier_process) {
            (Mode::Off, _) => None,
            (Mode::Enforce | Mode::Shadow, _) if closed => Some(spec),
            (Mode::Enforce, EarlierProcess::Lost) => Some(PolicySpec { on_failure: OnFailure::KeepLast, ..spec }),
            (Mode::Enforce | Mode::Shadow, EarlierProcess::Known) | (Mode::Shadow, EarlierProcess::Lost) => None,
        }
    }

    fn missing(&self, spec: &PolicySpec) -> Member {
        Member::new(MemberRole::Missing(self.trouble.clone().unwrap_or_default())).with(spec)
    }

    /// What is reported about it.
    pub(super) fn report(&self) -> PolicyReport {
        let trouble = self.trouble.clone();
        match (&self.valid, self.missed()) {
            (Some(valid), _) => PolicyReport { trouble, ..valid.report() },
            (None, Some(spec)) => PolicyReport::unloaded(&spec.name, PolicyState::Missed, trouble).with(&spec),
            (None, None) => PolicyReport::unloaded(&self.newest.name, PolicyState::Refused, trouble),
        }
    }
}
