//! The WASM room: loads policies that are components, and asks them, each call in a memory of its own.
//!
//! Nothing outside this directory names wasmtime, and no policy reaches more than a log.

mod bindings;
mod component;
mod convert;
mod engine;
mod failure;
mod imports;
mod limits;

pub use component::{ComponentPolicy, Description, load};
pub use engine::Engine;
pub use limits::Limits;

/// Why a policy, or the engine for all of them, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refuses its configuration, mostly for want of address space.
    #[error("cannot start the WASM engine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system gives no thread.
    #[error("cannot start the clock of the WASM engine")]
    Clock(#[source] std::io::Error),
    /// The bytes are no component that the engine takes.
    #[error("cannot compile policy {policy}")]
    Compile {
        /// Which policy.
        policy: String,
        /// What the compiler says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It imports or exports something else than the contract says.
    #[error("cannot link policy {policy} to the contract egressd:policy@0.1.0")]
    Link {
        /// Which policy.
        policy: String,
        /// What does not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It failed before the first Service.
    #[error("cannot question policy {policy}")]
    Question {
        /// Which policy.
        policy: String,
        /// What it did.
        source: egressd_core::chain::PolicyFailure,
    },
    /// It refuses its settings.
    #[error("cannot use the settings of policy {policy}: {reasons}")]
    Settings {
        /// Which policy.
        policy: String,
        /// What it says about them, as one line.
        reasons: String,
    },
}

/// The policy that reads kube-vip's annotations, compiled from this source tree.
pub fn built_in() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/annotations.component.wasm"))
}
