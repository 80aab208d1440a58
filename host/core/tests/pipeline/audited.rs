//! Every round of these tests is audited.

use egressd_core::diff::Applied;
use egressd_core::pipeline::Progress;

use super::*;

impl Fixture {
    /// Where a round leaves nothing to look at, what is kept is what follows.
    pub(crate) fn audit(&mut self, round: &Round) {
        let mut applied = Applied::of(round.ruleset.clone());
        applied.clear_outstanding();
        let mut progress = Progress::Within;
        while self.pipeline.is_settled() && progress == Progress::Within {
            let audit = self.pipeline.audit(&applied, 64);
            assert_eq!(audit.disagreements, []);
            progress = audit.progress;
        }
    }
}
