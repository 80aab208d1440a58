//! A component with its settings: what is the same for every question to it.

use super::description::Description;
use super::functions::Functions;
use super::guest::Guest;
use super::world::Version;

/// A component with settings that it takes.
pub(super) struct Configured {
    pub(super) guest: Guest,
    pub(super) functions: Functions,
    /// The version of the contract that it uses.
    pub(super) version: Version,
    /// JSON text.
    pub(super) settings: String,
    pub(super) description: Description,
}
