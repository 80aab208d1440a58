//! A table of egressd that another program changes, as it is reported.

use egressd_core::diff::TableDrift;
use egressd_core::finding::Finding;

use crate::clock::Moment;
use crate::kernel::nft::Program;

/// What another program changed in a table, in changes that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedTable {
    /// What differed at first.
    pub first: TableDrift,
    /// What differed last.
    pub last: TableDrift,
    /// Who changed it last, where the kernel named it.
    pub program: Option<Program>,
    /// How often it differed.
    pub times: u64,
    pub since: Moment,
    pub until: Moment,
    pub pace: RepairPace,
}

/// How soon a change is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairPace {
    AtOnce,
    /// After a wait: the changes do not end.
    SlowedDown,
}

impl ChangedTable {
    /// The table, as in "table ip kube_vip_v4".
    pub fn table(&self) -> String {
        format!("table {} {}", self.last.family, self.last.name)
    }

    /// Who changed what and when, and what egressd does about it.
    pub fn finding(&self) -> Finding {
        let Self { last, times, since, until, pace, .. } = self;
        let (table, program) = (self.table(), self.program());
        let when = if *times == 1 { format!("at {until}") } else { format!("{times} times from {since} to {until}") };
        let pace = match pace {
            RepairPace::AtOnce => "",
            RepairPace::SlowedDown => ", and waits a second between two repairs, since the changes do not end",
        };
        let message = format!(
            "{program} changed {table} {when}, the last time {}; egressd restored it{pace}; until then packets of pods \
             may have left with another source; configure that program to change its own tables only",
            last.objects()
        );
        Finding::warning("table-changed", message)
    }

    /// The same about the first change alone: it stays the same while others follow.
    pub fn first_change(&self) -> Finding {
        let message = format!(
            "{} changed {}: {}; egressd restored it; until then packets of pods may have left with another source; \
             configure that program to change its own tables only",
            self.program(),
            self.table(),
            self.first.objects()
        );
        Finding::warning("table-changed", message)
    }

    fn program(&self) -> String {
        self.program.as_ref().map_or_else(|| "another program".to_owned(), ToString::to_string)
    }
}

/// What tests are made with.
#[cfg(test)]
impl ChangedTable {
    /// One element was changed once.
    pub(crate) fn sample() -> Self {
        let name = egressd_core::compile::table_names(None).ipv4;
        let objects = std::collections::BTreeSet::from(["map egress_addrs (1 element)".to_owned()]);
        let drift = TableDrift { family: egressd_core::net::Family::Ipv4.into(), name, objects };
        let (program, now) = (Program { name: "nft".to_owned(), process: 4711 }, Moment::now());
        let (since, until) = (now, now);
        Self {
            first: drift.clone(),
            last: drift,
            program: Some(program),
            times: 1,
            since,
            until,
            pace: RepairPace::AtOnce,
        }
    }
}
