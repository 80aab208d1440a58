//! Everything that was published, against everything that should be. Pure: the clock and the answers are handed in.
//! A look costs what changed since the last one, what became due, and what is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::in_force::InForce;
use egressd_core::model::{ActiveEndpoints, SubjectKey, active_endpoint};
use egressd_core::record::Overview;

use super::account::{KnownPolicy, PolicyEvents};
use super::event_text::EventText;
use super::gates::{EventBudgets, Gates};
use super::node;
use super::pace::Backoff;
use super::queue::{Due, Queue, Subject, Want};
use super::services::Services;
use super::speaker::{self, Novelty, Role};
use super::write::Kind;
use super::{Outcome, Place, Regarding, Write};
use crate::clock::Instant;
use crate::instances::orphans::Orphan;
use crate::policies::PolicyReport;
use crate::rights::Publish;
use crate::state_channel::DaemonState;

/// While the API server is away.
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// While a permission is missing.
const FORBIDDEN: Duration = Duration::from_mins(5);

/// What is known about everything that is published.
#[derive(Debug)]
pub struct PublishState {
    place: Place,
    services: Services,
    policies: BTreeMap<String, PolicyEvents>,
    /// Events about orphaned tables, by table.
    orphans: BTreeMap<String, speaker::Memory>,
    node: node::Account,
    queue: Queue,
    events: EventBudgets,
    away: Option<Backoff>,
    forbidden: BTreeMap<Kind, Instant>,
}

impl PublishState {
    /// Nothing was published yet by this process.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            services: Services::default(),
            policies: BTreeMap::new(),
            orphans: BTreeMap::new(),
            node: node::Account::default(),
            queue: Queue::default(),
            events: EventBudgets::default(),
            away: None,
            forbidden: BTreeMap::new(),
        }
    }

    /// What follows from the newest state: at most `most` requests. Time never goes back from one look to the next.
    pub fn due(&mut self, newest: &DaemonState, now: Instant, most: usize) -> Due {
        let Some(round) = &newest.in_force else { return Due::default() };
        // What changes meanwhile is the difference when it is back.
        if let Some(away) = self.away.filter(|away| away.due() > now) {
            return Due { next: Some(away.due()), ..Due::default() };
        }
        self.forbidden.retain(|_, until| *until > now);
        let looked_at = self.services.follow(round, &mut self.queue, &self.place, now);
        self.follow_policies(&newest.policies, &round.overview, now);
        self.follow_orphans(&newest.orphans, now);
        self.follow_node(round, now);
        let gates = Gates { now, forbidden: &self.forbidden, events: self.events };
        Due { looked_at, ..self.queue.due(gates, most) }
    }

    /// There are few, so all are looked at.
    fn follow_policies(&mut self, reports: &[PolicyReport], overview: &Overview, now: Instant) {
        for name in self.policies.keys() {
            self.queue.drop(&Subject::Policy(name.clone()));
        }
        if overview.first_ready.as_ref() != Some(&self.place.node) {
            return self.policies.clear();
        }
        let marks = &overview.policies;
        self.policies.retain(|name, account| marks.get(name).is_some_and(|mark| mark.uid == account.mark));
        for report in reports {
            let Some(mark) = marks.get(&report.name) else { continue };
            let account = self.policies.entry(report.name.clone()).or_insert_with(|| PolicyEvents::new(mark));
            let known = KnownPolicy { report, mark, failing: overview.failing.get(&report.name) };
            self.queue.put(Subject::Policy(report.name.clone()), account.collect(known, self.place.publish, now));
        }
    }

    /// There are few, so all are looked at.
    fn follow_orphans(&mut self, orphans: &[Orphan], now: Instant) {
        for table in self.orphans.keys() {
            self.queue.drop(&Subject::Table(table.clone()));
        }
        self.orphans.retain(|table, _| orphans.iter().any(|orphan| orphan.table.to_string() == *table));
        for orphan in orphans {
            let table = orphan.table.to_string();
            let speaker = self.orphans.entry(table.clone()).or_default();
            let due = speaker.due(EventText::orphaned(orphan), Role::Owner, Novelty::News, now);
            let want = due.map(|due| Want::event(due, Regarding::Node { table: table.clone() }));
            self.queue.put(Subject::Table(table), want.into_iter().collect());
        }
    }

    /// Without a Node that owns it, it would count for nothing, and stay when the node has left.
    fn follow_node(&mut self, round: &Arc<InForce>, now: Instant) {
        if self.place.publish == Publish::All {
            let is_owned = round.overview.here.uid.is_some();
            let due = is_owned.then(|| self.node.due(round, &self.place.node, now)).flatten();
            let want = due.map(|due| Want::published(due.at, Write::Node(due.object)));
            self.queue.put(Subject::Node, want.into_iter().collect());
        }
    }

    /// Takes in what became of a request.
    pub fn done(&mut self, write: &Write, outcome: Outcome, now: Instant) {
        match &outcome {
            Outcome::Done(_) | Outcome::Stands(_) | Outcome::Gone | Outcome::Refused => self.away = None,
            Outcome::Away => match &mut self.away {
                Some(away) if away.due() > now => {}
                Some(away) => away.again(AWAY.0, now),
                None => self.away = Some(Backoff::new(AWAY.0, AWAY.1, now)),
            },
            Outcome::Forbidden => {
                self.forbidden.insert(write.kind(), now + FORBIDDEN);
            }
        }
        if matches!(outcome, Outcome::Away | Outcome::Forbidden) {
            return;
        }
        match write {
            Write::Active { service, annotations, .. } => self.wrote(service, annotations, &outcome, now),
            Write::Status { policy, text, .. } => {
                if let Some(account) = self.policies.get_mut(policy) {
                    account.wrote(text, now);
                }
            }
            Write::Node(object) => {
                let came_of_it = match outcome {
                    Outcome::Stands(mark) => Some(mark),
                    Outcome::Done(_) | Outcome::Gone | Outcome::Away | Outcome::Forbidden | Outcome::Refused => None,
                };
                self.node.wrote(object.mark, came_of_it, now);
            }
            Write::Event { regarding, said } => self.told(regarding, said, outcome, now),
            Write::Series { regarding, said, .. } if outcome == Outcome::Gone => {
                if let Some(speaker) = self.speaker(regarding) {
                    speaker.forget(said);
                }
            }
            Write::Series { regarding, said, event, .. } => {
                self.told(regarding, said, Outcome::Done(Some(event.clone())), now);
            }
        }
    }

    fn wrote(&mut self, key: &SubjectKey, written: &BTreeMap<String, String>, outcome: &Outcome, now: Instant) {
        let values = egressd_core::net::Family::ALL.into_iter().filter_map(|family| {
            Some((family, written.get(&self.place.prefix.name(active_endpoint(family)))?.clone()))
        });
        let values: ActiveEndpoints = values.collect();
        let Some(account) = self.services.account(key) else { return };
        match outcome {
            Outcome::Refused => account.active.refused(values, now),
            Outcome::Done(_) | Outcome::Stands(_) | Outcome::Gone | Outcome::Away | Outcome::Forbidden => {
                account.active.wrote(values, now);
            }
        }
    }

    fn told(&mut self, regarding: &Regarding, said: &EventText, outcome: Outcome, now: Instant) {
        self.events.of(said.event_type).take(now);
        let name = match outcome {
            Outcome::Done(name) => name,
            Outcome::Stands(_) | Outcome::Gone | Outcome::Away | Outcome::Forbidden | Outcome::Refused => None,
        };
        if let Some(speaker) = self.speaker(regarding) {
            speaker.told(said, name, now);
        }
    }

    fn speaker(&mut self, regarding: &Regarding) -> Option<&mut speaker::Memory> {
        match regarding {
            Regarding::Service(key, _) => self.services.account(key).map(|account| &mut account.speaker),
            Regarding::Policy { name, .. } => self.policies.get_mut(name).map(|account| &mut account.speaker),
            Regarding::Node { table } => self.orphans.get_mut(table),
        }
    }
}

#[cfg(test)]
#[path = "publish_state_tests.rs"]
mod tests;
