//! Families, ranges of addresses, ports, the bit of marks: the types that Services and nftables share.

mod addresses;
mod by_family;
mod mark;
mod private;
mod range;
mod sorted;
mod tunnel_marks;

pub use addresses::RareAddresses;
pub use by_family::ByFamily;
pub use egressd_vocabulary::{Family, ParsePortRangeError, PortRange, PortRangeError, PortSpan, Protocol};
pub use mark::{MarkBit, MarkBitError};
pub use private::{is_private, private_destinations};
pub use range::{AddressRange, are_merged, between, differing, is_within, merge_ranges, predecessor, subtract};
pub use sorted::without;
pub use tunnel_marks::{GatewayIndex, TunnelMarks, TunnelMarksError};
