//! Polls until a condition holds, instead of sleeping for a fixed time.

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
    while !ask()? {
        if begun.elapsed() > deadline {
            bail!("waited {} s in vain until {what}", deadline.as_secs());
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}
