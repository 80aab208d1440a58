//! Polls until a condition holds, instead of sleeping for a fixed time.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything may take that is not broken. Generous: a loaded machine is slow, and only failures wait.
pub const DEADLINE: Duration = Duration::from_secs(40);

const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Asks until the answer is yes.
///
/// # Errors
/// When asking fails, or when it is still no at the deadline.
pub fn wait_until(what: &str, deadline: Duration, mut ask: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    let deadline = patient(deadline);
    while !ask()? {
        if begun.elapsed() > deadline {
            bail!("waited {} s in vain until {what}", deadline.as_secs());
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// A deadline on this machine, which is longer where a processor is emulated.
#[must_use]
pub fn patient(deadline: Duration) -> Duration {
    deadline * slowdown()
}

/// How many of something are enough on this machine: fewer where a processor is emulated.
#[must_use]
pub fn fewer(count: u32) -> u32 {
    count / slowdown()
}

/// How much slower this machine is than one that tests are written for: `EGRESSD_TESTS_SLOWDOWN`, 1 unless it is set.
fn slowdown() -> u32 {
    let times = env::var("EGRESSD_TESTS_SLOWDOWN").ok().and_then(|times| times.parse().ok());
    times.unwrap_or(1).max(1)
}
