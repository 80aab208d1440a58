//! Which policies there are.

use egressd_core::chain::Policy;
use egressd_core::model::AnnotationPrefix;
use serde_json::json;

use crate::wasm::{self, Engine, Limits};

/// What the built-in policy is called.
pub const BUILT_IN: &str = "annotations";

/// The built-in policy, which reads annotations with this prefix.
///
/// # Errors
/// When the engine does not start, or the built-in policy does not load: a defect of the build.
pub fn policies(prefix: &AnnotationPrefix) -> Result<Box<dyn Policy>, wasm::Error> {
    let engine = Engine::new(Limits::default())?;
    let built_in = wasm::load(&engine, wasm::built_in(), BUILT_IN, &settings(prefix))?;
    Ok(Box::new(built_in))
}

/// The built-in policy's own default goes unsaid: then its settings are empty, which it reads without a parser.
fn settings(prefix: &AnnotationPrefix) -> String {
    if *prefix == AnnotationPrefix::default() {
        "{}".to_owned()
    } else {
        json!({ "prefix": prefix.to_string() }).to_string()
    }
}
