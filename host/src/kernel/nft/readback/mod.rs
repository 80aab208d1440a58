//! The kernel's tables as a ruleset: exact, or a [`Foreign`] entry for what our vocabulary cannot say.
//!
//! A dump is many answers, and another process may commit between two of them. What only we may write to cannot change
//! meanwhile. For the rest the ruleset's generation is asked for before and after, which is one number for all tables of the
//! network namespace; where other programs keep changing that, two equal readings in a row are as good.

mod chains;
pub(super) mod counters;
mod expression;
mod objects;
mod patience;
mod rule;
pub(super) mod sets;
pub(super) mod tables;

use std::{thread::sleep, time::Duration};

use egressd_core::{
    diff::{Batch, Change, Verb},
    node::Certainty,
    ruleset::{Table, TableFamily},
};

pub(super) use patience::{Dumps, Patience};
use rustables::sys;
use tables::Activity;

use super::{
    Foreign, Readback,
    attributes::Message,
    describe::TableId,
    error::Error,
    socket::{DumpError, Socket},
    survey::Owner,
    wire::{Flags, Header, Writer},
};

/// What to wait between two readings; commits come in bursts.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// These tables, where they are there.
///
/// # Errors
/// When a table is not one of egressd's, or the kernel does not answer.
pub(super) fn read(socket: &mut Socket, tables: &[TableId]) -> Result<Readback, Error> {
    let mut patience = Patience::begin();
    let mut last: Option<Readback> = None;
    loop {
        let readback = read_once(socket, tables, &mut patience).map_err(DumpError::into_final)?;
        match readback.certainty {
            Certainty::Exclusive | Certainty::Settled => return Ok(readback),
            Certainty::Uncertain if last.as_ref() == Some(&readback) => {
                return Ok(Readback { certainty: Certainty::Settled, ..readback });
            }
            Certainty::Uncertain if last.is_some() && patience.is_over() => return Ok(readback),
            Certainty::Uncertain => last = Some(readback),
        }
        sleep(RETRY_INTERVAL);
    }
}

fn read_once(socket: &mut Socket, tables: &[TableId], patience: &mut Patience) -> Result<Readback, DumpError> {
    let before = socket.generation()?;
    let mut readback = read_dumps(socket, tables, patience)?;
    if readback.certainty == Certainty::Settled && socket.generation()? != before {
        readback.certainty = Certainty::Uncertain;
    }
    Ok(readback)
}

/// The same, as one dump after the other says.
///
/// # Errors
/// As [`read`].
pub(super) fn read_dumps(
    socket: &mut Socket,
    tables: &[TableId],
    patience: &mut Patience,
) -> Result<Readback, DumpError> {
    let mut readback = Readback::default();
    let mut all_ours = true;
    for id in tables {
        let Some(found) = tables::find(socket, id)? else { continue };
        all_ours &= found.owner_for(socket.port()) == Owner::Us;
        let layout = found.check_marker(id)?;
        let mut reading = Reading::begin(id.clone());
        reading.table.layout = layout;
        chains::read(socket, &mut reading, patience)?;
        sets::read(socket, &mut reading, patience)?;
        objects::read(socket, &mut reading, patience)?;
        chains::sift(&mut reading);
        if found.activity == Activity::Dormant {
            reading.foreign("the flag dormant", [Verb::WakeTable]);
        }
        readback.state.tables.insert(reading.id.family, reading.table);
        readback.foreign.append(&mut reading.foreign);
    }
    readback.certainty = match patience.take() {
        Dumps::Torn => Certainty::Uncertain,
        Dumps::Whole if all_ours && !readback.state.tables.is_empty() => Certainty::Exclusive,
        Dumps::Whole => Certainty::Settled,
    };
    Ok(readback)
}

/// Reads something with dumps that no commit interrupted, from the beginning where something was gone meanwhile.
///
/// # Errors
/// When the reading fails, or other programs change what is read all the time.
pub(super) fn whole<T>(
    socket: &mut Socket,
    mut read: impl FnMut(&mut Socket, &Patience) -> Result<T, DumpError>,
) -> Result<T, Error> {
    let patience = Patience::begin();
    loop {
        match read(socket, &patience) {
            Ok(value) => return Ok(value),
            Err(DumpError::Gone) if !patience.is_over() => sleep(RETRY_INTERVAL),
            Err(error) => return Err(error.into_final()),
        }
    }
}

/// A table that is being read.
struct Reading {
    id: TableId,
    table: Table,
    foreign: Vec<Foreign>,
}

impl Reading {
    /// Of which nothing was read yet.
    fn begin(id: TableId) -> Self {
        Self { table: Table::new(id.name.clone()), foreign: Vec::new(), id }
    }

    fn family(&self) -> TableFamily {
        self.id.family
    }

    /// Notes something that is not ours, and what would remove it.
    fn foreign(&mut self, what: impl std::fmt::Display, removal: impl IntoIterator<Item = Verb>) {
        let change = |verb| Change { family: self.id.family, table: self.id.name.clone(), verb };
        let changes: Vec<Change> = removal.into_iter().map(change).collect();
        let removal = (!changes.is_empty()).then_some(Batch { changes });
        self.foreign.push(Foreign { what: format!("{what} in {}", self.id), removal });
    }

    /// Dumps objects of this table. Some kernels ignore which table is asked about.
    fn dump(
        &self,
        socket: &mut Socket,
        kind: Dumped,
        filter: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), DumpError> {
        let name = self.id.name.as_str();
        let table = kind.table();
        let header = Header::nftables(kind.message(), Flags::DUMP, Some(self.id.family));
        let write = |w: &mut Writer| {
            w.text(table, name);
            filter(w);
        };
        socket.dump(header, write, |message| {
            if message.attributes().text(table) == Some(name) {
                each(message);
            }
        })
    }
}

/// What of a table is dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dumped {
    Chains,
    Rules,
    Sets,
    Elements,
    Objects,
}

impl Dumped {
    /// `NFT_MSG_GET*`.
    fn message(self) -> u32 {
        match self {
            Self::Chains => sys::NFT_MSG_GETCHAIN,
            Self::Rules => sys::NFT_MSG_GETRULE,
            Self::Sets => sys::NFT_MSG_GETSET,
            Self::Elements => sys::NFT_MSG_GETSETELEM,
            Self::Objects => sys::NFT_MSG_GETOBJ,
        }
    }

    /// The attribute with the name of the table.
    fn table(self) -> u16 {
        match self {
            Self::Chains => sys::NFTA_CHAIN_TABLE,
            Self::Rules => sys::NFTA_RULE_TABLE,
            Self::Sets => sys::NFTA_SET_TABLE,
            Self::Elements => sys::NFTA_SET_ELEM_LIST_TABLE,
            Self::Objects => sys::NFTA_OBJ_TABLE,
        }
    }
}

#[cfg(test)]
#[path = "busy_tests.rs"]
mod tests;
