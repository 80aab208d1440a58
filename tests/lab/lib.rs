//! The lab: a node with pods and an outside world in network namespaces, in which egressd translates real packets.
//!
//! A [`Lab`] is a handful of namespaces without names: they live as long as the process that made them, so
//! nothing is left behind, not even by `kill -9`, and labs run beside each other. A test builds a lab, writes
//! manifests into a directory ([`manifest`]), starts the program on it ([`Program`]), and asks for the source address
//! that the outside host sees ([`Lab::seen_from`]).
//!
//! Root is not needed where the kernel grants user namespaces; [`main`] sees to that.

#![expect(clippy::disallowed_methods, reason = "the lab waits for what happens, and no longer than it may take")]

pub mod addresses;
pub mod cluster;
pub mod installations;
pub mod manifest;
pub mod neighbours;
pub mod node;

mod calls;
mod conntrack;
mod egressd;
mod harness;
mod http;
mod memory;
mod namespace;
mod nft;
mod privilege;
mod probe;
mod script;
mod topology;
mod uplink;
mod wait;

pub use calls::Call;
pub use egressd::{Egressd, Program};
pub use harness::{
    Test, TestGroup, Unsupported, main, main_if, main_of_groups, main_one_by_one, main_one_per_processor, nothing,
};
pub use memory::Memory;
pub use namespace::{Namespace, output_of};
pub use privilege::{Readiness, prepare};
pub use probe::{Connection, Destination, Flood, Flow, MAX_FLOOD_DATAGRAMS, Protocol, Seen};
pub use script::script;
pub use topology::{Builder, Host, Lab, Node, Pod};
pub use uplink::Uplink;
pub use wait::{DEADLINE, fewer, patient, wait_until};
