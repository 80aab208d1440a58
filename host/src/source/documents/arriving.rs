//! The documents of a text one after the other: as values, all of them together take twenty times the text.

use std::cell::RefCell;

use serde_json::Value;
use serde_saphyr::{Error, Options};

use super::collector::Collector;

thread_local! {
    /// Who takes what arrives. The parser begins its collection itself, so that nothing can be given to it on the way.
    static COLLECTOR: RefCell<Collector> = RefCell::default();
}

/// What the parser fills.
#[derive(Default)]
struct Arriving;

impl Extend<Value> for Arriving {
    fn extend<I: IntoIterator<Item = Value>>(&mut self, documents: I) {
        COLLECTOR.with_borrow_mut(|collector| documents.into_iter().for_each(|document| collector.take(document)));
    }
}

/// Has a collector take all documents of a text.
///
/// # Errors
/// When it is not YAML from beginning to end; what was taken before is dropped.
pub(super) fn collect(text: &str, options: Options, collector: Collector) -> Result<Collector, Error> {
    COLLECTOR.set(collector);
    let read = serde_saphyr::from_str_multiple_with_options::<Value, Arriving>(text, options);
    let collector = COLLECTOR.take();
    read.map(|Arriving| collector)
}
