//! Which tables there are, and whose.

use std::collections::BTreeMap;

use egressd_core::ruleset::{Layout, Name, TableFamily};
use rustables::sys;

use super::Patience;

use crate::kernel::nft::{
    attributes::{Attributes, Message},
    describe::TableId,
    elements::userdata,
    encode::PERSIST,
    error::Error,
    socket::{DumpError, Socket},
    survey::{Maker, Owner},
    wire::{Flags, Header, Writer},
};

#[derive(Debug)]
pub(in crate::kernel::nft) struct FoundTable {
    /// What our marker says; none where it is not there.
    layout: Option<Layout>,
    /// The netlink port of the socket that owns it.
    pub(in crate::kernel::nft) owner: Option<u32>,
    /// Whether it survives its owner, and may get another one.
    pub(in crate::kernel::nft) persists: bool,
    /// Whether its chains see packets.
    pub(super) activity: Activity,
}

/// Whether the chains of a table see packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// They do.
    Awake,
    /// Another program made the table dormant (`flags dormant`).
    Dormant,
}

impl FoundTable {
    /// Its layout. P10: a table without our marker is another program's, and one of a newer layout a newer egressd's.
    ///
    /// # Errors
    /// When it is.
    pub(in crate::kernel::nft) fn check_marker(&self, table: &TableId) -> Result<Layout, Error> {
        self.check_layout(table)?;
        self.layout.ok_or_else(|| Error::Foreign(table.clone()))
    }

    /// A table of a newer layout stays as it is, also where those of other programs are replaced.
    ///
    /// # Errors
    /// When it has one.
    pub(in crate::kernel::nft) fn check_layout(&self, table: &TableId) -> Result<(), Error> {
        match self.maker() {
            Maker::Newer(layout) => Err(Error::NewerLayout { table: table.clone(), layout }),
            Maker::Egressd | Maker::Another => Ok(()),
        }
    }

    /// Who made it, as its marker says.
    pub(in crate::kernel::nft) fn maker(&self) -> Maker {
        match self.layout {
            Some(layout) if layout.is_newer() => Maker::Newer(layout),
            Some(_) => Maker::Egressd,
            None => Maker::Another,
        }
    }

    /// Who may write to it, as a process with this netlink port sees it.
    pub(in crate::kernel::nft) fn owner_for(&self, port: u32) -> Owner {
        match self.owner {
            Some(owner) if owner == port => Owner::Us,
            Some(owner) => Owner::Other(owner),
            None => Owner::None,
        }
    }
}

/// Looks for a table. The answer is one message, which no commit interrupts.
///
/// # Errors
/// When the kernel does not answer.
pub(in crate::kernel::nft) fn find(socket: &mut Socket, table: &TableId) -> Result<Option<FoundTable>, DumpError> {
    let mut found = None;
    let header = Header::nftables(sys::NFT_MSG_GETTABLE, Flags::REQUEST, Some(table.family));
    let question = |w: &mut Writer| w.text(sys::NFTA_TABLE_NAME, table.name.as_str());
    let asked = socket.ask(header, question, |message| {
        let attributes = message.attributes();
        if attributes.text(sys::NFTA_TABLE_NAME) == Some(table.name.as_str()) {
            found = Some(decode(attributes));
        }
    });
    match asked {
        Ok(()) => Ok(found),
        Err(DumpError::Gone) => Ok(None),
        Err(error @ (DumpError::Interrupted | DumpError::Failed(_))) => Err(error),
    }
}

/// All tables of a family whose names could be ours, whoever made them. Nothing is read of what is in them.
///
/// # Errors
/// When the kernel does not answer.
pub(in crate::kernel::nft) fn list(
    socket: &mut Socket,
    family: TableFamily,
    patience: &Patience,
) -> Result<Vec<(TableId, FoundTable)>, DumpError> {
    let header = Header::nftables(sys::NFT_MSG_GETTABLE, Flags::DUMP, Some(family));
    patience.whole(|tables: &mut Vec<(TableId, FoundTable)>| {
        let each = |message: &Message<'_>| {
            let attributes = message.attributes();
            let name = attributes.text(sys::NFTA_TABLE_NAME).and_then(|name| Name::new(name).ok());
            tables.extend(name.map(|name| (TableId { family, name }, decode(attributes))));
        };
        socket.dump(header, |_| {}, each)
    })
}

/// Who made each table of a family, whatever it is called. Of a dump that is interrupted each time it is a part.
///
/// # Errors
/// When the kernel does not answer.
pub(in crate::kernel::nft) fn makers(
    socket: &mut Socket,
    family: TableFamily,
    patience: &mut Patience,
) -> Result<BTreeMap<String, Maker>, DumpError> {
    let header = Header::nftables(sys::NFT_MSG_GETTABLE, Flags::DUMP, Some(family));
    patience.any(|makers: &mut BTreeMap<String, Maker>| {
        let each = |message: &Message<'_>| {
            let attributes = message.attributes();
            let name = attributes.text(sys::NFTA_TABLE_NAME).unwrap_or_default();
            makers.insert(name.to_owned(), decode(attributes).maker());
        };
        socket.dump(header, |_| {}, each)
    })
}

fn decode(attributes: Attributes<'_>) -> FoundTable {
    let flags = attributes.number(sys::NFTA_TABLE_FLAGS).unwrap_or_default();
    let comment = attributes.get(sys::NFTA_TABLE_USERDATA).and_then(userdata::read_comment);
    FoundTable {
        layout: comment.and_then(Layout::of_comment),
        owner: attributes.number(sys::NFTA_TABLE_OWNER),
        persists: flags & PERSIST != 0,
        activity: if flags & sys::NFT_TABLE_F_DORMANT == 0 { Activity::Awake } else { Activity::Dormant },
    }
}
