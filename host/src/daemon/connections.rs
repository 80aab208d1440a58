//! Which connections the loop has compared with the rules: those that a round concerns once it is in force.

use std::collections::BTreeSet;

use egressd_core::decision::{Draft, OnChange};
use egressd_core::flows::{AdoptedPromises, Check, Checks, Reason};
use egressd_core::in_force::PendingRound;
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::on_change::{Committed, checks, severing};
use egressd_core::ruleset::Ruleset;

use super::severing::Turn;
use super::{Daemon, FirstRound, NextStep};
use crate::clock;
use crate::kernel::nft::Writers;

/// What is known of connections beside the rules in force.
#[derive(Debug)]
pub(super) struct ConnectionFacts {
    /// The subjects that ask for `sever`, of the rules in force and of the newest ones.
    severing: BTreeSet<SubjectKey>,
    /// What the tables promised that were taken over, until the first round is in force.
    adopted: Option<AdoptedPromises>,
    /// Which lives of subjects asked for `sever` when an earlier process remembered them.
    remembered: BTreeSet<Uid>,
    gap: Gap,
}

/// Whether rules were missing because another program changed the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    None,
    /// They come back with the next round.
    Open,
}

impl ConnectionFacts {
    /// With what an earlier process left.
    pub(super) fn begin<'a>(
        ruleset: &Ruleset,
        drafts: impl IntoIterator<Item = (&'a Uid, &'a Draft)>,
        default: OnChange,
    ) -> Self {
        let severs = |draft: &Draft| draft.on_change.unwrap_or(default) == OnChange::Sever;
        let remembered = drafts.into_iter().filter(|(_, draft)| severs(draft)).map(|(uid, _)| uid.clone()).collect();
        let adopted = Some(AdoptedPromises::of(ruleset));
        Self { severing: BTreeSet::new(), adopted, remembered, gap: Gap::None }
    }

    /// Another program took rules away, which come back with the next round.
    pub(super) fn gap(&mut self) {
        self.gap = Gap::Open;
    }

    /// Takes in which subjects ask for `sever` beside those that did.
    fn begin_severing(&mut self, newest: &PendingRound) {
        let plan = |key: &SubjectKey| newest.records.get(key)?.plan().cloned();
        let severs = |key: &&SubjectKey| plan(key).is_some_and(|plan| severing(&plan));
        self.severing.extend(newest.changed.iter().filter(severs).cloned());
    }

    /// Those that ask no more are looked at for the last time.
    fn end_severing(&mut self, newest: &PendingRound) {
        self.severing.retain(|key| {
            let plan = newest.records.get(key).and_then(|record| record.plan());
            plan.is_some_and(|plan| severing(plan))
        });
    }

    /// What an earlier process promised, where a subject asks for `sever` now or did then.
    fn adopted(&mut self, newest: &PendingRound) -> Checks {
        let Some(adopted) = self.adopted.take() else { return Checks::default() };
        let now = self.severing.iter().filter_map(|key| newest.records.get(key)).map(|record| record.uid.clone());
        let uids: BTreeSet<Uid> = now.chain(std::mem::take(&mut self.remembered)).collect();
        let mut checks = adopted.checks(&uids);
        checks.join(Checks::of_all(Reason::Census));
        checks
    }
}

impl Daemon {
    /// Has the connections compared that a round concerns. All of it is in force, and not taken in yet.
    pub(super) async fn check_connections(&mut self, newest: &PendingRound) {
        self.connections.begin_severing(newest);
        let asking = &self.connections.severing;
        let (before, scope) = (&self.in_force, self.applied.scope());
        let of_pod = &|pod| self.pipeline.subjects_of(pod);
        let mut checks = checks(Committed { before, newest, scope, severing: asking, of_pod });
        if self.first_round == FirstRound::Pending {
            checks.join(self.connections.adopted(newest));
        }
        if std::mem::replace(&mut self.connections.gap, Gap::None) == Gap::Open {
            checks.join(Checks::of_all(Reason::Gap));
        }
        for pod in self.pipeline.take_begun(clock::since(self.since)) {
            checks.add(pod, Check::of(Reason::New));
        }
        self.connections.end_severing(newest);
        self.severing.forget(scope, self.applied.ruleset());
        self.severing.learn(&checks);
        // Where no other program can change the tables there are no gaps, and nothing has to be known for one.
        if checks.is_urgent() || !checks.is_empty() && self.writers().await != Some(Writers::Us) {
            self.severing.want(checks);
        }
    }

    /// Connections are compared with the rules that are in force now.
    pub(super) fn take_turn(&mut self, turn: Turn) -> NextStep {
        self.severing.take(turn, self.applied.ruleset());
        NextStep::Wait
    }
}
