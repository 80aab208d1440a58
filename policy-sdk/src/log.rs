//! Lines for the host's log, under the policy's name. The host keeps 64 KiB a call and cuts the rest.
//!
//! Outside a component, in native tests, they go nowhere.

use crate::bindings::egressd::policy::host::Level;

/// For the author of the policy.
pub fn debug(message: &str) {
    line(Level::Debug, message);
}

/// For operators: something worth knowing.
pub fn info(message: &str) {
    line(Level::Info, message);
}

/// For operators: something is not as it should be.
pub fn warn(message: &str) {
    line(Level::Warn, message);
}

/// For operators: something failed. The last line of a call that fails becomes a part of its failure.
pub fn error(message: &str) {
    line(Level::Error, message);
}

#[cfg(target_family = "wasm")]
fn line(level: Level, message: &str) {
    crate::bindings::egressd::policy::host::log(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn line(_level: Level, _message: &str) {}
