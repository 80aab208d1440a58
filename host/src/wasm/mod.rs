//! The WASM room: takes components that anybody wrote, and asks them, each call in a memory of its own.
//!
//! Bytes become a [`Module`] (inspected, compiled, linked), and a module with settings becomes a policy or a
//! validator of the chain. Nothing outside this directory names wasmtime, and no policy reaches more than a log.

mod bindings;
mod cgroup;
mod child;
mod compile_child;
mod compiler;
mod component;
mod confine;
mod contract;
mod convert;
mod engine;
mod error;
mod failure;
mod filter;
mod guest;
mod imports;
mod inspect;
mod lack;
mod limits;
mod module;
mod room;
mod unfit;
mod used;
mod walk;

pub use compile_child::{SUBCOMMAND, compile_child};
pub use compiler::Compiler;
pub use component::{ComponentPolicy, ComponentValidator, Description, Loaded, check_settings, configure, load};
pub use confine::confine;
pub use contract::encode;
pub use engine::Engine;
pub use error::Error;
pub use guest::Meter;
pub use inspect::{Inspection, inspect};
pub use lack::Lack;
pub use limits::Limits;
pub use module::{Module, World};
pub use room::NoRoom;
pub use unfit::{Part, Unfit};
pub use walk::Item;

/// Bytes of a component, unpacked. A ConfigMap holds 1 MiB, packed three times as much.
pub const MOST_BYTES: usize = 4 << 20;

/// The policy that reads kube-vip's annotations, compiled from this source tree.
pub fn built_in() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/annotations.component.wasm"))
}
