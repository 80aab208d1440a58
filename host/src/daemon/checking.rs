//! Whether the kernel's tables are what the loop believes they are: read back after a failure and where another program changed
//! them, and read now and then while nothing is to be done.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use egressd_core::diff::{Applied, Changes, Scope, TableDrift, drift};
use egressd_core::finding::Finding;
use egressd_core::node::Certainty;
use tracing::{info, warn};

use super::{AppliedState, Daemon, takeover};
use crate::clock::{self, Instant};
use crate::kernel::nft::{self, Readback};

/// How long to wait after a reading that was not certain, at first; doubled each time up to [`SHARED_INTERVAL`].
const UNCERTAIN_INTERVAL: Duration = Duration::from_secs(1);
/// Between two readings of tables that other programs can change: notifications say most, and this what they do not. With
/// 30,000 elements one takes a tenth of a second, for which a change waits.
const SHARED_INTERVAL: Duration = Duration::from_mins(1);
/// Between two readings of tables that no other program can change.
const OWN_INTERVAL: Duration = Duration::from_mins(10);

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
        let mut checking = Self { certainty: Certainty::Settled, next: now, interval: UNCERTAIN_INTERVAL };
        checking.read(certainty, now);
        checking
    }

    /// Takes in how certain a reading was.
    fn read(&mut self, certainty: Certainty, now: Instant) {
        self.interval = match (self.certainty, certainty) {
            (_, Certainty::Exclusive) => OWN_INTERVAL,
            (_, Certainty::Settled) => SHARED_INTERVAL,
            (Certainty::Uncertain, Certainty::Uncertain) => (self.interval * 2).min(SHARED_INTERVAL),
            (_, Certainty::Uncertain) => UNCERTAIN_INTERVAL,
        };
        (self.certainty, self.next) = (certainty, now + self.interval);
    }

    pub(super) fn certainty(&self) -> Certainty {
        self.certainty
    }

    /// When the tables are to be read again, though nothing says that they changed.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// What is reported where the last reading was not certain.
    pub(super) fn finding(&self) -> Option<Finding> {
        (self.certainty == Certainty::Uncertain).then(takeover::uncertain)
    }
}

/// Whether what is read may differ from what is believed because of changes of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    /// All that was sent was taken over, so what differs is of another program.
    Exact,
    /// A change may be in force of which that is not known.
    Vague,
}

impl Daemon {
    /// Learns what is in force where that is in doubt, and removes what no egressd put there. What is to be replaced is of
    /// no interest.
    pub(super) async fn read_back(&mut self) -> Result<(), nft::Error> {
        let belief = match self.applied_state {
            AppliedState::Current => return Ok(()),
            AppliedState::Doubted => Belief::Exact,
            AppliedState::Unknown => Belief::Vague,
        };
        if self.is_replacing().await? {
            return Ok(());
        }
        let belief = if self.heard_of_changes() { Belief::Exact } else { belief };
        let readback = takeover::read(&self.kernel, &self.tables).await;
        self.show_replaced(readback.as_ref().err());
        self.believe(readback?, belief).await
    }

    /// Believes a reading, and reports what differs from what was believed before.
    async fn believe(&mut self, readback: Readback, belief: Belief) -> Result<(), nft::Error> {
        self.reading_was(readback.certainty);
        if belief == Belief::Exact && readback.certainty != Certainty::Uncertain {
            self.report_drift(self.differences(&readback));
        }
        takeover::remove_foreign(&self.kernel, &readback).await?;
        (self.applied, self.applied_state) = (Applied::of(readback.state), AppliedState::Current);
        Ok(())
    }

    /// In what the tables differ from what they were left as.
    fn differences(&self, readback: &Readback) -> Vec<TableDrift> {
        let mut tables = drift(self.applied.ruleset(), &readback.state);
        for foreign in &readback.foreign {
            let Some((object, table)) = foreign.what.rsplit_once(" in table ") else { continue };
            let is_it = |known: &TableDrift| format!("{} {}", known.family, known.name) == table;
            let named =
                readback.state.tables.iter().find(|(family, found)| format!("{family} {}", found.name) == table);
            if let Some(known) = tables.iter_mut().find(|known| is_it(known)) {
                known.objects.insert(object.to_owned());
            } else if let Some((family, found)) = named {
                let objects = BTreeSet::from([object.to_owned()]);
                tables.push(TableDrift { family: *family, name: found.name.clone(), objects });
            }
        }
        tables
    }

    fn reading_was(&mut self, certainty: Certainty) {
        let was = self.checking.certainty;
        self.checking.read(certainty, clock::now());
        self.show_certainty(was);
    }

    /// Reports once that a reading was not certain, and once that one is again.
    pub(super) fn show_certainty(&self, was: Certainty) {
        match self.checking.finding() {
            Some(found) if was != Certainty::Uncertain => warn!(code = %found.code, "{}", found.message),
            None if was == Certainty::Uncertain => info!("the tables were read in one state again"),
            Some(_) | None => {}
        }
        self.show_tables();
    }

    /// Reads the tables again. What differs is carried out like any change, once the reading is certain.
    pub(super) async fn check(&mut self) -> Result<()> {
        self.observers.state_channel.busy();
        self.heard_of_changes();
        match takeover::read(&self.kernel, &self.tables).await {
            Ok(readback) if readback.certainty == Certainty::Uncertain || self.holds(&readback) => {
                self.reading_was(readback.certainty);
                return Ok(());
            }
            Ok(readback) => match self.believe(readback, Belief::Exact).await {
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
