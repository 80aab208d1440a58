//! Whether the kernel's tables are what the loop believes they are: read back after a failure, and read again while nothing is
//! to be done, where the last reading was not certain.

use std::time::Duration;

use anyhow::Result;
use egressd_core::diff::{Applied, Changes, Scope};
use egressd_core::node::Certainty;
use tracing::{info, warn};

use super::{AppliedState, Daemon, takeover};
use crate::clock::{self, Instant};
use crate::kernel::nft::{self, Readback};

/// How long to wait after a reading that was not certain, at first; doubled each time.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait.
const LAST_INTERVAL: Duration = Duration::from_mins(1);

/// How certain the last reading was, and when the tables are read again.
#[derive(Debug)]
pub(super) struct Checking {
    certainty: Certainty,
    next: Instant,
    interval: Duration,
}

impl Checking {
    /// After the reading at the start.
    pub(super) fn begin(certainty: Certainty, now: Instant) -> Self {
        Self { certainty, next: now + FIRST_INTERVAL, interval: FIRST_INTERVAL }
    }

    /// Takes in how certain a reading was.
    fn read(&mut self, certainty: Certainty, now: Instant) {
        self.interval = match (self.certainty, certainty) {
            (Certainty::Uncertain, Certainty::Uncertain) => (self.interval * 2).min(LAST_INTERVAL),
            (_, _) => FIRST_INTERVAL,
        };
        (self.certainty, self.next) = (certainty, now + self.interval);
    }

    /// When the tables are to be read again, though nothing failed.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.certainty {
            Certainty::Uncertain => Some(self.next),
            Certainty::Exclusive | Certainty::Settled => None,
        }
    }
}

impl Daemon {
    /// Learns what is in force where that is in doubt, and removes what no egressd put there. What is to be replaced is of
    /// no interest.
    pub(super) async fn read_back(&mut self) -> Result<(), nft::Error> {
        if self.applied_state == AppliedState::Current || self.is_replacing().await? {
            return Ok(());
        }
        let readback = takeover::read(&self.kernel, &self.tables).await?;
        self.believe(readback).await
    }

    /// Believes a reading.
    async fn believe(&mut self, readback: Readback) -> Result<(), nft::Error> {
        self.reading_was(readback.certainty);
        takeover::remove_foreign(&self.kernel, &readback).await?;
        (self.applied, self.applied_state) = (Applied::of(readback.state), AppliedState::Current);
        Ok(())
    }

    fn reading_was(&mut self, certainty: Certainty) {
        let was = self.checking.certainty;
        self.checking.read(certainty, clock::now());
        self.show_certainty(was);
    }

    /// Reports once that a reading was not certain, and once that one is again.
    pub(super) fn show_certainty(&self, was: Certainty) {
        let found = (self.checking.certainty == Certainty::Uncertain).then(takeover::uncertain);
        match &found {
            Some(found) if was != Certainty::Uncertain => warn!(code = %found.code, "{}", found.message),
            None if was == Certainty::Uncertain => info!("the tables were read in one state again"),
            Some(_) | None => {}
        }
        self.observers.state_channel.tables(found.into_iter().collect());
    }

    /// Reads the tables again. What differs is carried out like any change, once the reading is certain.
    pub(super) async fn check(&mut self) -> Result<()> {
        self.observers.state_channel.busy();
        match takeover::read(&self.kernel, &self.tables).await {
            Ok(readback) if readback.certainty == Certainty::Uncertain || self.holds(&readback) => {
                self.reading_was(readback.certainty);
                return Ok(());
            }
            Ok(readback) => match self.believe(readback).await {
                Ok(()) => {}
                Err(_) => self.applied_state = AppliedState::Unknown,
            },
            // The round meets it again, and reports it.
            Err(_) => self.applied_state = AppliedState::Unknown,
        }
        self.applied.add_outstanding(Scope::Everything);
        self.round().await
    }

    fn holds(&self, readback: &Readback) -> bool {
        readback.foreign.is_empty() && readback.state == *self.applied.ruleset()
    }

    /// Whether these changes would make a table or a base chain anew because of a reading that was not certain. Packets would
    /// meet none meanwhile.
    pub(super) fn recreates_in_doubt(&self, changes: impl FnOnce() -> Changes) -> bool {
        self.checking.certainty == Certainty::Uncertain && changes().recreates(self.applied.ruleset())
    }

    /// Whether tables are to be replaced still; after a failure those that are there now, since an earlier try may have made
    /// some.
    async fn is_replacing(&mut self) -> Result<bool, nft::Error> {
        if !self.to_replace.is_empty() && self.retry.is_some() {
            let tables = self.tables.clone();
            let existing = self.kernel.ask(move |kernel| kernel.existing(&tables)).await?;
            self.to_replace = existing.into_iter().map(|table| (table.family, table.name)).collect();
        }
        Ok(!self.to_replace.is_empty())
    }
}
