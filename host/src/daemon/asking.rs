//! The questions to the policies: in turn, for a slice of time, and again where an answer failed or waits.

use std::time::Duration;

use anyhow::Result;
use egressd_core::pipeline::Question;

use super::Daemon;
use crate::clock;

/// How long policies are asked between two rounds. A call takes a second at most, and mostly 50 microseconds.
const MAX_ASKING_TIME: Duration = Duration::from_millis(250);

impl Daemon {
    /// What has waited long enough: for its pod, or for another try.
    pub(super) fn ask_again(&mut self) {
        let now = clock::since(self.since);
        let waited = self.pipeline.ask_waited(now);
        self.queue(waited);
        self.queue(self.pipeline.ask_failed(now));
    }

    /// Puts what is newer with what waits, and drops what need not be asked any more.
    pub(super) fn queue(&mut self, newer: Vec<Question>) {
        self.turns.add(newer);
        self.turns.retain(|question| self.pipeline.is_current(question));
    }

    /// Asks the policies, for so long that others' changes do not wait for it. What follows from their answers has its turn
    /// like all else.
    pub(super) async fn ask(&mut self) -> Result<()> {
        self.observers.state_channel.busy();
        let mut turns = std::mem::take(&mut self.turns);
        turns.begin(clock::since(self.since));
        let (turns, answers) = self.evaluator.evaluate(self.pipeline.context(), turns, MAX_ASKING_TIME).await?;
        self.turns = turns;
        let further = self.pipeline.answer(answers);
        self.queue(further);
        self.schedule_retry();
        Ok(())
    }

    /// When there is something to look at again though nothing is new.
    pub(super) fn schedule_retry(&mut self) {
        let now = clock::now();
        let next = self.pipeline.next_try(now - self.since).map(|at| self.since + at);
        // Whoever changes something all the time must not put off the others.
        self.again = next.map(|next| self.again.filter(|before| *before > now).map_or(next, |before| before.min(next)));
    }
}
