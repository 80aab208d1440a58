//! The kernel's answer about its tables → a ruleset, and the counters of its elements.

use egressd::kernel::nft::script::{encoded, read_back, survey};
use egressd_core::compile::table_names;
use egressd_core::diff::diff;
use egressd_core::ruleset::Ruleset;

use super::InputResult;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let names = table_names(None);
    // Whatever it is, the report is bounded.
    let _ = survey(bytes, &names);
    let Ok(readback) = read_back(bytes, &names) else { return InputResult::Refused };
    assert!(readback.foreign.len() <= bytes.len(), "{} foreign things", readback.foreign.len());
    // Whatever the kernel holds can be removed: foreign objects first, and then all else.
    for foreign in readback.foreign {
        assert!(foreign.removal.is_none_or(|removal| encoded(&removal).is_ok()), "{}", foreign.what);
    }
    for batch in diff(&readback.state, &Ruleset::default()).batches() {
        assert!(encoded(batch).is_ok(), "{batch:?}");
    }
    assert!(diff(&readback.state, &readback.state).is_empty());
    if readback.state.tables.is_empty() { InputResult::Refused } else { InputResult::Taken }
}
