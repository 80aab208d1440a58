#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::flows::{Check, Reason};

use super::*;
use crate::kernel::flows::testkit::HeldConnections;

const POD: &str = "10.0.0.1";

impl Severing {
    /// Over a kernel whose next task fails.
    async fn failing_once() -> Self {
        let kernel = HeldConnections::default();
        kernel.held().failures = 1;
        let thread = FlowsThread::over(move || Ok(kernel.clone())).await.unwrap();
        Self::begin(thread, Notices::default(), Metrics::default(), clock::now())
    }

    /// Looks at a pod's connections; the number of the walk.
    fn look(&mut self) -> WalkNumber {
        self.want(Checks::of(POD.parse().unwrap(), Check::of(Reason::Asked)));
        self.take(Turn::Due, &Ruleset::default());
        self.number
    }

    async fn take_next(&mut self) {
        let event = self.thread.next().await;
        self.take(Turn::Event(event), &Ruleset::default());
    }
}

#[tokio::test]
async fn what_comes_late_of_a_walk_that_failed_ends_nothing_of_the_next() {
    let mut severing = Severing::failing_once().await;
    let failed = severing.look();
    // Nothing was found, and the walk failed.
    severing.take_next().await;
    severing.take_next().await;
    assert!(severing.walk.is_none() && !severing.due.is_empty());
    severing.look();
    for result in [FlowResult::Deleted(Ok(1)), FlowResult::Walked(Ok(()), Duration::ZERO)] {
        severing.take(Turn::Event(FlowEvent { walk: failed, result }), &Ruleset::default());
    }
    assert!(severing.walk.is_some(), "the walk under way ended");
    severing.take_next().await;
    severing.take_next().await;
    assert!(severing.walk.is_none() && severing.due.is_empty());
}
