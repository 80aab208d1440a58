//! Which tables there are, and whose.

use egressd_core::ruleset::MARKER;
use rustables::sys;

use crate::nft::{
    attributes::Attributes,
    describe::TableId,
    elements::userdata,
    encode::PERSIST,
    error::Error,
    socket::{DumpError, Socket},
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
        if self.marked { Ok(()) } else { Err(Error::Foreign(table.clone())) }
    }
}

/// Looks for a table.
///
/// # Errors
/// When the kernel does not answer.
pub(in crate::nft) fn find(socket: &mut Socket, table: &TableId) -> Result<Option<FoundTable>, DumpError> {
    let header = Header::nftables(sys::NFT_MSG_GETTABLE, Flags::DUMP, Some(table.family));
    let mut found = None;
    socket.dump(
        header,
        |_| {},
        |message| {
            if message.attributes().text(sys::NFTA_TABLE_NAME) == Some(table.name.as_str()) {
                found = Some(decode(message.attributes()));
            }
        },
    )?;
    Ok(found)
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
