//! What can go wrong between bytes and a policy that answers.

use egressd_core::chain::PolicyFailure;

use super::invalid_component::InvalidComponent;
use super::memory_budget::InsufficientMemory;

/// Why a policy, or the engine for all of them, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refuses its configuration, mostly for want of address space.
    #[error("cannot start the WASM engine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot start the clock of the WASM engine")]
    Clock(#[source] std::io::Error),
    /// The bytes are no policy that egressd takes; for who knows which bytes are meant.
    #[error(transparent)]
    InvalidComponent(#[from] InvalidComponent),
    #[error("cannot use policy {policy}")]
    Refused {
        policy: String,
        /// One sentence.
        source: InvalidComponent,
    },
    /// No fault of the policy, or not only: the container has too little memory.
    #[error("cannot compile policy {policy}")]
    InsufficientMemory {
        policy: String,
        /// One sentence.
        source: InsufficientMemory,
    },
    /// No fault of the policy: the child that should compile it does not run.
    #[error("cannot run the compiler for policy {policy}")]
    Child {
        policy: String,
        /// What the system or the child says.
        source: std::io::Error,
    },
    /// It passed all checks, and the engine does not take it: its instances need more than a slot has.
    #[error("cannot compile policy {policy}")]
    Compile { policy: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// It imports or exports something else than the contract says.
    #[error("cannot link policy {policy} to the contract egressd:policy")]
    Link { policy: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot call policy {policy}")]
    Question { policy: String, source: PolicyFailure },
    #[error("cannot use the settings of policy {policy}: {reasons}")]
    Settings {
        policy: String,
        /// What it says about them, as one line.
        reasons: String,
    },
}

impl Error {
    /// Whether the node was to blame, or may have been, so that another time may go better.
    pub fn may_recover(&self) -> bool {
        match self {
            Self::Child { .. } | Self::InsufficientMemory { .. } => true,
            Self::InvalidComponent(source) | Self::Refused { source, .. } => source.may_recover(),
            Self::Engine(_)
            | Self::Clock(_)
            | Self::Compile { .. }
            | Self::Link { .. }
            | Self::Question { .. }
            | Self::Settings { .. } => false,
        }
    }
}
