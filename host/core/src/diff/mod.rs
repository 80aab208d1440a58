//! (applied, desired) → the ordered changes from one to the other, so that each packet is handled by one of the two
//! states (P3).
//!
//! The kernel takes a batch over in one step, but a packet on its way through our chain is not one step: all
//! its *rules* are of one generation, while every *set look-up* reads the generation anew. Hence the order of
//! batches (each left out when it is empty):
//!
//! 1. **prepare** tables and sets that are not there yet: the kernel may publish the ranges of a set at the very end of
//!    its commit, when packets meet the rules and elements of the same batch already (seen with Linux 6.18.44: 1 of 25
//!    starts translated a packet between pods);
//! 2. **arm** the guard: pods that are guarded from now on, and sources that they may have from now on, in one batch,
//!    before anything else changes;
//! 3. **widen** sets: never in one batch with the rules that read them. Rules only ever return for what is in a set, so
//!    a packet of the new state that is in one has to be in it before anything else changes, and one of the old state
//!    until nothing is left to change;
//! 4. **make** new objects: a packet of the old generation that already looks up a new element would find the
//!    chain it leads to empty, if both came in one batch. Rules of a chain that is there are changed only to
//!    repair it, since [`crate::compile`] gives other rules another chain;
//! 5. **switch** elements: one look-up decides, so a replaced element is atomic. Of one pod what is asked first comes
//!    first, in as many batches as elements lie behind each other (`levels.rs`); mostly it is one;
//! 6. **break** what is left of a pod of which something came: it has both for a moment, since none would be a leak;
//!    and delete the chains that nothing leads to any more;
//! 7. **narrow** sets. A set that has to be widened and narrowed has everything of both states meanwhile. Maps go that
//!    are for a length of prefixes that is in use no more, with the rules that look into them;
//! 8. **disarm** the guard: pods that are guarded no more, and sources that they no longer have. In one batch: the guard
//!    asks whether a pod is guarded before and after it asks for the source.
//!
//! Before sets are widened a base chain moves to another priority (`moves.rs`).
//!
//! Where there is a tunnel, packets are diverted before they are translated, and the elements of one pod at both stages
//! have an order (`levels.rs`). The set of addresses that other nodes hold drops what is in it, so it is narrowed where
//! others are widened, and widened where others are narrowed. The rule that leaves alone what goes through the tunnel goes
//! with the last of its elements.
//!
//! A table that is replaced goes and comes in one batch ([`replace`]), so there the kernel's delay remains: otherwise
//! its packets would meet no table in between. A commit walks all chains of the network namespace and holds its
//! nft mutex, and the whole batch has to fit one send buffer: 30,000 elements at once would keep every other writer on
//! the node waiting. So what is large is cut into [slices](cut) first, each of which is such a change of its own.

mod applied;
mod counters;
mod display;
mod drift;
mod levels;
mod meanwhile;
mod moves;
mod scope;
mod sets;
mod slices;
mod summary;
mod table;

use std::net::IpAddr;

#[cfg(feature = "testkit")]
pub use applied::corrupt;
pub use applied::{Applied, Comparison};
pub use drift::{TableDrift, drift};
pub use scope::{Common, Scope};
pub use slices::{SLICE, Slice, SlicedChange, Slices, cut};
pub use summary::Summary;

use crate::effect::{Effect, Phase};
use crate::net::AddressRange;
use crate::ruleset::{
    Element, Hook, Layout, MapKey, MapKind, Name, Rule, Ruleset, SetKey, SetKeyKind, SetKind, Table, TableFamily,
    TimedKey,
};

/// One change of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub family: TableFamily,
    pub table: Name,
    pub verb: Verb,
}

/// A change of one object of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Create the table, with the marker of its layout.
    AddTable(Layout),
    /// Delete the table with all that is in it. Only when egressd leaves the node for good.
    DeleteTable,
    /// Let the packets of a dormant table (`flags dormant`, set by another program) reach its chains again.
    WakeTable,
    /// Create an empty set.
    AddSet(Name, SetKind),
    /// Delete a set that nothing refers to.
    DeleteSet(Name),
    /// Fill an interval set from nothing, or replace all that is in it.
    RefillSet(Name, Vec<AddressRange>),
    /// Add ranges to an interval set, none of which overlaps what is there.
    AddRanges(Name, Vec<AddressRange>),
    /// Delete ranges that are there, each as it was added, from an interval set.
    DeleteRanges(Name, Vec<AddressRange>),
    /// Add addresses that are not there to a set of addresses.
    AddMembers(Name, Vec<IpAddr>),
    /// Delete addresses that are there from a set of addresses.
    DeleteMembers(Name, Vec<IpAddr>),
    /// Add keys that are not there to a set of keys.
    AddKeys(Name, SetKeyKind, Vec<SetKey>),
    /// Delete keys that are there from a set of keys.
    DeleteKeys(Name, SetKeyKind, Vec<SetKey>),
    /// Add keys that pass by themselves. One that is there goes on as it is.
    AddTimed(Name, SetKeyKind, Vec<TimedKey>),
    /// Create a counter that rules can name.
    AddCounter(Name),
    /// Delete a counter that no rule names.
    DeleteCounter(Name),
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

/// Batches to commit one after the other, each with the phase of a node's change that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In order; none is empty, and phases never go back.
    pub effects: Vec<Effect<Batch>>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// Whether a table, or a base chain of `before`, goes: packets meet none until the next one is there, since hooks come and
    /// go outside of a batch's generation.
    pub fn recreates(&self, before: &Ruleset) -> bool {
        let is_base = |change: &Change, chain: &Name| {
            let table = before.tables.get(&change.family);
            table.and_then(|table| table.chains.get(chain)).is_some_and(|chain| chain.hook.is_some())
        };
        self.batches().flat_map(|batch| &batch.changes).any(|change| {
            if let Verb::DeleteChain(chain) = &change.verb {
                is_base(change, chain)
            } else {
                change.verb == Verb::DeleteTable
            }
        })
    }

    /// In order.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = &Batch> {
        self.effects.iter().map(|effect| &effect.change)
    }
}

/// The changes from `applied` to `desired`.
pub fn diff(applied: &Ruleset, desired: &Ruleset) -> Changes {
    let mut phases = Phases::default();
    for family in TableFamily::ALL {
        match (applied.tables.get(&family), desired.tables.get(&family)) {
            (None, None) => {}
            (None, Some(new)) => table::create(&mut phases, family, new),
            (Some(old), None) => phases.delete_table(family, old),
            (Some(old), Some(new)) if old.name != new.name => {
                table::create(&mut phases, family, new);
                phases.delete_table(family, old);
            }
            // A set of one kind cannot become one of another, so all of the table is made anew.
            (Some(old), Some(new)) if old.layout != new.layout || table::clash(old, new) => {
                table::recreate(&mut phases, family, new);
            }
            (Some(old), Some(new)) if table::is_only_prepared(old, new) => {
                table::complete(&mut phases, family, old, new);
            }
            (Some(old), Some(new)) => table::change(&mut phases, family, old, new),
        }
    }
    phases.into_changes()
}

/// Replaces whatever is in these tables by `desired`, in one batch. Unlike everything else here it deletes base
/// chains that packets may be in, so it is for the start of a process, when the administrator asks for it
/// (`egress_clean`).
pub fn replace(existing: &[(TableFamily, Name)], desired: &Ruleset) -> Changes {
    let delete = |(family, table): &(TableFamily, Name)| Change {
        family: *family,
        table: table.clone(),
        verb: Verb::DeleteTable,
    };
    let mut changes: Vec<Change> = existing.iter().map(delete).collect();
    let creation = diff(&Ruleset::default(), desired);
    changes.extend(creation.effects.into_iter().flat_map(|effect| effect.change.changes));
    // From this batch on packets go the new way.
    Phases { switch: vec![changes], ..Phases::default() }.into_changes()
}

/// The batches of the module's documentation, for all tables together.
#[derive(Default)]
struct Phases {
    /// The copy of a base chain at its new place, and the end of the old one.
    moves: [Vec<Change>; 2],
    arm: Vec<Change>,
    /// Tables and sets that are not there yet, before any rule that looks into them.
    prepare: Vec<Change>,
    widen: Vec<Change>,
    make: Vec<Change>,
    switch: Vec<Vec<Change>>,
    break_: Vec<Change>,
    narrow: Vec<Change>,
    disarm: Vec<Change>,
}

impl Phases {
    fn delete_table(&mut self, family: TableFamily, table: &Table) {
        self.break_.push(Change { family, table: table.name.clone(), verb: Verb::DeleteTable });
    }

    /// To other parts of a node, a set that is widened is one that is made, and one that is narrowed is an old way that
    /// goes.
    fn into_changes(self) -> Changes {
        let [copy, delete] = self.moves;
        let arm = [self.prepare, self.arm].map(|changes| (Phase::Arm, changes));
        let come = [copy, delete, self.widen, self.make].map(|changes| (Phase::Make, changes));
        let switch = self.switch.into_iter().map(|changes| (Phase::Switch, changes));
        let go = [self.break_, self.narrow].map(|changes| (Phase::Break, changes));
        let disarm = [(Phase::Disarm, self.disarm)];
        let all = arm.into_iter().chain(come).chain(switch).chain(go).chain(disarm);
        let filled = all.filter(|(_, changes)| !changes.is_empty());
        Changes { effects: filled.map(|(phase, changes)| Effect { phase, change: Batch { changes } }).collect() }
    }
}
