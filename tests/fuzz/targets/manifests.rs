//! The text of a file → objects.

use egressd::source::documents::contents;

use super::{InputResult, lossy};

/// No object is shorter than `{kind: Node,apiVersion: v1}`; aliases are bounded by the size of the file.
const MAX_OBJECTS_PER_BYTE: usize = 1;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let text = lossy(bytes);
    let read = || contents(&text, "node-a").map_err(|error| error.to_string());
    let first = read();
    if let Ok(contents) = &first {
        let read = contents.objects.len() + contents.unreadable.len() + contents.unknown.len();
        assert!(read <= text.len() * MAX_OBJECTS_PER_BYTE, "{read} objects");
    }
    assert_eq!(first, read(), "the same text is the same state");
    if first.is_ok_and(|contents| !contents.objects.is_empty()) { InputResult::Taken } else { InputResult::Refused }
}
