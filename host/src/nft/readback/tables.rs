//! Which tables there are, and whose.

use egressd_core::{
    net::Family,
    ruleset::{MARKER, Name},
};
use rustables::sys;

use crate::nft::{
    attributes::Attributes,
    describe::TableId,
    elements::userdata,
    encode::PERSIST,
    error::Error,
    socket::{DumpError, Socket},
    survey::{Maker, Owner},
    wire::{Flags, Header},
};

/// A table in the kernel.
#[derive(Debug)]
pub(in crate::nft) struct FoundTable {
    /// Whether it carries our marker.
    marked: bool,
    /// The netlink port of the socket that owns it.
    pub(in crate::nft) owner: Option<u32>,
    /// Whether it survives its owner, and may get another one.
    pub(in crate::nft) persists: bool,
}

impl FoundTable {
    /// P10: a table without our marker is somebody else's.
    ///
    /// # Errors
    /// When it is.
    pub(in crate::nft) fn check_marker(&self, table: &TableId) -> Result<(), Error> {
        match self.maker() {
            Maker::Egressd => Ok(()),
            Maker::Another => Err(Error::Foreign(table.clone())),
        }
    }

    /// Who made it, as its marker says.
    pub(in crate::nft) fn maker(&self) -> Maker {
        if self.marked { Maker::Egressd } else { Maker::Another }
    }

    /// Who may write to it, as a process with this netlink port sees it.
    pub(in crate::nft) fn owner_for(&self, port: u32) -> Owner {
        match self.owner {
            Some(owner) if owner == port => Owner::Us,
            Some(owner) => Owner::Other(owner),
            None => Owner::Nobody,
        }
    }
}

/// Looks for a table.
///
/// # Errors
/// When the kernel does not answer.
pub(in crate::nft) fn find(socket: &mut Socket, table: &TableId) -> Result<Option<FoundTable>, DumpError> {
    let mut found = None;
    dump(socket, table.family, |attributes| {
        if attributes.text(sys::NFTA_TABLE_NAME) == Some(table.name.as_str()) {
            found = Some(decode(attributes));
        }
    })?;
    Ok(found)
}

/// All tables of a family whose names could be ours, whoever made them. Nothing is read of what is in them.
///
/// # Errors
/// When the kernel does not answer.
pub(in crate::nft) fn list(socket: &mut Socket, family: Family) -> Result<Vec<(TableId, FoundTable)>, DumpError> {
    let mut tables = Vec::new();
    dump(socket, family, |attributes| {
        let name = attributes.text(sys::NFTA_TABLE_NAME).and_then(|name| Name::new(name).ok());
        tables.extend(name.map(|name| (TableId { family, name }, decode(attributes))));
    })?;
    Ok(tables)
}

fn dump(socket: &mut Socket, family: Family, mut each: impl FnMut(Attributes<'_>)) -> Result<(), DumpError> {
    let header = Header::nftables(sys::NFT_MSG_GETTABLE, Flags::DUMP, Some(family));
    socket.dump(header, |_| {}, |message| each(message.attributes()))
}

fn decode(attributes: Attributes<'_>) -> FoundTable {
    let flags = attributes.number(sys::NFTA_TABLE_FLAGS).unwrap_or_default();
    let comment = attributes.get(sys::NFTA_TABLE_USERDATA).and_then(userdata::read_comment);
    FoundTable {
        marked: comment == Some(MARKER),
        owner: attributes.number(sys::NFTA_TABLE_OWNER),
        persists: flags & PERSIST != 0,
    }
}
