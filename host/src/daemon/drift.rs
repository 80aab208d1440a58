//! What other programs change in egressd's tables: noticed by notification, repaired by reading them back, and reported. A
//! program that changes them again and again costs a bounded part of a core.

use std::collections::BTreeMap;
use std::time::Duration;

use egressd_core::diff::{Scope, TableDrift};
use egressd_core::finding::Finding;
use egressd_core::node::Certainty;
use egressd_core::ruleset::TableFamily;
use tracing::{info, warn};

use super::{AppliedState, Daemon};
use crate::clock::{self, Instant, Moment};
use crate::errors::with_causes;
use crate::kernel::nft::{self, ForeignChanges, Program};
use crate::state_channel::{ChangedTable, RepairPace};

/// How long a table has to be left alone until it is no longer reported.
const REPORTED_FOR: Duration = Duration::from_mins(10);
/// Between two lines of the log about one table.
const LOG_INTERVAL: Duration = Duration::from_mins(1);
/// After a repair nothing is repaired for as long as it took, so that repairs take half a core at most.
const FAST_REST: u32 = 1;
/// So many repairs follow each other at that pace, where [`QUIET`] does not pass between two. Then the rest is so many times
/// their duration, which is a fifth of a core, and a second at least.
const FAST_REPAIRS: u32 = 300;
const SLOW_REST: u32 = 4;
const SLOW_INTERVAL: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_mins(1);

/// What is known of other programs' changes.
#[derive(Debug)]
pub(super) struct Drift {
    /// The state of notifications when the tables were read last.
    seen: ForeignChanges,
    pace: Pace,
    /// When the tables are to be read back.
    due: Option<Instant>,
    changed: BTreeMap<TableFamily, Reported>,
    /// A table of our name that another program put in the place of ours.
    replaced: Option<Finding>,
}

#[derive(Debug)]
struct Reported {
    table: ChangedTable,
    last: Instant,
    logged: Option<Instant>,
}

/// How soon the next repair may begin.
#[derive(Debug)]
struct Pace {
    begun: Option<Instant>,
    last: Instant,
    earliest: Instant,
    repairs: u32,
}

impl Pace {
    fn begin(now: Instant) -> Self {
        Self { begun: None, last: now, earliest: now, repairs: 0 }
    }

    fn repair(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    /// A repair is done, or failed.
    fn repaired(&mut self, now: Instant) {
        let Some(begun) = self.begun.take() else { return };
        self.repairs = if now.saturating_duration_since(self.last) > QUIET { 1 } else { self.repairs + 1 };
        self.last = now;
        let took = now.saturating_duration_since(begun);
        self.earliest = now + if self.is_slow() { (took * SLOW_REST).max(SLOW_INTERVAL) } else { took * FAST_REST };
    }

    fn is_slow(&self) -> bool {
        self.repairs > FAST_REPAIRS
    }
}

impl Drift {
    pub(super) fn begin(now: Instant) -> Self {
        let (seen, pace) = (ForeignChanges::default(), Pace::begin(now));
        Self { seen, pace, due: None, changed: BTreeMap::new(), replaced: None }
    }

    /// When something is to be done though there is no news.
    pub(super) fn due(&self) -> Option<Instant> {
        let expiry = self.changed.values().map(|reported| reported.last + REPORTED_FOR).min();
        self.due.into_iter().chain(expiry).min()
    }

    /// Whether news may come: none is of use while the tables are to be read back anyway.
    pub(super) fn listens(&self) -> bool {
        self.due.is_none()
    }

    /// Takes in what notifications say when the tables are read. Whether some say that a table of ours was changed.
    fn read(&mut self, now: ForeignChanges) -> bool {
        let changed = now.ours != self.seen.ours;
        self.seen = now;
        changed
    }

    fn report(&mut self, drift: TableDrift, program: Option<Program>, now: Instant) {
        let (moment, pace) = (Moment::now(), self.pace());
        let family = drift.family;
        if let Some(Reported { table, last, .. }) = self.changed.get_mut(&family) {
            (table.last, table.program, table.until, table.pace) = (drift, program, moment, pace);
            table.times += 1;
            *last = now;
        } else {
            let first = drift.clone();
            let table = ChangedTable { first, last: drift, program, times: 1, since: moment, until: moment, pace };
            self.changed.insert(family, Reported { table, last: now, logged: None });
        }
        let Some(reported) = self.changed.get_mut(&family) else { return };
        if reported.logged.is_none_or(|logged| now >= logged + LOG_INTERVAL) {
            reported.logged = Some(now);
            let found = reported.table.finding();
            warn!(code = %found.code, "{}", found.message);
        }
    }

    fn pace(&self) -> RepairPace {
        if self.pace.is_slow() { RepairPace::SlowedDown } else { RepairPace::AtOnce }
    }

    /// Tables that were left alone for long enough are no longer reported.
    fn expire(&mut self, now: Instant) {
        self.changed.retain(|_, reported| now < reported.last + REPORTED_FOR);
    }

    pub(super) fn changed(&self) -> Vec<ChangedTable> {
        self.changed.values().map(|reported| reported.table.clone()).collect()
    }
}

/// What is reported of a table that another program put in the place of ours.
pub fn replaced(error: &nft::Error) -> Finding {
    Finding::error("table-replaced", with_causes(error))
}

impl Daemon {
    /// Takes in news of other programs: where a table of ours may be another one, it is read back as soon as the pace allows.
    pub(super) fn notice(&mut self, news: &ForeignChanges) {
        let is_lost = news.gaps != self.drift.seen.gaps && self.checking.certainty() != Certainty::Exclusive;
        if news.ours == self.drift.seen.ours && !is_lost {
            self.drift.seen.clone_from(news);
            return;
        }
        let now = clock::now();
        if now >= self.drift.pace.earliest {
            return self.doubt(now);
        }
        self.drift.due = Some(self.drift.pace.earliest);
    }

    /// The time for something has come.
    pub(super) fn drift_due(&mut self) {
        let now = clock::now();
        if self.drift.due.is_some_and(|due| now >= due) {
            self.doubt(now);
        }
        self.drift.expire(now);
        self.show_tables();
    }

    /// What the kernel holds is unknown, and read in the round that follows.
    fn doubt(&mut self, now: Instant) {
        self.drift.due = None;
        self.drift.pace.repair(now);
        if self.applied_state == AppliedState::Current {
            self.applied_state = AppliedState::Doubted;
        }
        self.applied.add_outstanding(Scope::Everything);
    }

    /// Whether notifications that were not looked at yet say that a table of ours was changed. The tables are read after this.
    pub(super) fn heard_of_changes(&mut self) -> bool {
        let now = self.notifications.now();
        self.drift.read(now)
    }

    /// Reports in what the kernel's tables differ from what they were left as.
    pub(super) fn report_drift(&mut self, drift: Vec<TableDrift>) {
        let now = clock::now();
        if !drift.is_empty() {
            self.connections.gap();
        }
        for table in drift {
            self.observers.metrics.table_changed(table.family, &table.name);
            let program = self.drift.seen.program.clone();
            self.drift.report(table, program, now);
        }
        self.show_tables();
    }

    /// A repair is over, or what was to be repaired could not be read or changed.
    pub(super) fn repaired(&mut self) {
        self.drift.pace.repaired(clock::now());
    }

    /// Takes in whether a table of our name is another program's now.
    pub(super) fn show_replaced(&mut self, failure: Option<&nft::Error>) {
        let found = match failure {
            Some(error @ nft::Error::Foreign(_)) => Some(replaced(error)),
            Some(_) | None => None,
        };
        if found == self.drift.replaced {
            return;
        }
        match &found {
            Some(found) => warn!(code = %found.code, "{}", found.message),
            None => info!("the table of another program in the place of egressd's is gone"),
        }
        self.drift.replaced = found;
        self.show_tables();
    }

    pub(super) fn show_tables(&self) {
        let uncertain = self.checking.finding();
        let findings = uncertain.into_iter().chain(self.drift.replaced.clone()).collect();
        self.observers.state_channel.tables(findings, self.drift.changed());
    }
}
