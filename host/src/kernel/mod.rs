//! The kernel of this node: its nftables, its connections, its interfaces' addresses, its tunnel to other nodes, and what is known to go past both.

pub mod addresses;
pub mod bystanders;
pub mod flows;
mod lazy;
mod netlink;
pub mod nft;
pub mod part;
pub mod tunnel;
pub mod worker;
pub mod xfrm;
