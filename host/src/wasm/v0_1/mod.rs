//! Contract 0.1.0: what it is shown of a Service, and how its answers are read.

mod ask;
mod bindings;
mod convert;

pub(super) use ask::{check_settings, describe, evaluate, validate};
pub(super) use bindings::Policy as Imports;
