//! Bytes → the parts of a component, before it is compiled.

use egressd::wasm::{Limits, inspect};

use super::InputResult;

/// The longest sentence about a component, in bytes.
const MAX_COMPONENT_MESSAGE: usize = 4_096;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    match inspect(bytes) {
        Ok(inspection) => {
            assert_eq!(inspection.bytes, bytes.len());
            assert!(inspection.functions <= bytes.len() && inspection.largest_function <= bytes.len() as u64);
            assert!(inspection.memory <= Limits::MEMORY as u64, "{} bytes of memory", inspection.memory);
            assert!(inspection.imports.len() + inspection.exports.len() <= bytes.len());
            InputResult::Taken
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() <= MAX_COMPONENT_MESSAGE, "a sentence of {} bytes", sentence.len());
            assert!(sentence.lines().count() == 1, "{sentence:?}");
            InputResult::Refused
        }
    }
}
