//! Dumps beside programs that commit all the time. The kernel marks a dump during which any program committed, also where
//! nothing of ours changed, and such a dump may have gaps. So it is made again, by itself and not with all that was read
//! before it.

use std::thread::sleep;
use std::time::Duration;

use crate::clock::{self, Instant};
use crate::kernel::nft::socket::DumpError;

/// How often a dump is made until it is taken as it came. Most fit between two commits: kube-proxy and plugins of the network
/// commit some hundred times a second at most.
const MAX_TRIES: u32 = 8;

/// What to wait before a dump is made again.
const RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// How long something is read that other programs keep changing, in all.
const LIMIT: Duration = Duration::from_secs(1);

/// How long dumps are repeated, and whether all of them were whole.
#[derive(Debug)]
pub(in crate::kernel::nft) struct Patience {
    until: Instant,
    tries: u32,
    dumps: Dumps,
}

/// Whether all dumps were whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::nft) enum Dumps {
    Whole,
    Torn,
}

impl Patience {
    pub(in crate::kernel::nft) fn begin() -> Self {
        Self { until: clock::now() + LIMIT, tries: MAX_TRIES, dumps: Dumps::Whole }
    }

    /// Takes each dump as it comes.
    #[cfg(feature = "testkit")]
    pub(in crate::kernel::nft) fn none() -> Self {
        Self { until: clock::now(), tries: 1, dumps: Dumps::Whole }
    }

    pub(super) fn is_over(&self) -> bool {
        clock::now() >= self.until
    }

    /// Whether all dumps since it was asked last were whole.
    pub(in crate::kernel::nft) fn take(&mut self) -> Dumps {
        std::mem::replace(&mut self.dumps, Dumps::Whole)
    }

    /// What a dump gives, as it came where each was interrupted. Of what is gone meanwhile it gives nothing.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub(in crate::kernel::nft) fn any<T: Default>(
        &mut self,
        mut dump: impl FnMut(&mut T) -> Result<(), DumpError>,
    ) -> Result<T, DumpError> {
        let mut tried = 0;
        loop {
            let mut content = T::default();
            tried += 1;
            match dump(&mut content) {
                Ok(()) => return Ok(content),
                Err(DumpError::Interrupted) if tried < self.tries && !self.is_over() => sleep(RETRY_INTERVAL),
                Err(DumpError::Interrupted | DumpError::Gone) => {
                    self.dumps = Dumps::Torn;
                    return Ok(content);
                }
                Err(error @ DumpError::Failed(_)) => return Err(error),
            }
        }
    }

    /// What a dump gives that no commit interrupted.
    ///
    /// # Errors
    /// When there is none in time, or the kernel does not answer.
    pub(in crate::kernel::nft) fn whole<T: Default>(
        &self,
        mut dump: impl FnMut(&mut T) -> Result<(), DumpError>,
    ) -> Result<T, DumpError> {
        loop {
            let mut content = T::default();
            match dump(&mut content) {
                Ok(()) => return Ok(content),
                Err(DumpError::Interrupted) if !self.is_over() => sleep(RETRY_INTERVAL),
                Err(error) => return Err(error),
            }
        }
    }
}
