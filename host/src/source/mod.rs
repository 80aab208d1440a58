//! Sources: where Services come from. A source keeps the newest state of all it watches, and hands it over as a
//! whole, with the keys to look at again. It decides nothing.

pub mod config_map;
pub mod convert;
pub mod documents;
pub mod handover;
pub mod manifests;
pub mod watch;
