//! Families, ranges of addresses, ports: the words that Services and nftables share.

mod family;
mod port;
mod range;

pub use family::Family;
pub use port::{PortMatch, PortMatchError, Protocol};
pub use range::{AddressRange, merge_ranges};
