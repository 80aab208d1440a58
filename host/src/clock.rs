//! The time. No other file asks the system for it, so a search for `clock::` finds everything that depends on it; what
//! decides is given a moment.
//!
//! It is also the only place that writes a moment down, and it cuts off what is below a second: rounded, half of all moments
//! would lie in the future of the line that reports them.

use std::fmt;
use std::future::pending;
use std::str::FromStr;
use std::time::Duration;

use egressd_core::in_force::UnixTime;
use jiff::Timestamp;
// For threads without tokio, too: tests can let it stand still.
pub use tokio::time::Instant;
use tokio::time::sleep_until;

/// This moment, to measure from.
#[expect(clippy::disallowed_methods, reason = "here the clock is read")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until then; without end where there is no such moment.
pub async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// How long ago this was; nothing if it lies in the future.
pub fn since(begun: Instant) -> Duration {
    now().saturating_duration_since(begun)
}

/// A moment; it prints in UTC, RFC 3339, with whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Timestamp);

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "here the clock is read")]
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// Whole seconds since 1970.
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// Whole microseconds since 1970.
    pub fn as_microsecond(self) -> i64 {
        self.0.as_microsecond()
    }
}

/// As the core counts; what is below a second is cut off.
impl From<Moment> for UnixTime {
    fn from(moment: Moment) -> Self {
        Self(moment.as_second())
    }
}

/// As the core counts.
impl From<UnixTime> for Moment {
    fn from(UnixTime(seconds): UnixTime) -> Self {
        Self(Timestamp::from_second(seconds).unwrap_or_default())
    }
}

/// As RFC 3339 writes it, with any zone.
impl FromStr for Moment {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

/// As Kubernetes' objects carry it.
impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// With all that the system's clock gives, for objects of Kubernetes.
impl From<Moment> for Timestamp {
    fn from(Moment(at): Moment) -> Self {
        at
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_moment_that_is_printed_never_lies_in_the_future() {
        for nanosecond in [0, 1, 499_999_999, 500_000_000, 999_999_999] {
            let at = Timestamp::from_nanosecond(1_787_503_576_000_000_000 + nanosecond).unwrap();
            let printed = Moment::from(at).to_string();
            assert_eq!(printed, "2026-08-23T16:46:16Z", "{nanosecond} ns later");
            assert!(printed.parse::<Timestamp>().unwrap() <= at, "{printed}");
        }
    }

    #[test]
    fn now_is_not_later_than_what_comes_after_it() {
        let printed: Timestamp = Moment::now().to_string().parse().unwrap();
        assert!(printed <= Moment::now().into());
    }
}
