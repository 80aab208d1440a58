//! The kernel behind a netlink socket.

use std::{collections::BTreeSet, time::Duration};

use egressd_core::{
    diff::{Batch, Change, Verb},
    model::Uid,
    node::{Adapter, Certainty, Nft},
    ruleset::{Layout, TableNames},
};

use super::{
    Counted, Kernel, ListedTable, Maker, Owner, Readback, Survey, Tables, Writers,
    describe::{Origin, TableId, describe},
    encode::{Ownership, encode, encode_adoption},
    error::Error,
    readback::{
        self, counters,
        tables::{self, FoundTable},
    },
    socket::{DumpError, Refused, Socket},
    transaction::Sealed,
};

/// The nf_tables of one network namespace. While it lives, no other process may write to the tables that it made or
/// adopted (Linux 6.9); keep it for the life of the process.
#[derive(Debug)]
pub struct Netlink {
    pub(super) socket: Socket,
    ownership: Ownership,
    /// What deleted elements and rules had counted.
    gone: Counted,
}

impl Netlink {
    /// Opens the nf_tables of the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel has no netfilter netlink.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: Socket::open()?, ownership: Ownership::Exclusive, gone: Counted::default() })
    }

    /// As [`Adapter::commit`]; gives how long the kernel took for it by a clock, without the time to encode it.
    ///
    /// # Errors
    /// As [`Adapter::commit`].
    pub fn commit_timed(&mut self, batch: &Batch, clock: fn() -> Duration) -> Result<Duration, Error> {
        if batch.changes.is_empty() {
            return Ok(Duration::ZERO);
        }
        let dying = counters::dying(&mut self.socket, batch);
        let transaction = encode(batch, self.ownership)?;
        let begun = clock();
        match self.send(batch, &transaction) {
            Ok(()) => {
                let took = clock() - begun;
                self.gone.add(&dying);
                Ok(took)
            }
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::NoOwners) => {
                self.ownership = Ownership::Shared;
                self.commit_timed(batch, clock)
            }
        }
    }

    /// As [`Adapter::read`](egressd_core::node::Adapter::read), of tables of any family.
    ///
    /// # Errors
    /// As [`Adapter::read`](egressd_core::node::Adapter::read).
    pub fn read_tables(&mut self, tables: &[TableId]) -> Result<Readback, Error> {
        readback::read(&mut self.socket, tables)
    }

    /// As [`Adapter::read`](egressd_core::node::Adapter::read), where nothing but a certain reading is of use.
    ///
    /// # Errors
    /// Also when other programs kept changing the tables.
    pub fn read_with_certainty(&mut self, names: &TableNames) -> Result<Readback, Error> {
        let readback = self.read(names)?;
        if readback.certainty == Certainty::Uncertain { Err(Error::Unsettled) } else { Ok(readback) }
    }

    /// One transaction. The kernel's refusal comes back with its message.
    fn send(&mut self, batch: &Batch, transaction: &Sealed) -> Result<(), Failure> {
        let Err(refused) = self.socket.commit(transaction).map_err(Failure::Final)? else {
            return Ok(());
        };
        let origin = transaction.origin(refused.sequence, refused.offset);
        let change = origin.as_ref().and_then(|origin| batch.changes.get(origin.change));
        let unsupported = refused.refusal.errno == libc::EOPNOTSUPP;
        match change {
            Some(Change { verb: Verb::AddTable(_), .. }) if unsupported && self.ownership == Ownership::Exclusive => {
                Err(Failure::NoOwners)
            }
            Some(change) if refused.refusal.errno == libc::EPERM => Err(Failure::Final(self.owned(change))),
            Some(_) | None => Err(Failure::Final(explain(batch, origin.as_ref(), refused))),
        }
    }

    /// Another process owns the table of a change. Who, is worth a look.
    fn owned(&mut self, change: &Change) -> Error {
        let table = TableId::of(change);
        let owner = self.find(&table).ok().flatten().and_then(|found| found.owner);
        Error::Owned { table, owner }
    }

    fn find(&mut self, table: &TableId) -> Result<Option<FoundTable>, Error> {
        tables::find(&mut self.socket, table).map_err(DumpError::into_final)
    }

    fn adopt_table(&mut self, table: TableId) -> Result<(), Error> {
        let Some(found) = self.find(&table)? else { return Ok(()) };
        let layout = found.check_marker(&table)?;
        match found.owner {
            Some(owner) if owner != self.socket.port() => Err(Error::Owned { table, owner: Some(owner) }),
            None if found.persists => self.take_over(table, layout),
            Some(_) | None => Ok(()),
        }
    }

    fn take_over(&mut self, table: TableId, layout: Layout) -> Result<(), Error> {
        let change = Change { family: table.family, table: table.name, verb: Verb::AddTable(layout) };
        let transaction = encode_adoption(&change, layout)?;
        self.send(&Batch { changes: vec![change] }, &transaction).map_err(|failure| match failure {
            Failure::Final(error) => error,
            // A table that persists is of a kernel that has owners.
            Failure::NoOwners => Error::Garbled("the adoption of a table"),
        })
    }
}

impl Adapter for Netlink {
    type Part = Nft;
    type OwnObjects = TableNames;
    type Error = Error;

    fn adopt(&mut self, names: &TableNames) -> Result<(), Error> {
        TableId::all(names).try_for_each(|table| self.adopt_table(table))
    }

    fn read(&mut self, names: &TableNames) -> Result<Readback, Error> {
        let tables: Vec<TableId> = TableId::all(names).collect();
        self.read_tables(&tables)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        self.commit_timed(batch, || Duration::ZERO).map(drop)
    }
}

impl Kernel for Netlink {
    fn port(&self) -> u32 {
        self.socket.port()
    }

    fn existing(&mut self, names: &TableNames) -> Result<Vec<TableId>, Error> {
        let mut existing = Vec::new();
        for table in TableId::all(names) {
            let Some(found) = self.find(&table)? else { continue };
            found.check_layout(&table)?;
            match found.owner {
                Some(owner) if owner != self.socket.port() => {
                    return Err(Error::Owned { table, owner: Some(owner) });
                }
                Some(_) | None => existing.push(table),
            }
        }
        Ok(existing)
    }

    fn foreign(&mut self, names: &TableNames) -> Result<Vec<TableId>, Error> {
        let theirs = self.list()?.into_iter().filter(|table| table.maker == Maker::Another);
        Ok(theirs.map(|table| table.id).filter(|id| names.has(id.family, &id.name)).collect())
    }

    fn writers(&mut self, names: &TableNames) -> Result<Writers, Error> {
        let listed = self.list()?;
        let is_ours = |table: TableId| {
            let is_owned = |listed: &ListedTable| listed.id == table && listed.owner == Owner::Us;
            listed.iter().any(is_owned)
        };
        Ok(if TableId::all(names).all(is_ours) { Writers::Us } else { Writers::Everybody })
    }

    fn survey(&mut self, names: &TableNames, living: &BTreeSet<Uid>) -> Result<Survey, Error> {
        self.gone.retain(living);
        let mut survey =
            readback::whole(&mut self.socket, |socket, patience| counters::survey(socket, names, patience))?;
        survey.counted.add(&self.gone);
        Ok(survey)
    }
}

/// Why a batch did not get through.
enum Failure {
    /// This kernel does not know tables with owners that persist; the same batch may go without.
    NoOwners,
    /// For the caller.
    Final(Error),
}

fn explain(batch: &Batch, origin: Option<&Origin>, refused: Refused) -> Error {
    let action = origin.map_or_else(|| "begin a batch".to_owned(), |origin| describe(batch, origin));
    let source = refused.refusal;
    match source.errno {
        libc::EPERM => Error::NotPermitted,
        libc::EOPNOTSUPP => Error::Unsupported { action, source },
        _ => Error::Refused { action, source },
    }
}
