//! Families, ranges of addresses, ports: the words that Services and nftables share.

mod by_family;
mod family;
mod port;
mod private;
mod range;
mod sorted;

pub use by_family::ByFamily;
pub use family::Family;
pub use port::{PortMatch, PortMatchError, Protocol};
pub use private::{is_private, private_destinations};
pub use range::{AddressRange, are_merged, between, differing, is_within, merge_ranges, predecessor, subtract};
pub use sorted::without;
