//! The kernel room: rulesets to and from nf_tables over netlink.
//!
//! It turns a [`Batch`] into one netlink transaction, and the kernel's dumps back into a ruleset, exactly. It
//! never decides what a ruleset should be, and never reads for a decision or writes a table that is not ours (P10).
//!
//! On the way out: `encode` (changes) → `rule`, `elements`, `objects` (what they mean) → `expression`, `transaction`,
//! `wire` (bytes; `rustables` where it supports them) → `socket` (over the room `netlink`). On the way in: `socket` →
//! `attributes` → `readback`. A refusal leads from its sequence number through `transaction` to `describe`, which says
//! what it was about. The kernel works inside `sendmsg`, so the daemon talks to a [`KernelThread`].

mod attributes;
#[cfg(test)]
mod change_tests;
mod describe;
mod elements;
mod encode;
mod error;
mod expression;
mod listing;
mod neighbours;
mod netlink;
mod notifications;
mod objects;
mod readback;
mod rule;
#[cfg(feature = "testkit")]
pub mod script;
mod socket;
mod survey;
#[cfg(test)]
pub(crate) mod testkit;
mod thread;
mod transaction;
mod wire;

use std::collections::BTreeSet;

use egressd_core::{
    diff::Batch,
    model::Uid,
    node::{Adapter, Nft},
    ruleset::TableNames,
};

pub use describe::TableId;
pub use error::{Error, Refusal};
pub use listing::Tables;
pub use neighbours::{FoundNeighbours, Neighbourhood};
pub use netlink::Netlink;
pub use notifications::{ForeignChanges, Notifications, Program};
pub use survey::{Counted, ListedTable, Maker, Owner, Survey, SurveyedTable};
pub use thread::KernelThread;

/// Something that holds rulesets: nf_tables, or a fake of it.
pub trait Kernel: Adapter<Part = Nft, OwnObjects = TableNames, Error = Error> + Send {
    /// The port by which notifications name the socket that commits.
    fn port(&self) -> u32;

    /// Which tables of these names are there, whoever made them.
    ///
    /// # Errors
    /// When the kernel cannot be read, a table belongs to another living process, or a newer egressd made it.
    fn existing(&mut self, names: &TableNames) -> Result<Vec<TableId>, Error>;

    /// Which tables of these names another program made. Nothing is read of what is in them.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn foreign(&mut self, names: &TableNames) -> Result<Vec<TableId>, Error>;

    /// Who may write to the tables of these names; where there is none, everybody.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn writers(&mut self, names: &TableNames) -> Result<Writers, Error>;

    /// Who owns the tables of these names, how large they are, and what they counted. What a deleted element had
    /// counted is remembered for the Services of `living` and forgotten for others.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn survey(&mut self, names: &TableNames, living: &BTreeSet<Uid>) -> Result<Survey, Error>;
}

/// Who may write to egressd's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writers {
    /// This process alone, so that no other program can take them away.
    #[default]
    Us,
    /// Other programs, too: before Linux 6.9, and where another program made a table.
    Everybody,
}

/// What the kernel holds. A chain with a foreign rule counts as one without rules.
pub type Readback = egressd_core::node::Readback<Nft>;

/// Something in a table of ours that egressd never makes.
pub type Foreign = egressd_core::node::Foreign<Batch>;

/// What removes all that is foreign, as far as it can be removed, in one step.
pub fn removal(readback: &Readback) -> Option<Batch> {
    let removals = readback.foreign.iter().filter_map(|foreign| foreign.removal.as_ref());
    let changes: Vec<_> = removals.flat_map(|batch| batch.changes.iter().cloned()).collect();
    (!changes.is_empty()).then_some(Batch { changes })
}
