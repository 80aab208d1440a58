//! How much of the node a policy may use, a call.

use std::time::Duration;

/// The limits of one engine. Every call starts with all of them afresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory. A policy in Rust needs far less; an interpreter for another language some MiB.
    pub memory: usize,
    /// Instructions, roughly. This is the verdict about a policy: deterministic, so every node comes to the
    /// same one. One evaluation takes about 50,000.
    pub fuel: u64,
    /// The same for a Service with many endpoints, whose guest gets this much for each when that is more:
    /// reading one takes about 2,000, and Services with 5,000 endpoints are no fault of a policy.
    pub fuel_per_endpoint: u64,
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
    /// Ten million units: 200 evaluations of the built-in policy.
    pub const FUEL: u64 = 10_000_000;
    /// Ten thousand units: more than [`Limits::FUEL`] from 1,000 endpoints on.
    pub const FUEL_PER_ENDPOINT: u64 = 10_000;
    /// Two seconds.
    pub const TIME: Duration = Duration::from_secs(2);
    /// 1 MiB.
    pub const ANSWER: usize = 1 << 20;
    /// 64 KiB.
    pub const LOG: usize = 64 << 10;

    /// The fuel for a Service with so many endpoints.
    pub(super) fn fuel_for(&self, endpoints: usize) -> u64 {
        let endpoints = u64::try_from(endpoints).unwrap_or(u64::MAX);
        self.fuel.max(self.fuel_per_endpoint.saturating_mul(endpoints))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Self::MEMORY,
            fuel: Self::FUEL,
            fuel_per_endpoint: Self::FUEL_PER_ENDPOINT,
            time: Self::TIME,
            answer: Self::ANSWER,
            log: Self::LOG,
        }
    }
}
