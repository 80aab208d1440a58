//! (applied, desired) → the ordered changes that lead from one to the other.

mod display;

use std::net::IpAddr;

use crate::net::{AddressRange, Family};
use crate::ruleset::{Element, Hook, MapKey, MapKind, Name, Rule, Ruleset, Table};

/// One change of one table. A batch of them is one netlink transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table's family.
    pub family: Family,
    /// The table's name.
    pub table: Name,
    /// What changes in it.
    pub verb: Verb,
}

/// What can change in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Create the table, with our marker.
    AddTable,
    /// Delete the table with all that is in it. Only when egressd leaves the node for good.
    DeleteTable,
    /// Create an empty interval set.
    AddSet(Name),
    /// Delete a set that nothing refers to.
    DeleteSet(Name),
    /// Fill a set from nothing, or replace all that is in it.
    RefillSet(Name, Vec<AddressRange>),
    /// Create an empty map with counters.
    AddMap(Name, MapKind),
    /// Delete a map that nothing refers to.
    DeleteMap(Name),
    /// Add elements that are not there.
    AddElements(Name, MapKind, Vec<(MapKey, Element)>),
    /// Delete elements that are there.
    DeleteElements(Name, MapKind, Vec<MapKey>),
    /// Create an empty chain.
    AddChain(Name, Option<Hook>),
    /// Delete a chain that nothing refers to, with its rules.
    DeleteChain(Name),
    /// Append rules to an empty chain.
    AddRules(Name, Vec<Rule>),
    /// Take all rules out of a chain.
    FlushRules(Name),
}

/// What the kernel takes over in one step, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In order.
    pub changes: Vec<Change>,
}
