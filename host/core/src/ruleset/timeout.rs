//! The timeout of an element of a set with timeouts.

use std::fmt;
use std::time::Duration;

/// A time in steps of 20 ms. The kernel keeps times in ticks, of which there are 100, 250, 300 or 1,000 a second: any
/// other time would read back as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeout(u32);

impl Timeout {
    /// In milliseconds.
    const STEP: u32 = 20;

    /// The longest that is not longer than this; none below one step, and above 49 days.
    pub fn at_most(time: Duration) -> Option<Self> {
        let milliseconds = u32::try_from(time.as_millis()).ok()?;
        let steps = milliseconds / Self::STEP;
        (steps > 0).then_some(Self(steps * Self::STEP))
    }

    /// Exactly so many milliseconds.
    pub fn exactly(milliseconds: u64) -> Option<Self> {
        Self::at_most(Duration::from_millis(milliseconds)).filter(|known| u64::from(known.0) == milliseconds)
    }

    /// In milliseconds.
    pub fn milliseconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_to_whole_steps() {
        let at_most = |ms| Timeout::at_most(Duration::from_millis(ms)).map(Timeout::milliseconds);
        assert_eq!([19, 20, 250, 20_000].map(at_most), [None, Some(20), Some(240), Some(20_000)]);
        assert_eq!(Timeout::exactly(248), None);
        assert_eq!(Timeout::exactly(240).map(|time| time.to_string()).as_deref(), Some("240ms"));
    }
}
