//! The shell of egressd: sources, the WASM room, the kernel room, the loop and the command line.
//!
//! Everything that decides lives in `egressd_core`.

pub mod addresses;
pub mod authoring;
pub mod board;
pub mod bystanders;
pub mod clean;
pub mod cli;
pub mod config;
pub mod crowd;
pub mod daemon;
pub mod desk;
pub mod document;
pub mod errors;
pub mod evaluator;
pub mod files;
pub mod heap;
pub mod http;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod moment;
pub mod nft;
pub mod notices;
pub mod oneshot;
pub mod orphans;
pub mod out;
pub mod output;
pub mod policies;
pub mod publish;
pub mod rights;
pub mod source;
pub mod state;
pub mod status_socket;
pub mod wasm;
