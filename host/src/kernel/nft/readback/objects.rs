//! Counters that rules name, and what else a table may have.

use egressd_core::ruleset::Name;
use rustables::sys;

use super::{Dumped, Patience, Reading};
use crate::kernel::nft::socket::{DumpError, Socket};

/// Reads the counters of a table. Other objects are not ours, and no change of ours would remove them.
pub(super) fn read(socket: &mut Socket, reading: &mut Reading, patience: &mut Patience) -> Result<(), DumpError> {
    let Found { counters, strangers } = patience.any(|found| read_objects(socket, reading, found))?;
    reading.table.counters.extend(counters);
    for text in strangers {
        reading.foreign(format_args!("object {text}"), []);
    }
    Ok(())
}

#[derive(Default)]
struct Found {
    counters: Vec<Name>,
    strangers: Vec<String>,
}

fn read_objects(socket: &mut Socket, reading: &Reading, found: &mut Found) -> Result<(), DumpError> {
    reading.dump(
        socket,
        Dumped::Objects,
        |_| {},
        |message| {
            let attributes = message.attributes();
            let text = attributes.text(sys::NFTA_OBJ_NAME).unwrap_or_default();
            let counts = attributes.number(sys::NFTA_OBJ_TYPE) == Some(sys::NFT_OBJECT_COUNTER);
            match Name::new(text) {
                Ok(name) if counts => found.counters.push(name),
                Ok(_) | Err(_) => found.strangers.push(text.to_owned()),
            }
        },
    )
}
