//! Tables in memory that refuse what the kernel refuses; reading one that is in use fails the test.

use egressd_core::compile::Instance;
use egressd_core::net::Family;
use egressd_core::ruleset::{Layout, Name};

use super::{Error, ListedTable, Maker, Owner, Refusal, TableId, Tables};

/// How many pods every table translates.
pub(crate) const PODS: usize = 3;

/// The tables of a network namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeTables {
    pub(crate) tables: Vec<ListedTable>,
}

impl FakeTables {
    /// With the tables of an instance, on a kernel with owners.
    pub(crate) fn owned(self, instance: &Instance, owner: Owner) -> Self {
        self.with(instance, |id| ListedTable { id, maker: Maker::Egressd, owner, persists: true })
    }

    /// With the tables of an instance, on a kernel without owners.
    pub(crate) fn unowned(self, instance: &Instance) -> Self {
        self.with(instance, unowned)
    }

    /// With tables of another program that are called like those of an instance.
    pub(crate) fn foreign(self, instance: &Instance) -> Self {
        self.with(instance, |id| ListedTable { maker: Maker::Another, ..unowned(id) })
    }

    /// With the tables of an instance in a layout that no version knows yet, without an owner.
    pub(crate) fn newer(self, instance: &Instance) -> Self {
        let layout = Layout::of_comment("managed by egressd, layout 9").unwrap_or(Layout::OURS);
        self.with(instance, |id| ListedTable { maker: Maker::Newer(layout), ..unowned(id) })
    }

    /// With a table that has our marker, whatever it is called.
    pub(crate) fn marked(mut self, family: Family, name: &str) -> Self {
        let name = Name::new(name).unwrap_or_else(|error| panic!("{error}"));
        self.tables.push(unowned(TableId { family: family.into(), name }));
        self
    }

    /// The names of the tables that are there.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.tables.iter().map(|table| table.id.name.as_str()).collect()
    }

    fn with(mut self, instance: &Instance, table: impl Fn(TableId) -> ListedTable) -> Self {
        let names = instance.tables();
        self.tables
            .extend(Family::ALL.map(|family| table(TableId { family: family.into(), name: names.of(family).clone() })));
        self
    }

    fn find(&self, id: &TableId) -> Result<&ListedTable, Error> {
        let missing = || Error::Refused {
            action: format!("find {id}"),
            source: Refusal { errno: libc::ENOENT, message: None, others: 0 },
        };
        self.tables.iter().find(|table| table.id == *id).ok_or_else(missing)
    }
}

fn unowned(id: TableId) -> ListedTable {
    ListedTable { id, maker: Maker::Egressd, owner: Owner::None, persists: false }
}

impl Tables for FakeTables {
    fn list(&mut self) -> Result<Vec<ListedTable>, Error> {
        Ok(self.tables.clone())
    }

    fn pods(&mut self, id: &TableId) -> Result<usize, Error> {
        let table = self.find(id)?;
        assert!(table.maker == Maker::Egressd && table.owner == Owner::None, "the contents of {id} are read");
        Ok(PODS)
    }

    fn delete(&mut self, id: &TableId) -> Result<(), Error> {
        let table = self.find(id)?;
        assert!(table.maker != Maker::Another, "{id} of another program is deleted");
        match table.owner {
            Owner::Other(port) => return Err(Error::Owned { table: id.clone(), owner: Some(port) }),
            Owner::Us | Owner::None => self.tables.retain(|table| table.id != *id),
        }
        Ok(())
    }
}
