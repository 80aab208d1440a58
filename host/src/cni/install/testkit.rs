//! What holds for any bytes in the place of a network configuration.

use std::time::Duration;

use serde_json::Value;

use super::chain::{Entry, chained, unchained};
use crate::cni::OnFailure;

/// Whether the plugin can be chained into these bytes. Panics where a law does not hold.
pub fn chain_laws(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let entry = Entry { wait: Duration::from_secs(2), on_failure: OnFailure::Open, socket: None };
    let without = unchained(text).ok().flatten();
    let Ok(changed) = chained(text, &entry) else { return false };
    let changed = changed.unwrap_or_else(|| text.to_owned());
    assert_eq!(chained(&changed, &entry), Ok(None), "chaining again changes something");
    let expected = without.unwrap_or_else(|| text.to_owned());
    assert_eq!(unchained(&changed), Ok(Some(expected.clone())), "taking it out leaves something");
    assert!(serde_json::from_str::<Value>(&expected).is_ok(), "{expected}");
    true
}
