//! Contract 0.2.0: what it is shown of a subject, and how its answers are read.

mod answers;
mod ask;
mod bindings;
mod show;
#[path = "../../../../policy-sdk/vocabulary/contract/v0_2/mod.rs"]
mod vocabulary;

pub(super) use ask::{check_settings, describe, evaluate, validate};
pub(super) use bindings::Policy as Imports;
use bindings::types;
