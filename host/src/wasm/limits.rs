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
    /// The same for a Service with many endpoints, whose guest gets this much for each when all comes to more:
    /// reading one takes about 2,000, and Services with 5,000 endpoints are no fault of a policy.
    pub fuel_per_endpoint: u64,
    /// And for each byte of the annotations that it is sent: a network in a list takes about 400 a byte, and a
    /// list of 4,096 networks, which the guard lets pass, is no fault of a policy either.
    pub fuel_per_byte: u64,
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
    /// A thousand units: more than [`Limits::FUEL`] from 10 kB of annotations on. Kubernetes allows 256 KiB.
    pub const FUEL_PER_BYTE: u64 = 1_000;
    /// One second.
    pub const TIME: Duration = Duration::from_secs(1);
    /// 1 MiB.
    pub const ANSWER: usize = 1 << 20;
    /// 64 KiB.
    pub const LOG: usize = 64 << 10;

    /// The fuel for a call about so much. It depends on the input alone, so every node comes to the same.
    pub(super) fn fuel_for(&self, size: Size) -> u64 {
        let times = |count: usize, each: u64| u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(each);
        let Size { endpoints, bytes } = size;
        let needed = times(endpoints, self.fuel_per_endpoint).saturating_add(times(bytes, self.fuel_per_byte));
        self.fuel.max(needed)
    }
}

/// How much a guest is sent in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Endpoints that it is shown.
    pub(super) endpoints: usize,
    /// Of its annotations: names, which may be ten thousand, and values.
    pub(super) bytes: usize,
}

impl Size {
    /// Of a subject with so many endpoints and these annotations.
    pub(super) fn of<'a>(endpoints: usize, annotations: impl IntoIterator<Item = &'a (String, String)>) -> Self {
        let bytes = annotations.into_iter().map(|(name, value)| name.len() + value.len()).sum();
        Self { endpoints, bytes }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Self::MEMORY,
            fuel: Self::FUEL,
            fuel_per_endpoint: Self::FUEL_PER_ENDPOINT,
            fuel_per_byte: Self::FUEL_PER_BYTE,
            time: Self::TIME,
            answer: Self::ANSWER,
            log: Self::LOG,
        }
    }
}
