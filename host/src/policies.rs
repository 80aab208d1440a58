//! Which policies there are.

use egressd_core::chain::Policy;

use crate::wasm::{self, Engine, Limits};

/// What the built-in policy is called.
pub const BUILT_IN: &str = "annotations";

/// The policies, in the order in which they are asked.
///
/// # Errors
/// When the engine does not start, or the built-in policy does not load: a defect of the build.
pub fn policies() -> Result<Vec<Box<dyn Policy>>, wasm::Error> {
    let engine = Engine::new(Limits::default())?;
    let built_in = wasm::load(&engine, wasm::built_in(), BUILT_IN, "{}")?;
    Ok(vec![Box::new(built_in)])
}
