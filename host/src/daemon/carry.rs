//! Carrying out what was worked out: a small change at once, a large one slice by slice, so that what comes meanwhile waits
//! for one slice. `applied` moves with each slice, on success alone.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use egressd_core::compile::{keep, kept_pods};
use egressd_core::diff::{Comparison, SLICE, Slice, SlicedChange, Slices, Summary, replace};
use egressd_core::finding::Finding;
use egressd_core::in_force::PendingRound;
use egressd_core::node::{NodeChange, NodeChanges};
use egressd_core::pipeline::Step;
use egressd_core::ruleset::unguarded;
use tracing::{error, info, warn};

use super::{AppliedState, Daemon, FirstRound};
use crate::clock::{self, Instant};
use crate::errors::with_causes;
use crate::kernel::nft;

/// How long to wait after a failed commit, at first; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest wait between two tries.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// The slices of a large change that are not committed yet.
#[derive(Debug)]
pub(super) struct Remainder {
    newest: PendingRound,
    comparison: Comparison,
    slices: Slices,
}

impl Daemon {
    /// Carries out what differs, or the first slice of it. What was left of an earlier round is a part of it.
    pub(super) async fn start_commit(&mut self, step: Step) {
        self.remainder = None;
        self.auditing.put_off(clock::now());
        let Step { newest, scope, kept, fatal, .. } = step;
        self.applied.add_outstanding(scope);
        self.applied.look_at_kept(kept_pods(&kept));
        if let Some(fatal) = fatal {
            return self.refuse(&newest, &fatal);
        }
        if let Err(failure) = self.read_back().await {
            return self.failed(&newest, &failure);
        }
        let target = self.pipeline.target(self.applied.scope());
        // What is to be replaced is of no interest, but where it is because of its layout.
        let copied = self.copy.as_ref().map(|copy| &copy.held);
        let keeps = self.to_replace.is_empty();
        let comparison = self.applied.compare(target, |after, before| {
            if keeps {
                keep(after, before, &kept);
            }
            if let Some(copied) = copied {
                keep(after, copied, &kept);
            }
        });
        if self.recreates_in_doubt(|| comparison.changes(&self.applied)) {
            return self.failed(&newest, &nft::Error::Unsettled);
        }
        let SlicedChange::Slices(slices) = comparison.cut(&self.applied, SLICE) else {
            return self.carry_out_whole(newest, comparison).await;
        };
        let waiting = self.slice(Remainder { newest, comparison, slices }).await;
        self.show_partly(&waiting);
    }

    /// Carries out the next slice of what is left.
    pub(super) async fn commit_next_slice(&mut self) {
        self.observers.state_channel.busy();
        self.auditing.put_off(clock::now());
        if let Some(remainder) = self.remainder.take() {
            self.slice(remainder).await;
        }
    }

    async fn carry_out_whole(&mut self, newest: PendingRound, comparison: Comparison) {
        let nft = if self.to_replace.is_empty() {
            comparison.changes(&self.applied)
        } else {
            replace(&self.to_replace, comparison.after())
        };
        let xfrm = self.backstop.release(&unguarded(comparison.before(&self.applied), comparison.after()));
        match self.carry_out(NodeChanges { nft, xfrm, ..NodeChanges::default() }).await {
            Ok(()) => {
                comparison.apply_to(&mut self.applied);
                self.is_in_force(&newest).await;
            }
            Err(failure) => self.failed(&newest, &failure),
        }
    }

    /// Carries out one slice; returns the pods that are to go over still.
    async fn slice(&mut self, remainder: Remainder) -> BTreeSet<IpAddr> {
        let Remainder { newest, mut comparison, mut slices } = remainder;
        let Some(slice) = slices.next(comparison.before(&self.applied), comparison.after()) else {
            self.is_in_force(&newest).await;
            return BTreeSet::new();
        };
        let slice = if self.to_replace.is_empty() { slice } else { slice.replacing(&self.to_replace) };
        let xfrm = self.backstop.release(&slice.unguarded());
        match self.carry_out(NodeChanges { nft: slice.changes.clone(), xfrm, ..NodeChanges::default() }).await {
            Ok(()) => {
                comparison.take(&slice);
                self.slice_committed(slice);
            }
            Err(failure) => {
                self.failed(&newest, &failure);
                return BTreeSet::new();
            }
        }
        let waiting = slices.pods();
        self.remainder = Some(Remainder { newest, comparison, slices });
        waiting
    }

    fn slice_committed(&mut self, slice: Slice) {
        self.applied.take(slice);
        self.tables_current();
    }

    /// What was to be replaced is, and what is there is what was written.
    fn tables_current(&mut self) {
        self.to_replace.clear();
        self.applied_state = AppliedState::Current;
    }

    async fn is_in_force(&mut self, newest: &PendingRound) {
        self.tables_current();
        self.repaired();
        self.check_connections(newest).await;
        self.applied.clear_outstanding();
        self.show_in_force(|in_force, now| in_force.take_over(newest, now));
        self.follow_guard().await;
        let Some(copy) = self.copy.take() else {
            self.retry = None;
            return;
        };
        self.copy = copy.remove(&self.kernel).await;
        self.retry = self.copy.as_ref().map(|_| self.next_retry());
    }

    /// When to try again, after twice as long as the last time.
    fn next_retry(&self) -> (Instant, Duration) {
        let wait = self.retry.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).min(LAST_RETRY));
        (clock::now() + wait, wait)
    }

    /// Ends at the first effect that fails: what comes after it relies on it.
    pub(super) async fn carry_out(&mut self, changes: NodeChanges) -> Result<(), nft::Error> {
        let (begun, summary) = (clock::now(), changes.nft.summary());
        for effect in changes.effects() {
            let begun = clock::now();
            self.commit(effect.change).await.inspect_err(|_| self.observers.metrics.refused())?;
            self.observers.metrics.committed(clock::since(begun));
        }
        if summary.batches > 0 {
            let Summary { batches, elements_added, elements_removed } = summary;
            let microseconds = u64::try_from(clock::since(begun).as_micros()).unwrap_or(u64::MAX);
            info!(batches, elements_added, elements_removed, microseconds, "committed");
        }
        Ok(())
    }

    /// Each part has its own way to the kernel.
    async fn commit(&mut self, change: NodeChange) -> Result<(), nft::Error> {
        match change {
            NodeChange::Nft(batch) => self.kernel.ask(move |kernel| kernel.commit(&batch)).await,
            // The tables do not depend on it.
            NodeChange::Xfrm(change) => {
                self.backstop.commit(change).await;
                Ok(())
            }
            // No plan has a tunnel yet, so no connection is left behind.
            NodeChange::Sever(_) => Ok(()),
        }
    }

    /// The same plan would be as bad, so it is not tried again.
    fn refuse(&mut self, newest: &PendingRound, fatal: &Finding) {
        error!(code = %fatal.code, "the plan is not applied, the current rules stay in force: {}", fatal.message);
        self.retry = None;
        self.show_held_back(newest, &format!("the plan is not applied: {}", fatal.message));
    }

    /// It is tried again later. What is in force may be something else than thought, so that is read before: by then, since
    /// it may be a newer egressd's, and nothing is written to what was not read.
    fn failed(&mut self, newest: &PendingRound, failure: &nft::Error) {
        let error = with_causes(failure);
        let (at, wait) = self.next_retry();
        self.retry = Some((at, wait));
        warn!(error, retry_in = ?wait, "a change is not in force yet");
        self.repaired();
        self.applied_state = AppliedState::Unknown;
        self.show_held_back(newest, &format!("{error}; retrying"));
    }

    /// Shows what is in force of a round while the rest of it is carried out.
    fn show_partly(&mut self, waiting: &BTreeSet<IpAddr>) {
        let Some(remainder) = &self.remainder else { return };
        let newest = remainder.newest.clone();
        match self.first_round {
            // Else what comes before the last slice would not know of these Services.
            FirstRound::Pending => return self.in_force.wait(&newest),
            FirstRound::InForce => {}
        }
        self.show_in_force(|in_force, now| in_force.take_over_partly(&newest, waiting, now));
    }
}
