//! What the tables have counted, and whose they are: for `status` and the metrics, never for a decision.

use std::collections::BTreeMap;

use egressd_core::{
    model::Uid,
    ruleset::{Layout, Name, TableFamily},
};

use super::TableId;

/// The tables at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Those that are there.
    pub tables: Vec<SurveyedTable>,
    /// How many elements each map has.
    pub elements: BTreeMap<(TableFamily, Name), u64>,
    /// How many connections were translated for each Service: by what is in the kernel now, whoever put it there,
    /// and by what this process has taken out since it began.
    pub connections: BTreeMap<Uid, u64>,
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
