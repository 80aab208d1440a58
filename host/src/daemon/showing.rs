//! What the loop reports: what is in force, and what waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use egressd_core::in_force::{AppliedRound, PendingRound, UnixTime};
use egressd_core::model::SubjectKey;

use super::log::log_changes;
use super::{Daemon, FirstRound};
use crate::clock::Moment;

impl Daemon {
    /// Shows what is in force, in another way than before; one line for every Service whose status changed.
    fn show(&mut self, change: impl FnOnce(&mut AppliedRound, UnixTime) -> BTreeSet<SubjectKey>) {
        let before = self.in_force.clone();
        let changed = change(&mut self.in_force, UnixTime(Moment::now().as_second()));
        log_changes(&before, &self.in_force, &changed);
    }

    /// Shows what came into force.
    pub(super) fn show_in_force(&mut self, change: impl FnOnce(&mut AppliedRound, UnixTime) -> BTreeSet<SubjectKey>) {
        self.show(change);
        self.first_round = FirstRound::InForce;
        self.observers.state_channel.in_force(Arc::new(self.in_force.clone()));
    }

    /// Shows which Services wait for the kernel. Before the first round is in force there is nothing to compare with.
    pub(super) fn show_held_back(&mut self, newest: &PendingRound, why: &str) {
        let still = match self.first_round {
            FirstRound::Pending => {
                self.in_force.wait(newest);
                None
            }
            FirstRound::InForce => {
                self.show(|in_force, now| in_force.hold_back(newest, why, now));
                Some(Arc::new(self.in_force.clone()))
            }
        };
        self.observers.state_channel.held_back(format!("a change is not in force yet: {why}"), still);
    }
}
