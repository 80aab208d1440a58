//! A node that meets what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::Chain;
use egressd_core::decision::Draft;
use egressd_core::in_force::AppliedRound;
use egressd_core::model::{ChangeKey, Labels, Snapshot, SubjectKey, Uid};
use egressd_core::pipeline::{Pipeline, Question};
use egressd_core::record::Records;

use crate::events::{Answered, Event, Scenario};
use crate::kernel::Kernel;
use crate::policies::Policies;

/// A model of the loop.
pub(crate) struct Node {
    pub(crate) pipeline: Pipeline,
    chain: Chain,
    /// What the source knows.
    pub(crate) snapshot: Snapshot,
    /// What of it the pipeline has not taken in.
    outstanding: BTreeSet<ChangeKey>,
    /// How many updates wait for the one after them.
    delay: usize,
    pub(crate) now: Duration,
    waiting: BTreeMap<SubjectKey, Question>,
    pub(crate) kernel: Kernel,
    pub(crate) records: Records,
    pub(crate) in_force: AppliedRound,
    /// Whether a round is in force as a whole, or was.
    pub(crate) has_begun: bool,
    pub(crate) accepted: BTreeMap<Uid, Arc<Labels>>,
    pub(crate) drafts: BTreeMap<Uid, Arc<Draft>>,
}

impl Node {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut pipeline = Pipeline::new(scenario.settings.clone(), BTreeMap::new());
        pipeline.went_on_with(scenario.private);
        let chain = Policies::Alone.chain();
        drop(pipeline.ask_all(chain.interest()));
        let mut node = Self {
            pipeline,
            chain,
            snapshot: Snapshot::default(),
            outstanding: BTreeSet::new(),
            delay: 0,
            now: Duration::ZERO,
            waiting: BTreeMap::new(),
            kernel: Kernel::default(),
            records: Records::new(),
            in_force: AppliedRound::default(),
            has_begun: false,
            accepted: BTreeMap::new(),
            drafts: BTreeMap::new(),
        };
        scenario.beginning.iter().for_each(|event| node.meet(event));
        node.answer(Answered::All);
        node
    }

    pub(crate) fn meet(&mut self, event: &Event) {
        let questions = match event {
            Event::Service(who, event) => self.meet_service(*who, event),
            Event::Node(name, event) => self.meet_node(name, event),
            Event::Cluster(event) => self.meet_cluster(event),
            Event::Pods(event) => self.meet_pods(event),
            Event::Host(event) => self.meet_host(event),
            Event::Announced(event) => self.meet_announced(event),
            Event::Policies(policies) => self.ask(policies.chain()),
            Event::Later(seconds) => self.wait(Duration::from_secs(*seconds)),
            Event::Delay(updates) => {
                self.delay = *updates;
                Vec::new()
            }
        };
        self.queue(questions);
    }

    fn ask(&mut self, chain: Chain) -> Vec<Question> {
        self.chain = chain;
        self.pipeline.ask_all(self.chain.interest())
    }

    fn wait(&mut self, long: Duration) -> Vec<Question> {
        self.now += long;
        let waited = self.pipeline.ask_waited(self.now);
        waited.into_iter().chain(self.pipeline.ask_failed(self.now)).collect()
    }

    /// Hands over the snapshot with these keys and those that are outstanding, unless that waits.
    pub(crate) fn update(&mut self, keys: impl IntoIterator<Item = ChangeKey>) -> Vec<Question> {
        self.outstanding.extend(keys);
        if self.delay > 0 {
            self.delay -= 1;
            return Vec::new();
        }
        let keys = std::mem::take(&mut self.outstanding);
        self.pipeline.update(&self.snapshot, &keys)
    }

    /// Nothing waits any more.
    pub(crate) fn hurry(&mut self) {
        self.delay = 0;
        let questions = self.update([]);
        self.queue(questions);
    }

    pub(crate) fn queue(&mut self, questions: Vec<Question>) {
        for question in questions {
            self.waiting.insert(question.view.subject.key().clone(), question);
        }
        self.waiting.retain(|_, question| self.pipeline.is_current(question));
    }

    pub(crate) fn answer(&mut self, answered: Answered) {
        let mut left = match answered {
            Answered::All => usize::MAX,
            Answered::First(count) => count,
        };
        while left > 0
            && let Some((_, question)) = self.waiting.pop_first()
        {
            let verdict = self.chain.evaluate(&self.pipeline.context(), &question.view);
            let further = self.pipeline.answer(vec![(question, verdict)]);
            self.queue(further);
            left -= 1;
        }
        self.pipeline.next_try(self.now);
    }
}
