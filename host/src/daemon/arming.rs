//! The start of the loop: the guard does not wait for policies, whose loading takes seconds (P12).

use anyhow::Result;
use egressd_core::compile::arm;
use egressd_core::node::NodeChanges;
use egressd_core::pipeline::RestoredState;
use egressd_core::plan::Plan;
use egressd_core::ruleset::Ruleset;
use tracing::warn;

use super::{AppliedState, Daemon};
use crate::errors::with_causes;
use crate::policies::wanted;
use crate::source::handover::SnapshotReceiver;

/// Whether the first Services were taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstServices {
    Awaited,
    Taken,
}

impl Daemon {
    /// Waits for the policies that were in force before, or, where none were, for the first that there are, and for the
    /// Services, with all that those policies read: a round without either would take rules away (P6). Meanwhile the guard
    /// is added for what is known.
    pub(super) async fn begin(&mut self, source: &SnapshotReceiver) -> Result<()> {
        let plan = self.pipeline.arming_without_objects();
        self.arm(&plan).await;
        let first = source.policies().await;
        let wanted = wanted(&first, self.state.policies());
        // Rules are in force, and which policies they follow from is not remembered: it may be any of these.
        if self.pipeline.memory() == RestoredState::Partial && self.state.policies().is_empty() {
            self.loader.lose(wanted.keys());
        }
        self.loader.want(wanted.values())?;
        self.reading.begin(source);
        let mut services = FirstServices::Awaited;
        while services == FirstServices::Awaited || !self.reading.has_policies() {
            tokio::select! {
                biased;
                update = source.next() => {
                    self.apply_update(&update, source)?;
                    services = FirstServices::Taken;
                    let plan = self.pipeline.arming();
                    self.arm(&plan).await;
                }
                loaded = self.loader.next() => self.apply_policies(loaded?, source)?,
            }
        }
        self.ask().await?;
        while !self.turns.is_empty() {
            self.ask().await?;
        }
        Ok(())
    }

    /// Adds the guard of a plan to what is in force. Not to tables that are to be replaced, which nothing is known of, and
    /// not where they could not be read with certainty: then it comes with the first round.
    async fn arm(&mut self, plan: &Plan) {
        let is_settled = self.to_replace.is_empty() && self.copy.is_none();
        let guards_nothing = plan.guarded.is_empty() && plan.own_networks.is_empty();
        if guards_nothing || !is_settled || self.applied_state != AppliedState::Current {
            return;
        }
        self.observers.state_channel.busy();
        self.add_guard(plan).await;
        self.observers.state_channel.idle();
    }

    async fn add_guard(&mut self, plan: &Plan) {
        let names = self.pipeline.tables();
        let comparison = self.applied.compare(Ruleset::default(), |after, before| *after = arm(before, plan, names));
        let nft = comparison.changes(&self.applied);
        if nft.is_empty() || self.recreates_in_doubt(|| nft.clone()) {
            return;
        }
        match self.carry_out(NodeChanges { nft, ..NodeChanges::default() }).await {
            Ok(()) => comparison.apply_to(&mut self.applied),
            Err(failure) => {
                warn!(
                    error = with_causes(&failure),
                    "the guard is not added before policies are loaded; it follows them"
                );
                self.applied_state = AppliedState::Unknown;
            }
        }
    }
}
