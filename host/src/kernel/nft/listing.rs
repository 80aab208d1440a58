//! All tables of a network namespace, seen from outside: which there are and whose, how many pods one translates, and
//! its deletion. For tables that no living egressd looks after.

use egressd_core::{
    diff::{Batch, Change, Verb},
    net::Family,
    node::Adapter as _,
};

use super::{
    Netlink,
    describe::TableId,
    error::Error,
    readback::{self, Patience, sets, tables},
    socket::{DumpError, Socket},
    survey::ListedTable,
};

/// The tables of one network namespace: those of nf_tables, or a fake of them.
pub trait Tables: Send {
    /// Every table whose name could be one of egressd's, whoever made it. What is in them is not read.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn list(&mut self) -> Result<Vec<ListedTable>, Error>;

    /// How many pods a table of egressd's making translates.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn pods(&mut self, table: &TableId) -> Result<usize, Error>;

    /// Deletes a table with all that is in it.
    ///
    /// # Errors
    /// When the kernel refuses, as it does when the table has an owner.
    fn delete(&mut self, table: &TableId) -> Result<(), Error>;
}

impl Tables for Netlink {
    fn list(&mut self) -> Result<Vec<ListedTable>, Error> {
        readback::whole(&mut self.socket, |socket, patience| {
            let families = Family::ALL.into_iter().map(|family| tables::list(socket, family.into(), patience));
            let found = families.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
            let port = socket.port();
            let listed = |(id, found): (TableId, tables::FoundTable)| ListedTable {
                id,
                maker: found.maker(),
                owner: found.owner_for(port),
                persists: found.persists,
            };
            Ok(found.map(listed).collect())
        })
    }

    fn pods(&mut self, table: &TableId) -> Result<usize, Error> {
        readback::whole(&mut self.socket, |socket, patience| pods(socket, table, patience))
    }

    fn delete(&mut self, table: &TableId) -> Result<(), Error> {
        let TableId { family, name } = table.clone();
        self.commit(&Batch { changes: vec![Change { family, table: name, verb: Verb::DeleteTable }] })
    }
}

/// A pod may be in several maps, and in the map of ports many times.
fn pods(socket: &mut Socket, table: &TableId, patience: &Patience) -> Result<usize, DumpError> {
    Ok(sets::sources(socket, table, patience)?.len())
}
