//! What the tables are to be like.

use anyhow::{Context, Result};
use egressd_core::net::MarkBit;
use egressd_core::ruleset::{Layout, Priority};

/// Of which layout they are to be.
pub(super) fn layout(number: Option<u32>) -> Result<Layout> {
    let Some(number) = number else { return Ok(Layout::OURS) };
    Layout::numbered(number).with_context(|| {
        format!(
            "cannot use --table-layout (EGRESSD_TABLE_LAYOUT): egressd has layouts {} and {}, not {number}",
            Layout::FIRST,
            Layout::OURS
        )
    })
}

/// Where their chains translate, among those of other programs.
pub(super) fn priority(number: i32) -> Result<Priority> {
    Priority::new(number).context("cannot use --priority (EGRESSD_PRIORITY)")
}

/// With what they mark packets.
pub(super) fn mark(mask: u32) -> Result<MarkBit> {
    MarkBit::new(mask).context("cannot use --mark-mask (EGRESSD_MARK_MASK)")
}
