//! The shell of egressd: sources, the WASM room, the kernel room, the loop and the command line.
//!
//! Everything that decides lives in `egressd_core`.

pub mod source;
