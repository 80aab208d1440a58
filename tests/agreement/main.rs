//! The tracer of the core and the kernel agree: the source that `egressd_core::testkit::trace` expects is the one that
//! the receiver of a real packet sees.
//!
//! Random plans follow each other in the same tables, so changes are tested too (P3). The laws of the
//! core (`host/core/tests/laws.rs`) compare the tracer with the guarantees; this test compares it with nf_tables.
//! `EGRESSD_SEED` repeats a run.
#![expect(clippy::expect_used, reason = "a universe that cannot be built is a failed test")]
#![expect(clippy::disallowed_methods, reason = "the time is the seed of a run")]

mod history;
mod packets;
mod universe;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

lab::tests![the_receiver_of_a_packet_sees_what_the_tracer_says];

fn the_receiver_of_a_packet_sees_what_the_tracer_says() -> Result<()> {
    let seed = seed()?;
    history::run_history(seed).with_context(|| format!("EGRESSD_SEED={seed} repeats this"))
}

/// A new one each time, unless a certain one is set.
fn seed() -> Result<u64> {
    match env::var("EGRESSD_SEED") {
        Ok(text) => text.parse().with_context(|| format!("EGRESSD_SEED={text} is not a number")),
        Err(_) => Ok(u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos())),
    }
}
