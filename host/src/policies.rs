//! Which policies there are.

use std::sync::Arc;

use egressd_core::chain::{Asked, Policy, PolicyFailure};
use egressd_core::decision::{Draft, Outcome};
use egressd_core::model::{AnnotationPrefix, Context, ServiceView};
use serde_json::json;

use crate::wasm::{self, Compiler, Engine, Limits};

/// What the built-in policy is called.
pub const BUILT_IN: &str = "annotations";

/// The built-in policy, which reads annotations with this prefix.
///
/// # Errors
/// When the engine does not start, or the built-in policy does not load: a defect of the build.
pub fn policies(prefix: &AnnotationPrefix) -> Result<Box<dyn Policy>, wasm::Error> {
    let engine = Engine::new(Limits::default())?;
    let built_in = wasm::load(&engine, &Compiler::InProcess, wasm::built_in(), BUILT_IN, &settings(prefix))?;
    match built_in.asked {
        Asked::Policy(policy) => Ok(Box::new(Shared(policy))),
        Asked::Validator(_) | Asked::Missing(_) => Err(wasm::Unfit::NoExport.into()),
    }
}

/// A policy that others may hold as well.
struct Shared(Arc<dyn Policy>);

impl Policy for Shared {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn evaluate(&self, context: &Context, service: &ServiceView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        self.0.evaluate(context, service, draft)
    }
}

/// The built-in policy's own default goes unsaid: then its settings are empty, which it reads without a parser.
fn settings(prefix: &AnnotationPrefix) -> String {
    if *prefix == AnnotationPrefix::default() {
        "{}".to_owned()
    } else {
        json!({ "prefix": prefix.to_string() }).to_string()
    }
}
