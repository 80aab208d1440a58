//! Whether a ConfigMap that is refused is worth another try as it is, and when.

use std::time::Duration;

use egressd_core::policy::Cost;

use super::entry::Error;
use crate::clock::{self, Instant};

/// The first pause before a ConfigMap that is refused is tried again as it is.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest: each try may cost ten seconds of a processor.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// Whether a ConfigMap that is refused is worth another try as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryWhen {
    /// It is not.
    Settled,
    /// It was not its turn yet.
    Untried,
    /// It did not fit beside the others, at this cost.
    Crowded(Cost),
    /// The node may have been to blame.
    Again {
        /// When it is tried again.
        at: Instant,
        /// After what pause.
        pause: Duration,
    },
}

impl RetryWhen {
    /// After it was refused for this, once more.
    pub(super) fn after(error: &Error, earlier: Option<Self>) -> Self {
        if let Error::Excess(excess) = error {
            return Self::Crowded(excess.cost());
        }
        if error.may_recover() { Self::worse(earlier) } else { Self::Settled }
    }

    /// The other one where this one is that nothing changes.
    pub(super) fn or(self, other: Self) -> Self {
        match self {
            Self::Settled => other,
            Self::Untried | Self::Crowded(_) | Self::Again { .. } => self,
        }
    }

    /// After one more failure for which the node may be to blame.
    fn worse(earlier: Option<Self>) -> Self {
        let pause = match earlier {
            Some(Self::Again { pause, .. }) => (pause * 2).min(MAX_WAIT),
            Some(Self::Settled | Self::Untried | Self::Crowded(_)) | None => FIRST_WAIT,
        };
        Self::Again { at: clock::now() + pause, pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_before_another_try_is_longer_up_to_a_bound() {
        let mut retry = None;
        for expected in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
            let worse = RetryWhen::worse(retry);
            assert!(
                matches!(worse, RetryWhen::Again { pause, .. } if pause == Duration::from_secs(expected)),
                "{worse:?}"
            );
            assert!(matches!(worse, RetryWhen::Again { at, .. } if at > clock::now()));
            retry = Some(worse);
        }
    }
}
