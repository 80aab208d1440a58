//! Gathers what the followers report, and hands it over: nothing before everything was listed once, then what changed, at once.
//! What waits together is handed over together, and the hand-over adds up what comes while the loop is busy. So nothing
//! waits for more to come: a change costs the loop less than any wait for the next one.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use egressd_core::finding::Finding;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout_at;
use tracing::info;

use super::super::handover::{SnapshotSender, Update};
use super::event::{Event, Kind};
use super::follow::FollowerEvent;
use super::leases::Leases;
use super::memory::Memory;
use super::state::State;
use super::trouble::ApiError;
use crate::clock::{self, Moment};

/// How many events are taken in before what changed is handed over: as many as can be waiting, so that what comes all the
/// time puts off nothing.
const MAX_EVENTS: usize = super::QUEUE_LENGTH;
/// How long a Service waits for its namespace, which comes by another watch. Policies may choose Services by its labels, and
/// one that guards it would pass. Where the namespace is gone it does not come, and the end of its Services is not to wait
/// long.
const NAMESPACE_TIMEOUT: Duration = Duration::from_millis(100);
/// What follows from a server without this kind, which is the only one that egressd itself brings.
const NO_EGRESS_NODES: &str = "the API server has no EgressNodes: this node publishes nothing about itself, and only \
                               the addresses in Node objects are known of other nodes; apply \
                               deploy/base/egressnode.yaml, which is detected within minutes";

#[derive(Debug)]
pub(super) struct Gathered {
    state: State,
    /// None where they are not followed.
    leases: Option<Leases>,
    errors: ApiErrors,
    first_handover: FirstHandover,
}

/// Takes in what followers report, until there are none.
pub(super) async fn gather(
    mut news: Receiver<FollowerEvent>,
    mut gathered: Gathered,
    sender: SnapshotSender,
    mut memory: Option<Memory>,
) {
    let mut reported = Vec::with_capacity(MAX_EVENTS);
    while gathered.receive(&mut news, &mut reported).await == EventChannel::Open {
        let latest = clock::now() + NAMESPACE_TIMEOUT;
        gathered.apply(reported.drain(..));
        while gathered.lacks_something()
            && clock::now() < latest
            && let Ok(Some(one)) = timeout_at(latest, news.recv()).await
        {
            gathered.apply([one]);
        }
        gathered.hand_over(&sender);
        if let (Some(memory), FirstHandover::Yes) = (&mut memory, gathered.first_handover) {
            memory.note(gathered.state.facts());
        }
        sender.report(gathered.findings());
    }
}

/// Whether there can be more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventChannel {
    Open,
    /// No follower is left.
    Closed,
}

/// Whether anything was handed over yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstHandover {
    No,
    /// The policies were, so that it becomes known what they read of Services.
    Policies,
    /// Everything was.
    Yes,
}

impl Gathered {
    pub(super) fn new(state: State, leases: Option<Leases>) -> Self {
        Self { state, leases, errors: ApiErrors::default(), first_handover: FirstHandover::No }
    }

    /// Waits for events, or for other policies, by which Services ask by other names.
    async fn receive(&mut self, news: &mut Receiver<FollowerEvent>, reported: &mut Vec<FollowerEvent>) -> EventChannel {
        let otherwise = async {
            match &mut self.leases {
                Some(leases) => leases.is_asked_otherwise().await,
                None => pending().await,
            }
        };
        tokio::select! {
            taken = news.recv_many(reported, MAX_EVENTS) => if taken > 0 { EventChannel::Open } else { EventChannel::Closed },
            () = otherwise => EventChannel::Open,
        }
    }

    fn apply(&mut self, news: impl IntoIterator<Item = FollowerEvent>) {
        news.into_iter().for_each(|one| self.take_one(one));
        // Before that, Services are missing.
        if let Some(leases) = self.leases.as_mut().filter(|_| self.state.is_complete()) {
            leases.look_at(&mut self.state);
        }
    }

    fn take_one(&mut self, news: FollowerEvent) {
        let Self { state, leases, errors, first_handover: _ } = self;
        match news {
            FollowerEvent::Event(Kind::EgressNodes, Event::Absent) if !state.knows_no_egress_nodes() => {
                info!("{NO_EGRESS_NODES}");
                state.apply(Kind::EgressNodes, Event::Absent);
            }
            FollowerEvent::Event(kind, event) => state.apply(kind, event),
            FollowerEvent::Lease(name, report) => leases.iter_mut().for_each(|all| all.apply(&name, &report, state)),
            FollowerEvent::Works(kind) => {
                state.resumed(kind);
                errors.over(kind);
            }
            FollowerEvent::Forgone(kind) => {
                state.forgo(kind);
                if state.keeps_claims_of(kind) {
                    errors.add(kind, ApiError::Withdrawn { kind });
                } else {
                    errors.over(kind);
                }
            }
            FollowerEvent::ApiError(kind, trouble) => {
                state.interrupted(kind);
                if trouble.is_done_without() {
                    state.forgo(kind);
                }
                errors.add(kind, trouble);
            }
        }
    }

    /// Whether what changed is not to be handed over without something that comes another way, and is not to wait long.
    fn lacks_something(&self) -> bool {
        self.state.lacks_a_namespace() || self.first_handover == FirstHandover::Yes && self.lacks_a_lease()
    }

    fn lacks_a_lease(&self) -> bool {
        self.leases.as_ref().is_some_and(Leases::is_waiting)
    }

    fn hand_over(&mut self, sender: &SnapshotSender) {
        if self.first_handover == FirstHandover::No
            && let Some(policies) = self.state.policies()
        {
            self.first_handover = FirstHandover::Policies;
            sender.send_policies(policies);
        }
        if self.first_handover == FirstHandover::Policies && self.state.is_complete() && !self.lacks_a_lease() {
            self.first_handover = FirstHandover::Yes;
            info!("the initial sync with the API server is complete");
            let update = self.state.whole();
            sender.send(self.with_followed(update));
        } else if self.first_handover == FirstHandover::Yes {
            self.leases.iter_mut().for_each(|leases| leases.give_up(&mut self.state));
            let is_other = self.leases.as_ref().is_some_and(Leases::is_changed);
            let update = self.state.update().or_else(|| is_other.then(|| self.state.hand_over()));
            update.into_iter().for_each(|update| sender.send(self.with_followed(update)));
        }
    }

    fn with_followed(&mut self, mut update: Update) -> Update {
        update.coverage.followed = self.leases.as_mut().and_then(Leases::hand_over);
        update
    }

    fn findings(&self) -> Vec<Finding> {
        [self.errors.findings(), self.state.findings()].concat()
    }
}

/// What keeps the followers from knowing the newest state.
#[derive(Debug, Default)]
struct ApiErrors {
    by_kind: BTreeMap<Kind, (Moment, ApiError)>,
}

impl ApiErrors {
    fn add(&mut self, kind: Kind, trouble: ApiError) {
        let since = self.by_kind.get(&kind).map_or_else(Moment::now, |(since, _)| *since);
        self.by_kind.insert(kind, (since, trouble));
    }

    fn over(&mut self, kind: Kind) {
        self.by_kind.remove(&kind);
    }

    /// One finding for a server that is away, whatever was asked for; the others name what they are about.
    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        let mut oldest: Vec<_> = self.by_kind.values().collect();
        oldest.sort_by_key(|(since, _)| *since);
        for (since, trouble) in oldest {
            let finding = trouble.finding(*since);
            let of_server =
                matches!(trouble, ApiError::Away { .. } | ApiError::Certificate { .. } | ApiError::Unauthorized { .. });
            if !of_server || findings.iter().all(|known| known.code != finding.code) {
                findings.push(finding);
            }
        }
        findings
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod hand_over;
#[cfg(test)]
#[path = "gather_leases_tests.rs"]
mod leases;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_server_is_reported_once_with_the_time_since_when() {
        let mut errors = ApiErrors::default();
        let away = |cause: &str| ApiError::Away { server: "https://192.0.2.1".into(), cause: cause.to_owned() };
        errors.add(Kind::Nodes, away("connection refused"));
        let first = errors.findings();
        errors.add(Kind::Services, away("no route to host"));
        errors.add(Kind::Nodes, away("connection refused"));
        assert_eq!(errors.findings(), first);
        errors.over(Kind::Nodes);
        errors.over(Kind::Services);
        assert!(errors.findings().is_empty());
    }
}
