//! Everything that was published, against everything that should be. Pure: the clock and the answers are handed in.
//! A pass costs what changed since the last one, what became due, and what is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::in_force::AppliedRound;
use egressd_core::model::{PublishedField, PublishedValues, SubjectKey};
use egressd_core::record::Overview;

use super::event_history::{EventHistory, Published, Role};
use super::event_text::EventText;
use super::gates::{EventBudgets, Gates};
use super::node;
use super::object_writes::{KnownPolicy, PolicyWrites};
use super::pace::Backoff;
use super::queue::{DueWrites, PendingWrite, Queue, WriteTarget};
use super::services::Services;
use super::write::WriteKind;
use super::{PublishConfig, Regarding, Write, WriteOutcome};
use crate::clock::Instant;
use crate::policies::PolicyReport;
use crate::rights::Publish;
use crate::state_channel::DaemonState;

/// While the API server is away.
const AWAY_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// While a permission is missing.
const FORBIDDEN_RETRY_INTERVAL: Duration = Duration::from_mins(5);

/// What is known about everything that is published.
#[derive(Debug)]
pub struct PublishState {
    config: PublishConfig,
    services: Services,
    policies: BTreeMap<String, PolicyWrites>,
    /// Events about tables that are orphaned, or that other programs changed, by table.
    tables: BTreeMap<String, EventHistory>,
    node: node::NodeObjectState,
    queue: Queue,
    events: EventBudgets,
    away: Option<Backoff>,
    forbidden: BTreeMap<WriteKind, Instant>,
}

impl PublishState {
    /// Nothing was published yet by this process.
    pub fn new(config: PublishConfig) -> Self {
        Self {
            config,
            services: Services::default(),
            policies: BTreeMap::new(),
            tables: BTreeMap::new(),
            node: node::NodeObjectState::default(),
            queue: Queue::default(),
            events: EventBudgets::default(),
            away: None,
            forbidden: BTreeMap::new(),
        }
    }

    /// What follows from the newest state: at most `most` requests. Time never goes back from one pass to the next.
    pub fn due(&mut self, newest: &DaemonState, now: Instant, most: usize) -> DueWrites {
        let Some(round) = &newest.in_force else { return DueWrites::default() };
        // What changes meanwhile is the difference when it is back.
        if let Some(away) = self.away.filter(|away| away.due() > now) {
            return DueWrites { next: Some(away.due()), ..DueWrites::default() };
        }
        self.forbidden.retain(|_, until| *until > now);
        let looked_at = self.services.follow(round, &mut self.queue, &self.config, now);
        self.follow_policies(&newest.policies, &round.overview, now);
        self.follow_tables(newest, now);
        self.follow_node(round, now);
        let gates = Gates { now, forbidden: &self.forbidden, events: self.events };
        DueWrites { looked_at, ..self.queue.due(gates, most) }
    }

    /// There are few, so all are looked at.
    fn follow_policies(&mut self, reports: &[PolicyReport], overview: &Overview, now: Instant) {
        for name in self.policies.keys() {
            self.queue.drop(&WriteTarget::Policy(name.clone()));
        }
        if overview.first_ready.as_ref() != Some(&self.config.node) {
            return self.policies.clear();
        }
        let marks = &overview.policies;
        self.policies.retain(|name, entry| marks.get(name).is_some_and(|mark| mark.uid == entry.mark));
        for report in reports {
            let Some(mark) = marks.get(&report.name) else { continue };
            let entry = self.policies.entry(report.name.clone()).or_insert_with(|| PolicyWrites::new(mark));
            let known = KnownPolicy { report, mark, failing: overview.failing.get(&report.name) };
            self.queue.put(WriteTarget::Policy(report.name.clone()), entry.collect(known, self.config.publish, now));
        }
    }

    /// There are few, so all are looked at. No table is both: orphans are other instances'.
    fn follow_tables(&mut self, newest: &DaemonState, now: Instant) {
        for table in self.tables.keys() {
            self.queue.drop(&WriteTarget::Table(table.clone()));
        }
        let orphaned = newest.orphans.iter().map(|orphan| (orphan.table.to_string(), EventText::orphaned(orphan)));
        let changed = newest.changed_tables.iter().map(|changed| (changed.table(), EventText::changed_table(changed)));
        let texts: BTreeMap<String, EventText> = orphaned.chain(changed).collect();
        self.tables.retain(|table, _| texts.contains_key(table));
        for (table, text) in texts {
            let events = self.tables.entry(table.clone()).or_default();
            let due = events.due(text, Role::Owner, Published::Different, now);
            let want = due.map(|due| PendingWrite::event(due, Regarding::Node { table: table.clone() }));
            self.queue.put(WriteTarget::Table(table), want.into_iter().collect());
        }
    }

    /// Without a Node that owns it, it would count for nothing, and stay when the node has left.
    fn follow_node(&mut self, round: &Arc<AppliedRound>, now: Instant) {
        if self.config.publish == Publish::All {
            let is_owned = round.overview.here.uid.is_some();
            let due = is_owned.then(|| self.node.due(round, &self.config.node, now)).flatten();
            let want = due.map(|due| PendingWrite::published(due.at, Write::Node(due.object)));
            self.queue.put(WriteTarget::Node, want.into_iter().collect());
        }
    }

    /// Records the outcome of a request.
    pub fn done(&mut self, write: &Write, outcome: WriteOutcome, now: Instant) {
        self.note_obstacle(write.kind(), &outcome, now);
        if matches!(outcome, WriteOutcome::Away | WriteOutcome::Forbidden) {
            return;
        }
        match write {
            Write::Fields { service, annotations, .. } => self.wrote(service, annotations, &outcome, now),
            Write::Status { policy, text, .. } => {
                if let Some(entry) = self.policies.get_mut(policy) {
                    entry.wrote(text, now);
                }
            }
            Write::Node(object) => {
                let result = match outcome {
                    WriteOutcome::Stands(mark) => Some(mark),
                    WriteOutcome::Done(_)
                    | WriteOutcome::Gone
                    | WriteOutcome::Away
                    | WriteOutcome::Forbidden
                    | WriteOutcome::Refused => None,
                };
                self.node.wrote(object.mark, result, now);
            }
            Write::Event { regarding, text } => self.wrote_event(regarding, text, outcome, now),
            Write::Series { regarding, text, .. } if outcome == WriteOutcome::Gone => {
                if let Some(history) = self.history(regarding) {
                    history.forget(text);
                }
            }
            Write::Series { regarding, text, event, .. } => {
                self.wrote_event(regarding, text, WriteOutcome::Done(Some(event.clone())), now);
            }
        }
    }

    fn note_obstacle(&mut self, kind: WriteKind, outcome: &WriteOutcome, now: Instant) {
        match outcome {
            WriteOutcome::Done(_) | WriteOutcome::Stands(_) | WriteOutcome::Gone | WriteOutcome::Refused => {
                self.away = None
            }
            WriteOutcome::Away => match &mut self.away {
                Some(away) if away.due() > now => {}
                Some(away) => away.again(AWAY_BACKOFF.0, now),
                None => self.away = Some(Backoff::new(AWAY_BACKOFF.0, AWAY_BACKOFF.1, now)),
            },
            WriteOutcome::Forbidden => {
                self.forbidden.insert(kind, now + FORBIDDEN_RETRY_INTERVAL);
            }
        }
    }

    fn wrote(&mut self, key: &SubjectKey, written: &BTreeMap<String, String>, outcome: &WriteOutcome, now: Instant) {
        let value = |field: PublishedField| Some((field, written.get(&field.annotation(&self.config.prefix))?.clone()));
        let values: PublishedValues = PublishedField::ALL.into_iter().filter_map(value).collect();
        let Some(entry) = self.services.entry(key) else { return };
        match outcome {
            WriteOutcome::Refused => entry.fields.refused(values, now),
            WriteOutcome::Done(_)
            | WriteOutcome::Stands(_)
            | WriteOutcome::Gone
            | WriteOutcome::Away
            | WriteOutcome::Forbidden => {
                entry.fields.wrote(values, now);
            }
        }
    }

    fn wrote_event(&mut self, regarding: &Regarding, text: &EventText, outcome: WriteOutcome, now: Instant) {
        self.events.of(text.event_type).take(now);
        let name = match outcome {
            WriteOutcome::Done(name) => name,
            WriteOutcome::Stands(_)
            | WriteOutcome::Gone
            | WriteOutcome::Away
            | WriteOutcome::Forbidden
            | WriteOutcome::Refused => None,
        };
        if let Some(history) = self.history(regarding) {
            history.written(text, name, now);
        }
    }

    fn history(&mut self, regarding: &Regarding) -> Option<&mut EventHistory> {
        match regarding {
            Regarding::Service(key, _) => self.services.entry(key).map(|entry| &mut entry.events),
            Regarding::Policy { name, .. } => self.policies.get_mut(name).map(|entry| &mut entry.events),
            Regarding::Node { table } => self.tables.get_mut(table),
        }
    }
}

#[cfg(test)]
#[path = "publish_state_tests.rs"]
mod tests;
