//! The kernel room: rulesets to and from nf_tables over netlink.
//!
//! It turns a [`Batch`] into one netlink transaction, and the kernel's dumps back into a [`Ruleset`], exactly. It
//! never decides what a ruleset should be, and never reads for a decision or writes a table that is not ours (P10).
//!
//! On the way out: `encode` (changes) → `rule`, `elements` (what they mean) → `expression`, `transaction`,
//! `wire` (bytes; `rustables` where it has the words) → `socket`. On the way in: `socket` → `attributes` →
//! `readback`. A refusal leads from its sequence number through `transaction` to `describe`, which says what it
//! was about. The kernel works inside `sendmsg`, so the daemon talks to a [`KernelThread`].

mod attributes;
#[cfg(test)]
mod change_tests;
mod describe;
mod elements;
mod encode;
mod error;
mod expression;
mod listing;
mod netlink;
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
    diff::{Batch, Change},
    model::Uid,
    ruleset::{Ruleset, TableNames},
};

pub use describe::TableId;
pub use error::{Error, Refusal};
pub use listing::Tables;
pub use netlink::Netlink;
pub use survey::{ListedTable, Maker, Owner, Survey, SurveyedTable};
pub use thread::KernelThread;

/// Something that holds rulesets: nf_tables, or a fake of it.
pub trait Kernel: Send {
    /// Makes the tables of these names that an earlier process left behind our own, so that others cannot write to
    /// them. It changes no packet (P6). Where there is nothing to adopt it does nothing.
    ///
    /// # Errors
    /// When a table has another owner, is not one of egressd's, or one of a newer egressd's.
    fn adopt(&mut self, names: &TableNames) -> Result<(), Error>;

    /// What is in the tables of these names, all of one moment.
    ///
    /// # Errors
    /// When the kernel cannot be read, or when a table of such a name is not one of egressd's (P10).
    fn read(&mut self, names: &TableNames) -> Result<Readback, Error>;

    /// Makes all changes in one step, or none.
    ///
    /// # Errors
    /// When the kernel refuses, with the change that it refused.
    fn commit(&mut self, batch: &Batch) -> Result<(), Error>;

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

    /// Who owns the tables of these names, how large they are, and what they counted. What a deleted element had
    /// counted is remembered for the Services of `living` and forgotten for others.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn survey(&mut self, names: &TableNames, living: &BTreeSet<Uid>) -> Result<Survey, Error>;
}

/// What the kernel holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readback {
    /// All that our vocabulary can say. A chain with a foreign rule counts as one without rules.
    pub ruleset: Ruleset,
    /// All else in our tables: somebody else put it there.
    pub foreign: Vec<Foreign>,
}

/// Something in a table of ours that egressd never makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is, as in "rule 3 of chain egress_postrouting in table ip kube_vip_v4".
    pub what: String,
    /// Changes that remove it, to go before others in a batch; none when only deleting the table would.
    pub removal: Vec<Change>,
}
