//! The Leases by which kube-vip and Cilium choose the node that announces a Service, each followed by its name.
//!
//! Never all of a namespace or of a cluster: Nodes renew theirs all the time. What is followed comes from the Services
//! ([`asking`]), what is known of each and when it ends is in [`table`], and [`gathered`] puts that into the state. A renewal
//! ends in this task: nothing outside receives it.

mod asking;
mod follower;
mod gathered;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use egressd_core::model::ObjectReference;
use egressd_core::placement::Moment;
use kube::Client;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep_until;

pub(super) use self::gathered::{Leases, read};
pub(super) use self::table::LeaseReport;

use self::follower::{FollowerReport, follow};
use self::table::{LeaseEvent, LeaseTable, Names};
use super::event::Kind;
use super::follow::FollowerEvent;
use super::server::Server;
use super::trouble::ApiError;
use crate::clock::{self, Instant};
use crate::source::kind::ClaimKind;

pub(super) const KIND: Kind = Kind::Claims(ClaimKind::Leases);
/// FollowerEvent that wait to be taken in; followers wait beyond that.
const QUEUE_LENGTH: usize = 64;

/// The names that are to be followed, always the newest.
pub(super) type Wanted = watch::Receiver<Arc<Names>>;

/// What follows them.
pub(super) struct LeaseFollowers {
    client: Client,
    server: Arc<Server>,
    news: Sender<FollowerEvent>,
    reports: Sender<(ObjectReference, FollowerReport)>,
    table: LeaseTable,
    followers: JoinSet<()>,
    running: BTreeMap<ObjectReference, AbortHandle>,
    /// Those of which the server says something else than it should.
    troubled: BTreeSet<ObjectReference>,
    since: Instant,
}

/// Follows what is wanted, for the life of the process.
pub(super) async fn run(client: Client, server: Arc<Server>, news: Sender<FollowerEvent>, wanted: Wanted) {
    let (reports, incoming) = channel(QUEUE_LENGTH);
    let (table, followers) = (LeaseTable::default(), JoinSet::new());
    let (running, troubled) = (BTreeMap::new(), BTreeSet::new());
    let since = clock::now();
    let leases = LeaseFollowers { client, server, news, reports, table, followers, running, troubled, since };
    leases.run(incoming, wanted).await;
}

impl LeaseFollowers {
    async fn run(mut self, mut incoming: Receiver<(ObjectReference, FollowerReport)>, mut wanted: Wanted) {
        loop {
            let next = self.table.next().map(|end| self.since + end);
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => {
                        let names = Arc::clone(&wanted.borrow_and_update());
                        self.want(&names).await;
                    }
                    // The process ends.
                    Err(_) => return,
                },
                Some((name, what)) = incoming.recv() => self.record(name, what).await,
                () = at(next) => self.ask_whether_ended(),
            }
        }
    }

    async fn want(&mut self, names: &Names) {
        let (new, gone) = self.table.follow(names);
        for name in gone {
            self.running.remove(&name).iter().for_each(AbortHandle::abort);
            self.is_well(&name).await;
        }
        new.into_iter().for_each(|name| self.follow(name));
    }

    /// Follows one from now on, with a new list, in place of what followed it before.
    fn follow(&mut self, name: ObjectReference) {
        let follower = follow(name.clone(), self.client.clone(), Arc::clone(&self.server), self.reports.clone());
        let running = self.followers.spawn(follower);
        self.running.insert(name, running).iter().for_each(AbortHandle::abort);
        // Those that were ended before.
        while self.followers.try_join_next().is_some() {}
    }

    fn ask_whether_ended(&mut self) {
        let now = self.now().steady;
        self.table.due(now).into_iter().for_each(|name| self.follow(name));
    }

    async fn record(&mut self, name: ObjectReference, what: FollowerReport) {
        let event = match what {
            FollowerReport::LeaseEvent(event) => event,
            FollowerReport::ApiError(trouble) => {
                self.is_troubled(&name, trouble).await;
                LeaseEvent::Away
            }
        };
        match event {
            LeaseEvent::Away => {}
            LeaseEvent::Forgone if self.table.has_read(&name) => {
                self.is_troubled(&name, ApiError::Withdrawn { kind: KIND }).await;
            }
            LeaseEvent::Says(..)
            | LeaseEvent::Absent
            | LeaseEvent::Unreadable(_)
            | LeaseEvent::Answers
            | LeaseEvent::Forgone => {
                self.is_well(&name).await;
            }
        }
        let now = self.now();
        if let Some(report) = self.table.record(&name, event, now) {
            self.send(FollowerEvent::Lease(name, report)).await;
        }
    }

    async fn is_troubled(&mut self, name: &ObjectReference, trouble: ApiError) {
        if self.running.contains_key(name) {
            self.troubled.insert(name.clone());
            self.send(FollowerEvent::ApiError(KIND, trouble)).await;
        }
    }

    async fn is_well(&mut self, name: &ObjectReference) {
        if self.troubled.remove(name) && self.troubled.is_empty() {
            self.send(FollowerEvent::Works(KIND)).await;
        }
    }

    fn now(&self) -> Moment {
        Moment { steady: clock::since(self.since), wall: clock::Moment::now().into() }
    }

    /// Nothing takes the events any more when the process ends.
    async fn send(&self, news: FollowerEvent) {
        let _ = self.news.send(news).await;
    }
}

/// Never, where there is no moment.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
