//! The text of a file → objects.

use egressd::source::documents::objects;

use super::{Answer, lossy};

/// No object is shorter than `{kind: Node,apiVersion: v1}`; aliases are bounded by the size of the file.
const MOST_OBJECTS_PER_BYTE: usize = 1;

pub(crate) fn laws(bytes: &[u8]) -> Answer {
    let text = lossy(bytes);
    let read = || objects(&text, "node-a").map_err(|error| error.to_string());
    let first = read();
    if let Ok(objects) = &first {
        assert!(objects.len() <= text.len() * MOST_OBJECTS_PER_BYTE, "{} objects", objects.len());
    }
    assert_eq!(first, read(), "the same text is the same state");
    if first.is_ok_and(|objects| !objects.is_empty()) { Answer::Taken } else { Answer::Refused }
}
