//! Carrying out what was worked out: a small change at once, a large one slice by slice, so that what comes meanwhile waits
//! for one slice. `applied` moves with each slice, on success alone.

use std::collections::BTreeSet;
use std::mem::take;
use std::net::IpAddr;
use std::time::Duration;

use egressd_core::compile::keep;
use egressd_core::diff::{Changes, Cut, SLICE, Slice, Slices, Summary, cut, diff, replace};
use egressd_core::finding::Finding;
use egressd_core::pipeline::Round;
use egressd_core::ruleset::Ruleset;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{Daemon, Knowledge};
use crate::errors::with_causes;
use crate::nft;

/// How long to wait after a failed commit, at first; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest wait between two tries.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// What is left of a large change.
#[derive(Debug)]
pub(super) struct Rest {
    round: Round,
    desired: Ruleset,
    slices: Slices,
}

impl Daemon {
    /// Carries out what differs, or the first slice of it. What was left of an earlier round is a part of it.
    pub(super) async fn begin_to_carry_out(&mut self, mut round: Round) {
        self.rest = None;
        if let Some(fatal) = round.fatal.take() {
            return self.refuse(round, &fatal);
        }
        if let Err(failure) = self.read_back().await {
            return self.failed(round, &failure);
        }
        // Nobody looks at it any more, and a copy costs as much as the plan itself.
        let mut desired = take(&mut round.ruleset);
        if self.doomed.is_empty() {
            keep(&mut desired, &self.applied, &round.kept);
        }
        let Cut::Slices(slices) = cut(&self.applied, &desired, SLICE) else {
            return self.carry_out_whole(round, desired).await;
        };
        let waiting = self.slice(Rest { round, desired, slices }).await;
        self.report_partly(&waiting);
    }

    /// Carries out the next slice of what is left.
    pub(super) async fn go_on(&mut self) {
        self.watch.board.busy();
        if let Some(rest) = self.rest.take() {
            self.slice(rest).await;
        }
    }

    async fn carry_out_whole(&mut self, round: Round, desired: Ruleset) {
        let changes =
            if self.doomed.is_empty() { diff(&self.applied, &desired) } else { replace(&self.doomed, &desired) };
        match self.carry_out(changes).await {
            Ok(()) => {
                self.applied = desired;
                self.is_in_force(round);
            }
            Err(failure) => self.failed(round, &failure),
        }
    }

    /// Carries out one slice; returns the pods that are to go over still.
    async fn slice(&mut self, rest: Rest) -> BTreeSet<IpAddr> {
        let Rest { round, desired, mut slices } = rest;
        let Some(slice) = slices.next(&self.applied, &desired) else {
            self.is_in_force(round);
            return BTreeSet::new();
        };
        let slice = if self.doomed.is_empty() { slice } else { slice.replacing(&self.doomed) };
        match self.carry_out(slice.changes.clone()).await {
            Ok(()) => self.took_over(slice),
            Err(failure) => {
                self.failed(round, &failure);
                return BTreeSet::new();
            }
        }
        let waiting = slices.pods();
        self.rest = Some(Rest { round, desired, slices });
        waiting
    }

    fn took_over(&mut self, slice: Slice) {
        slice.apply(&mut self.applied);
        self.replaced();
    }

    /// What was to be replaced is, and what is there is what was written.
    fn replaced(&mut self) {
        self.doomed.clear();
        self.knowledge = Knowledge::Sure;
    }

    fn is_in_force(&mut self, round: Round) {
        self.replaced();
        self.retry = None;
        self.report(round);
    }

    async fn carry_out(&self, changes: Changes) -> Result<(), nft::Error> {
        let (begun, summary) = (Instant::now(), changes.summary());
        for batch in changes.batches {
            let begun = Instant::now();
            self.kernel.commit(batch).await.inspect_err(|_| self.watch.metrics.refused())?;
            self.watch.metrics.committed(begun.elapsed());
        }
        if summary.batches > 0 {
            let Summary { batches, elements_added, elements_removed } = summary;
            let microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            info!(batches, elements_added, elements_removed, microseconds, "committed");
        }
        Ok(())
    }

    /// The same plan would be as bad, so it is not tried again.
    fn refuse(&mut self, round: Round, fatal: &Finding) {
        error!(code = %fatal.code, "the plan is not carried out, everything stays as it is: {}", fatal.message);
        self.retry = None;
        self.report_held_back(round, format!("the plan is not carried out: {}", fatal.message));
    }

    /// It is tried again later. What is in force may be something else than thought, so that is read before: by then, since
    /// it may be a newer egressd's, and nothing is written to what was not read.
    fn failed(&mut self, round: Round, failure: &nft::Error) {
        let error = with_causes(failure);
        let wait = self.retry.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).min(LAST_RETRY));
        self.retry = Some((Instant::now() + wait, wait));
        warn!(error, retry_in = ?wait, "a change is not in force yet");
        self.knowledge = Knowledge::Doubtful;
        self.report_held_back(round, format!("{error}; it is tried again"));
    }

    /// Tells what is in force of a round while the rest of it is carried out.
    fn report_partly(&mut self, waiting: &BTreeSet<IpAddr>) {
        let (Some(rest), Some(before)) = (&self.rest, &self.told) else { return };
        let now = before.partly(rest.round.clone(), waiting);
        self.tell(now);
    }
}
