//! Pods whose addresses are announced: taken in like any news, and answered when all that selects them is in force.

use super::Daemon;
use crate::clock;
use crate::pod_wait::{AnnouncedPods, PodWait};

impl Daemon {
    /// The same, which takes in what is announced here.
    #[must_use]
    pub fn hearing(self, announced: AnnouncedPods) -> Self {
        Self { announced, ..self }
    }

    pub(super) fn take_announced(&mut self, come: Vec<PodWait>) {
        let now = clock::since(self.since);
        for pod in come {
            let questions = self.pipeline.announce(pod.announcement.clone(), now);
            self.queue(questions);
            self.waiting.push(pod);
        }
    }

    /// Answers those for which nothing is left to wait for. After a round, when it is known what of it is committed.
    pub(super) fn answer_announced(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let still = waiting.into_iter().filter_map(|pod| {
            let progress = self.pipeline.progress(&pod.announcement, &self.in_force);
            pod.is_now(progress)
        });
        self.waiting = still.collect();
    }
}
