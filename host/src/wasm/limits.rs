//! How much of the node a policy may use, a call.

use std::time::Duration;

/// The limits of one engine. Every call starts with all of them afresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory. A policy in Rust needs far less; an interpreter for another language some MiB.
    pub memory: usize,
    /// Instructions, roughly. This is the verdict about a policy: deterministic, so every node comes to the
    /// same one. One evaluation takes about 40,000.
    pub fuel: u64,
    /// The backstop for what burns time and no fuel. Generous, because it measures the node's load too: 30 ms
    /// interrupted healthy policies.
    pub time: Duration,
    /// Bytes that one call may copy into the host. An answer can name the same string 20,000 times, so the
    /// guest's memory is no bound for it.
    pub answer: usize,
    /// Bytes of log lines, as the contract says; what is beyond is cut.
    pub log: usize,
}

impl Limits {
    /// 16 MiB.
    pub const MEMORY: usize = 16 << 20;
    /// Ten million units: 250 evaluations of the built-in policy.
    pub const FUEL: u64 = 10_000_000;
    /// Two seconds.
    pub const TIME: Duration = Duration::from_secs(2);
    /// 1 MiB.
    pub const ANSWER: usize = 1 << 20;
    /// 64 KiB.
    pub const LOG: usize = 64 << 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: Self::MEMORY, fuel: Self::FUEL, time: Self::TIME, answer: Self::ANSWER, log: Self::LOG }
    }
}
