//! The WASM room: takes components from any author, and asks them, each call in a memory of its own.
//!
//! Bytes become a [`Module`] (inspected, compiled, linked), and a module with settings becomes a policy or a
//! validator of the chain. Nothing outside this directory names wasmtime, and no policy reaches more than a log.

mod ask;
mod bounds;
mod cgroup;
mod child;
mod compile_child;
mod compiler;
mod component;
mod configured;
mod confine;
mod contract;
mod description;
mod encode;
mod engine;
mod error;
mod failure;
mod filter;
mod functions;
mod guest;
mod imports;
mod inspect;
mod invalid_answer;
mod invalid_component;
mod lack;
mod limits;
mod memory_budget;
mod module;
mod named;
mod scan;
mod used;
mod v0_1;
mod v0_2;
mod world;

pub use bounds::{Item, MAX_COMPONENT};
pub use child::SUBCOMMAND;
pub use compile_child::compile_child;
pub use compiler::Compiler;
pub use component::{ComponentPolicy, ComponentValidator, Loaded, check_settings, configure, load};
pub use confine::confine;
pub use description::Description;
pub use encode::encode;
pub use engine::Engine;
pub use error::Error;
pub use guest::Meter;
pub use inspect::{Inspection, inspect};
pub use invalid_component::{ComponentPart, InvalidComponent};
pub use lack::Lack;
pub use limits::Limits;
pub use memory_budget::InsufficientMemory;
pub use module::Module;
pub use world::{Version, World};

/// The policy that reads kube-vip's annotations, compiled from this source tree.
pub fn built_in() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/annotations.component.wasm"))
}
