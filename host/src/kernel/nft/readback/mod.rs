//! The kernel's tables as a ruleset: exact, or a [`Foreign`] entry for what our vocabulary cannot say.
//!
//! A dump is many answers, and another process may commit between two of them. The kernel flags that in most dumps, but not
//! in dumps of elements; so the ruleset's generation is asked for before and after.

mod chains;
pub(super) mod counters;
mod expression;
mod objects;
mod rule;
pub(super) mod sets;
pub(super) mod tables;

use std::{thread::sleep, time::Duration};

use egressd_core::{
    diff::{Batch, Change, Verb},
    ruleset::{Table, TableFamily},
};

use rustables::sys;
use tables::Activity;

use super::{
    Foreign, Readback,
    attributes::Message,
    describe::TableId,
    error::Error,
    socket::{DumpError, Socket},
    wire::{Flags, Header, Writer},
};

/// How often a reading is tried. kube-proxy commits about once a second, and a reading takes some milliseconds.
const MAX_ATTEMPTS: u32 = 10;

/// What to wait after a reading that a commit spoilt; commits come in bursts.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Reads until no process commits meanwhile.
///
/// # Errors
/// When the reading fails, or never settles.
pub(super) fn settled<T>(
    socket: &mut Socket,
    mut read: impl FnMut(&mut Socket) -> Result<T, DumpError>,
) -> Result<T, Error> {
    for attempt in 0..MAX_ATTEMPTS {
        sleep(RETRY_INTERVAL * attempt.min(1));
        match bracketed(socket, &mut read) {
            Ok(value) => return Ok(value),
            Err(DumpError::Interrupted) => {}
            Err(DumpError::Failed(error)) => return Err(error),
        }
    }
    Err(Error::Unsettled { attempts: MAX_ATTEMPTS })
}

/// These tables, where they are there.
///
/// # Errors
/// When a table is not one of egressd's, or the kernel does not answer.
pub(super) fn read(socket: &mut Socket, tables: impl Iterator<Item = TableId>) -> Result<Readback, DumpError> {
    let mut readback = Readback::default();
    for id in tables {
        let Some(found) = tables::find(socket, &id)? else { continue };
        let layout = found.check_marker(&id)?;
        let mut reading = Reading::begin(id);
        reading.table.layout = layout;
        chains::read(socket, &mut reading)?;
        sets::read(socket, &mut reading)?;
        objects::read(socket, &mut reading)?;
        chains::sift(&mut reading);
        if found.activity == Activity::Dormant {
            reading.foreign("the flag dormant", [Verb::WakeTable]);
        }
        readback.state.tables.insert(reading.id.family, reading.table);
        readback.foreign.append(&mut reading.foreign);
    }
    Ok(readback)
}

fn bracketed<T>(socket: &mut Socket, read: impl FnOnce(&mut Socket) -> Result<T, DumpError>) -> Result<T, DumpError> {
    let before = socket.generation()?;
    let value = read(socket)?;
    if socket.generation()? == before { Ok(value) } else { Err(DumpError::Interrupted) }
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
