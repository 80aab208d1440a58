//! What a policy can reach: the log. And what the host keeps about one call.

use std::sync::Arc;

use egressd_core::text::plain;
use tracing::{debug, error, info, warn};
use wasmtime::ResourceLimiter;

use super::bounds::TABLE_ELEMENTS;
use super::limits::Limits;

/// Lines that a policy may log in a call, printed or cut. A line costs the host a microsecond and the guest hardly
/// any fuel, so without an end a flood would go on until the clock stops it, at another place every time.
pub(super) const MAX_LOG_LINES: usize = 10_000;

/// Bytes of all of them: a line can be a MiB long, and is copied before it is cut.
pub(super) const MAX_LOG_BYTES: usize = 16 << 20;

/// The level of a line in the log: the same in every version of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// One call of one policy.
#[derive(Debug)]
pub(super) struct Call {
    policy: Arc<str>,
    /// The fuel that it began with.
    pub(super) fuel: u64,
    memory_limit: usize,
    log_left: usize,
    lines: usize,
    logged: usize,
    /// It logs without an end.
    pub(super) floods: bool,
    /// The last line that it logged, for the case that it fails: a panic is reported there.
    pub(super) last_log_line: Option<String>,
    /// The bytes of memory that it asked for and did not get.
    pub(super) refused_memory: Option<usize>,
}

impl Call {
    pub(super) fn new(policy: Arc<str>, limits: &Limits, fuel: u64) -> Self {
        Self {
            policy,
            fuel,
            memory_limit: limits.memory,
            log_left: limits.log,
            lines: 0,
            logged: 0,
            floods: false,
            last_log_line: None,
            refused_memory: None,
        }
    }

    /// One line of the log.
    ///
    /// # Errors
    /// When it logs without an end, which ends the call.
    pub(super) fn record_line(&mut self, level: Level, message: &str) -> wasmtime::Result<()> {
        self.count(message)?;
        let Some(text) = self.within_budget(message) else { return Ok(()) };
        let policy = &self.policy;
        match level {
            Level::Debug => debug!(%policy, text, "policy log"),
            Level::Info => info!(%policy, text, "policy log"),
            Level::Warn => warn!(%policy, text, "policy log"),
            Level::Error => error!(%policy, text, "policy log"),
        }
        self.last_log_line = Some(text);
        Ok(())
    }

    /// Ends the call of a policy that does not stop.
    fn count(&mut self, message: &str) -> wasmtime::Result<()> {
        self.lines += 1;
        self.logged += message.len();
        if self.lines <= MAX_LOG_LINES && self.logged <= MAX_LOG_BYTES {
            return Ok(());
        }
        self.floods = true;
        Err(wasmtime::format_err!("a flood of log lines"))
    }

    /// As much of the message as the budget allows; none when there is nothing left.
    fn within_budget(&mut self, message: &str) -> Option<String> {
        if self.log_left == 0 {
            return None;
        }
        let kept = &message[..message.floor_char_boundary(self.log_left)];
        if kept.len() < message.len() {
            warn!(policy = %self.policy, "the policy logs too much; further lines of this call are dropped");
            self.log_left = 0;
        } else {
            // An empty line costs something too, or a flood of them would be free.
            self.log_left = self.log_left.saturating_sub(kept.len().max(1));
        }
        Some(plain(kept))
    }
}

/// A refusal ends the call: a guest that goes on without the memory it needs gives another answer.
impl ResourceLimiter for Call {
    fn memory_growing(&mut self, _now: usize, wanted: usize, _most: Option<usize>) -> wasmtime::Result<bool> {
        if wanted <= self.memory_limit {
            return Ok(true);
        }
        self.refused_memory = Some(wanted);
        Err(wasmtime::format_err!("{wanted} bytes of memory are more than {}", self.memory_limit))
    }

    fn table_growing(&mut self, _now: usize, wanted: usize, _most: Option<usize>) -> wasmtime::Result<bool> {
        if wanted <= TABLE_ELEMENTS {
            return Ok(true);
        }
        Err(wasmtime::format_err!("a table of {wanted} elements is larger than {TABLE_ELEMENTS}"))
    }
}
