//! Looking, while there is nothing to do, whether what the loop keeps follows from the newest state. A change that comes
//! meanwhile waits for one slice at most.

use std::time::Duration;

use anyhow::Result;
use egressd_core::diff::Scope;
use egressd_core::finding::Finding;
use egressd_core::pipeline::{Audit, Disagreement, Progress, Step};
use tracing::warn;

use super::tidying::Tidying;
use super::{AppliedState, Daemon, FirstRound};
use crate::clock::{self, Instant};

/// How long nothing happens before an audit goes on: changes come in crowds, and the next of one is not to wait.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// The time between two slices. With 30,000 Services there are some 1,000 slices of about a millisecond: that is eight minutes,
/// at two thousandths of a core.
const SLICE_INTERVAL: Duration = Duration::from_millis(500);

/// The time between two cycles, and after a disagreement: on a node with few Services a cycle takes seconds, and one that has a
/// defect which comes again is not to work out everything all the time.
const CYCLE_INTERVAL: Duration = Duration::from_mins(5);

/// The longest time that changes put off a slice: where one comes each second, too, a defect is to be found.
const MAX_POSTPONED: Duration = Duration::from_mins(1);

/// How many Services, or pods with their rules, are worked out in one slice: a change that comes waits for that, and it is to
/// be no longer than a change itself takes on its way from the API server.
const SLICE_SIZE: usize = 64;

/// What has time until there is nothing else to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdleTask {
    /// Look whether what is kept follows from what is new.
    Audit,
    /// Look whether the kernel's tables are as they are believed to be.
    Check,
    /// Give free memory back.
    Tidy,
    /// Look whether the guard's backstop is as it was.
    Backstop,
    /// Look whether the tunnel to other nodes is as it was.
    Tunnel,
}

/// When the audit goes on.
#[derive(Debug)]
pub(super) struct Auditing {
    next: Instant,
    /// Changes put it off until then.
    latest: Instant,
    pub(super) tidying: Tidying,
}

impl Auditing {
    /// The first cycle begins as soon as there is quiet.
    pub(super) fn begin(now: Instant) -> Self {
        Self { next: now, latest: now + MAX_POSTPONED, tidying: Tidying::begin(now) }
    }

    pub(super) fn put_off(&mut self, now: Instant) {
        self.next = self.next.max((now + IDLE_TIME).min(self.latest));
        self.tidying.put_off(now);
    }

    fn rest(&mut self, long: Duration, now: Instant) {
        (self.next, self.latest) = (now + long, now + long + MAX_POSTPONED);
    }
}

impl Daemon {
    /// What is to be done while there is nothing to do, and when.
    pub(super) fn idle_due(&self) -> Option<(Instant, IdleTask)> {
        let audit = self.audit_due().map(|at| (at, IdleTask::Audit));
        let check = self.check_due().map(|at| (at, IdleTask::Check));
        let tidy = self.tidying_due().map(|at| (at, IdleTask::Tidy));
        let backstop = self.backstop_due().map(|at| (at, IdleTask::Backstop));
        let tunnel = self.tunnel_due().map(|at| (at, IdleTask::Tunnel));
        audit.into_iter().chain(check).chain(tidy).chain(backstop).chain(tunnel).min_by_key(|(at, _)| *at)
    }

    pub(super) async fn idle(&mut self, what: IdleTask) -> Result<()> {
        match what {
            IdleTask::Audit => self.audit().await?,
            IdleTask::Check => self.check().await?,
            IdleTask::Tidy => self.tidy(),
            IdleTask::Backstop => self.check_backstop().await,
            IdleTask::Tunnel => self.check_tunnel().await,
        }
        Ok(())
    }

    /// When the next slice is to be looked at; never while something is to be done, since then what is kept belongs to several
    /// states.
    fn audit_due(&self) -> Option<Instant> {
        self.is_at_rest().then_some(self.auditing.next)
    }

    /// When the kernel's tables are to be looked at; never while something else is believed of them than is to be.
    fn check_due(&self) -> Option<Instant> {
        self.is_at_rest().then(|| self.checking.due())
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let is_in_force =
            self.first_round == FirstRound::InForce && !self.in_force.is_behind() && self.applied.scope().is_empty();
        let is_sure = self.applied_state == AppliedState::Current && self.to_replace.is_empty() && self.retry.is_none();
        let has_nothing_to_do = self.turns.is_empty() && self.remainder.is_none();
        is_in_force && is_sure && has_nothing_to_do
    }

    async fn audit(&mut self) -> Result<()> {
        if !self.pipeline.is_settled() {
            self.auditing.rest(SLICE_INTERVAL, clock::now());
            return self.settle().await;
        }
        self.observers.state_channel.busy();
        let Audit { disagreements, progress } = self.pipeline.audit(&self.applied, SLICE_SIZE);
        if !disagreements.is_empty() {
            self.auditing.rest(CYCLE_INTERVAL, clock::now());
            return self.work_out_anew(&disagreements).await;
        }
        match progress {
            Progress::Within => self.auditing.rest(SLICE_INTERVAL, clock::now()),
            Progress::Whole => {
                self.auditing.rest(CYCLE_INTERVAL, clock::now());
                self.observers.metrics.audited();
            }
        }
        Ok(())
    }

    /// Looks at what the last round remembered. Nearly always it comes to nothing else, and then there is nothing to report.
    async fn settle(&mut self) -> Result<()> {
        let step = self.work_out().await?;
        if !self.is_nothing_new(&step) {
            self.start_commit(step).await;
        }
        Ok(())
    }

    fn is_nothing_new(&self, step: &Step) -> bool {
        let is_same = step.newest.changed.is_empty() && step.newest.overview == self.in_force.overview;
        is_same && step.scope.is_empty() && step.fatal.is_none()
    }

    /// Trusts nothing that was kept any more, what the kernel is believed to hold among it. What differs from it then is
    /// carried out like any change.
    async fn work_out_anew(&mut self, disagreements: &[Disagreement]) -> Result<()> {
        for disagreement in disagreements {
            let found = disagreed(disagreement);
            warn!(code = %found.code, "{}", found.message);
            self.observers.metrics.disagreed();
        }
        let questions = self.pipeline.derive_anew();
        self.queue(questions);
        self.applied_state = AppliedState::Unknown;
        self.applied.add_outstanding(Scope::Everything);
        self.ask().await?;
        self.round().await
    }
}

/// What is logged about state that does not follow from the newest objects.
pub fn disagreed(disagreement: &Disagreement) -> Finding {
    Finding::warning("audit", format!("{disagreement}: this is a defect of egressd; everything is computed again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn changes_all_the_time_put_off_a_slice_for_a_bounded_time() {
        let begun = clock::now();
        let mut auditing = Auditing::begin(begun);
        auditing.put_off(begun);
        assert_eq!(auditing.next, begun + IDLE_TIME);
        for second in 1..100 {
            auditing.put_off(begun + Duration::from_secs(second));
        }
        assert_eq!(auditing.next, begun + MAX_POSTPONED);
        auditing.rest(CYCLE_INTERVAL, begun);
        auditing.put_off(begun + IDLE_TIME);
        assert_eq!(auditing.next, begun + CYCLE_INTERVAL);
    }
}
