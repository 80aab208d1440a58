//! The shell of egressd: sources, the WASM room, the kernel room, the loop and the command line.
//!
//! Everything that decides lives in `egressd_core`.

pub mod admin;
pub mod authoring;
pub mod cli;
pub mod clock;
pub mod cni;
pub mod config;
pub mod daemon;
pub mod egress_node;
pub mod errors;
pub mod files;
pub mod instances;
pub mod kernel;
pub mod log;
pub mod metrics;
pub mod neighbours;
pub mod out;
pub mod pod_wait;
pub mod policies;
pub mod probing;
pub mod publish;
pub mod rights;
pub mod source;
pub mod state;
pub mod state_channel;
pub mod wasm;
