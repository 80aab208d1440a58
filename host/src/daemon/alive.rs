//! The sign of life that the next process finds: until when pods that begin were seen to.

use std::time::Duration;

use super::{Daemon, FirstRound, NextStep};
use crate::clock::{self, Instant, Moment};

/// How often it is renewed: what begins and changes between the last one and a crash counts as begun afterwards.
const SIGN_INTERVAL: Duration = Duration::from_secs(10);

impl Daemon {
    /// When the next sign is due; none before this process has seen to the pods that there are.
    pub(super) fn sign_due(&self) -> Option<Instant> {
        match self.first_round {
            FirstRound::Pending => None,
            FirstRound::InForce => Some(self.next_sign),
        }
    }

    /// Leaves a sign of life, if there is something to say.
    pub(super) fn leave_sign(&mut self) -> NextStep {
        self.next_sign = clock::now() + SIGN_INTERVAL;
        let sign = self.pipeline.sign_of_life(Moment::now().into(), clock::since(self.since));
        if let (FirstRound::InForce, Some(sign)) = (self.first_round, sign) {
            self.state.leave_sign(sign);
        }
        NextStep::Wait
    }
}
