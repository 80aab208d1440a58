//! What the tables have counted, and whose they are: for `status` and the metrics, never for a decision.

use std::collections::{BTreeMap, BTreeSet};

use egressd_core::{
    model::Uid,
    ruleset::{DataKind, KeyKind, Layout, MapKind, Name, TableFamily},
};

use super::TableId;

/// The tables at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Those that are there.
    pub tables: Vec<SurveyedTable>,
    /// How many elements each map has.
    pub elements: BTreeMap<(TableFamily, Name), u64>,
    /// What was counted for each Service: by what is in the kernel now, whoever put it there, and by what this process has
    /// taken out since it began.
    pub counted: Counted,
}

/// Something that is counted, by Service.
pub(super) type Counts = BTreeMap<Uid, u64>;

/// What was counted, by Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Connections that were translated.
    pub connections: Counts,
    /// Packets that the guard dropped.
    pub dropped: Counts,
}

impl Counted {
    /// Adds what was counted elsewhere.
    pub(super) fn add(&mut self, more: &Self) {
        for (sum, more) in [(&mut self.connections, &more.connections), (&mut self.dropped, &more.dropped)] {
            more.iter().for_each(|(uid, count)| *sum.entry(uid.clone()).or_default() += count);
        }
    }

    /// Forgets all but these Services.
    pub(super) fn retain(&mut self, living: &BTreeSet<Uid>) {
        [&mut self.connections, &mut self.dropped]
            .into_iter()
            .for_each(|counts| counts.retain(|uid, _| living.contains(uid)));
    }

    /// What the elements of such a map count; none where that is of no Service.
    pub(super) fn of_map(&mut self, kind: MapKind) -> Option<&mut Counts> {
        match (kind.key, kind.data) {
            (KeyKind::Guarded, _) => Some(&mut self.dropped),
            (_, DataKind::Address) => Some(&mut self.connections),
            (_, DataKind::Nothing | DataKind::Verdict | DataKind::Mark) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedTable {
    pub id: TableId,
    /// Who may write to it.
    pub owner: Owner,
    /// Whether it outlives its owner (Linux 6.9).
    pub persists: bool,
}

/// One table of a network namespace, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTable {
    pub id: TableId,
    /// Who made it.
    pub maker: Maker,
    /// Who may write to it.
    pub owner: Owner,
    /// Whether it outlives its owner (Linux 6.9).
    pub persists: bool,
}

/// Who made a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// An egressd: the table has our marker.
    Egressd,
    /// A newer egressd, in a layout that this one does not know.
    Newer(Layout),
    /// Another program (P10).
    Another,
}

/// Who may write to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This process alone.
    Us,
    /// The process with this netlink port.
    Other(u32),
    /// Everybody: before Linux 6.9, or when its owner has ended.
    None,
}
