//! Follows one kind of objects: a list of everything, then what changes from there on, for ever.
//!
//! Not kube's own `watcher`: that one begins streaming lists at "any version", so that in a cluster with several API
//! servers one that lags behind could take us back in time, to pods that are gone; and it goes on with a version that
//! the server refused with 410 before the watch began. Here every list is of the newest state, and whatever the server
//! says about the version of a watch leads to a new list.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::model::{Interest, ObjectReference};
use futures_util::TryStreamExt;
use kube::Client;
use kube::api::WatchEvent;
use kube::core::Status;
use kube::core::watch::Bookmark;
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::super::handover;
use super::super::kind::Need;
use super::backoff::{Backoff, scatter};
use super::cut::cut;
use super::event::{Event, Kind, Reading};
use super::leases::LeaseReport;
use super::page::Object;
use super::selector::{ObjectSelector, WatchStart, version};
use super::server::{INITIAL_EVENTS_END, Lists, Server};
use super::trouble::{ApiError, Verb};
use super::watched::{name, reading};
use crate::clock;

/// How long an answer may take, or a page of a list.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a watch may be silent. Servers send a bookmark every minute; without one, beginning again costs little,
/// and finds out whether the server is still there.
const WATCH_IDLE_TIMEOUT: Duration = Duration::from_secs(100);
/// How long the server is asked to keep a watch, at most.
const WATCH_TIMEOUT: Duration = Duration::from_secs(290);
/// A watch that lasts this long was no failure.
const STABLE_WATCH: Duration = Duration::from_secs(5);
/// How long to wait until a kind that the server did not have is asked for again, and at most until one that it forbids is.
const ABSENT_RETRY_INTERVAL: Duration = Duration::from_secs(300);

/// What a follower reports.
#[derive(Debug)]
pub(super) enum FollowerEvent {
    /// Something happened to the objects.
    Event(Kind, Event),
    /// The server answers as it should.
    Works(Kind),
    /// It does not.
    ApiError(Kind, ApiError),
    /// A Lease that is followed by its name means something else than before.
    Lease(ObjectReference, LeaseReport),
    /// It does not let them be read, which is no trouble: what was read last counts, if anything was.
    Forgone(Kind),
}

/// A follower of one kind of objects.
pub(super) struct Follower {
    selector: ObjectSelector,
    client: Client,
    server: Arc<Server>,
    news: Sender<FollowerEvent>,
    /// Up to where everything is known; none before the first list, or when it has to be listed again.
    version: Option<String>,
    server_state: ServerState,
    /// What is read of the objects' annotations, where they are cut to that.
    wanted: Option<handover::InterestReceiver>,
    /// What the last list was cut to.
    read: Option<Interest>,
}

/// Whether the server answered last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerState {
    Reachable,
    Unreachable,
}

/// Why a turn ended before its time.
#[derive(Debug)]
enum Stop {
    /// What changed since is not known to the server any more: everything has to be listed again.
    Gone,
    /// The server has no such kind.
    Absent,
    /// The objects may not be read, and are done without.
    Forgone,
    /// Streaming lists are refused after all.
    NotStreamed,
    /// More is read of the objects than what they were cut to.
    Cut,
    /// Anything else, and how long the server wants to be left alone.
    ApiError(ApiError, Duration),
}

impl Follower {
    pub(super) fn new(
        selector: ObjectSelector,
        client: Client,
        server: Arc<Server>,
        news: Sender<FollowerEvent>,
    ) -> Self {
        Self {
            selector,
            client,
            server,
            news,
            version: None,
            server_state: ServerState::Reachable,
            wanted: None,
            read: None,
        }
    }

    /// Cuts annotations to what is read of them: begins when that is known, and lists anew when it becomes more.
    pub(super) fn cutting_to(self, wanted: handover::InterestReceiver) -> Self {
        Self { wanted: Some(wanted), ..self }
    }

    fn kind(&self) -> Kind {
        self.selector.kind
    }

    /// Follows for the life of the process.
    pub(super) async fn run(mut self) {
        let (mut backoff, mut forbidden) = (Backoff::default(), Backoff::up_to(ABSENT_RETRY_INTERVAL));
        loop {
            let begun = clock::now();
            let end = self.list_and_watch_once().await;
            let steady = clock::since(begun) >= STABLE_WATCH;
            if steady {
                backoff.reset();
            }
            if !matches!(end, Err(Stop::Forgone)) {
                forbidden.reset();
            }
            match end {
                // The server ends every watch some time.
                Ok(()) if steady => {}
                Err(Stop::Cut) => {}
                Ok(()) | Err(Stop::Gone | Stop::NotStreamed) => sleep(backoff.wait()).await,
                Err(Stop::Absent) => {
                    self.report_absent().await;
                    sleep(scatter(ABSENT_RETRY_INTERVAL)).await;
                }
                // Rights that are withdrawn take nothing away of what is known to be inside the cluster. A server that has just
                // begun forbids for some seconds what it allows, since it does not know the roles yet.
                Err(Stop::Forgone) => {
                    debug!(kind = %self.kind(), "no permission to read this kind; continuing without it");
                    self.send(FollowerEvent::Forgone(self.kind())).await;
                    sleep(forbidden.wait()).await;
                }
                Err(Stop::ApiError(trouble, least)) => {
                    debug!(kind = %self.kind(), %trouble, "retrying");
                    let away = matches!(trouble, ApiError::Away { .. });
                    self.server_state = if away { ServerState::Unreachable } else { ServerState::Reachable };
                    self.send(FollowerEvent::ApiError(self.kind(), trouble)).await;
                    self.pause(&mut backoff, least).await;
                }
            }
        }
    }

    /// Waits; not longer than until another follower finds that a server which was away is back.
    async fn pause(&self, backoff: &mut Backoff, least: Duration) {
        let wait = sleep(backoff.wait().max(least));
        match self.server_state {
            ServerState::Reachable => wait.await,
            ServerState::Unreachable => tokio::select! {
                () = wait => {}
                () = self.server.recovered() => backoff.reset(),
            },
        }
    }

    /// The server answers as it should.
    async fn report_healthy(&mut self) {
        if self.server_state == ServerState::Unreachable {
            self.server_state = ServerState::Reachable;
            self.server.notify_recovered();
        }
        self.send(FollowerEvent::Works(self.kind())).await;
    }

    /// A list if there is none yet, then one watch to its end.
    async fn list_and_watch_once(&mut self) -> Result<(), Stop> {
        let end = self.list_and_watch().await;
        match &end {
            Ok(()) | Err(Stop::ApiError(..) | Stop::Forgone) => {}
            Err(Stop::Gone) => {
                info!(kind = %self.kind(), "the watch has expired (410 Gone): everything is listed again");
                self.version = None;
            }
            Err(Stop::Absent | Stop::Cut) => self.version = None,
            Err(Stop::NotStreamed) => self.server.refuse(),
        }
        end
    }

    async fn list_and_watch(&mut self) -> Result<(), Stop> {
        if self.version.is_some() {
            return self.watch(WatchStart::WithChanges).await;
        }
        self.learn_what_is_read().await;
        match self.server.lists().await.map_err(|error| self.failed(Verb::Watch, &error))? {
            Lists::Streamed => self.watch(WatchStart::WithAll).await,
            Lists::Paged => {
                self.list().await?;
                self.watch(WatchStart::WithChanges).await
            }
        }
    }

    /// Waits until it is known what is read.
    async fn learn_what_is_read(&mut self) {
        let Some(wanted) = &mut self.wanted else { return };
        // When nothing can be wanted any more the process ends.
        if wanted.wait_for(Option::is_some).await.is_ok() {
            self.read.clone_from(&wanted.borrow_and_update());
        }
    }

    /// A list of everything begins.
    async fn begin(&self) {
        self.send(FollowerEvent::Event(self.kind(), Event::Begin)).await;
        if let Some(read) = &self.read {
            self.send(FollowerEvent::Event(self.kind(), Event::Kept(read.clone()))).await;
        }
    }

    /// Everything there is, which counts once it is complete.
    async fn list(&mut self) -> Result<(), Stop> {
        self.begin().await;
        let (selector, client) = (self.selector.clone(), self.client.clone());
        let mut pages = selector.pages(&client);
        loop {
            let page = timeout(ANSWER_TIMEOUT, pages.next()).await;
            let page = page.map_err(|_| self.timed_out())?.map_err(|error| self.failed(Verb::List, &error))?;
            self.report_healthy().await;
            for reading in page.readings {
                self.send(FollowerEvent::Event(self.kind(), Event::Listed(cut(reading, self.read.as_ref())))).await;
            }
            if page.continued.is_none() {
                self.version = page.version;
                self.send(FollowerEvent::Event(self.kind(), Event::Complete)).await;
                return Ok(());
            }
        }
    }

    async fn watch(&mut self, mut phase: WatchStart) -> Result<(), Stop> {
        let answer = self.selector.watch(&self.client, phase, self.version.as_deref(), scatter(WATCH_TIMEOUT));
        let answer = timeout(ANSWER_TIMEOUT, answer).await.map_err(|_| self.timed_out())?;
        let mut events = pin!(answer.map_err(|error| self.not_watched(phase, &error))?);
        self.report_healthy().await;
        if phase == WatchStart::WithAll {
            self.begin().await;
        }
        loop {
            let next = tokio::select! {
                next = timeout(WATCH_IDLE_TIMEOUT, events.try_next()) => next,
                () = more_is_read(self.selector.kind, &mut self.wanted, self.read.as_ref()) => return Err(Stop::Cut),
            };
            let event = match next {
                Ok(Ok(Some(event))) => event,
                Err(_) | Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return self.broken(&error),
            };
            self.apply_event(event, &mut phase).await?;
        }
    }

    async fn apply_event(&mut self, event: WatchEvent<Object>, phase: &mut WatchStart) -> Result<(), Stop> {
        let event = match (event, *phase) {
            (WatchEvent::Added(object) | WatchEvent::Modified(object), WatchStart::WithAll) => {
                Event::Listed(self.reading(&object))
            }
            (WatchEvent::Added(object) | WatchEvent::Modified(object), WatchStart::WithChanges) => {
                self.reached(version(&object.0));
                Event::Changed(self.reading(&object))
            }
            (WatchEvent::Deleted(object), _) => {
                self.reached(version(&object.0));
                Event::Gone(name(self.kind(), &object.0))
            }
            (WatchEvent::Bookmark(Bookmark { metadata, .. }), WatchStart::WithAll) => {
                if !metadata.annotations.contains_key(INITIAL_EVENTS_END) {
                    return Ok(());
                }
                self.version = Some(metadata.resource_version);
                *phase = WatchStart::WithChanges;
                Event::Complete
            }
            (WatchEvent::Bookmark(Bookmark { metadata, .. }), WatchStart::WithChanges) => {
                self.reached(Some(&metadata.resource_version));
                return Ok(());
            }
            (WatchEvent::Error(status), _) => return Err(self.answered(Verb::Watch, &status)),
        };
        self.send(FollowerEvent::Event(self.kind(), event)).await;
        Ok(())
    }

    fn reading(&self, object: &Object) -> Reading {
        cut(reading(self.kind(), &object.0), self.read.as_ref())
    }

    /// A streaming list has no version before its end.
    fn reached(&mut self, version: Option<&str>) {
        if self.version.is_some() && version.is_some() {
            self.version = version.map(str::to_owned);
        }
    }

    /// A connection that broke is tried again at once: whether the server is away shows then. What cannot be read does
    /// not pass by itself, so everything is listed again.
    fn broken(&mut self, error: &kube::Error) -> Result<(), Stop> {
        let stop = self.failed(Verb::Watch, error);
        if matches!(stop, Stop::ApiError(ApiError::Away { .. }, _)) {
            return Ok(());
        }
        self.version = None;
        Err(stop)
    }

    /// Nothing of this kind.
    async fn report_absent(&self) {
        self.send(FollowerEvent::Event(self.kind(), Event::Absent)).await;
        self.send(FollowerEvent::Works(self.kind())).await;
    }

    /// Nothing takes the events any more when the process ends.
    async fn send(&self, news: FollowerEvent) {
        let _ = self.news.send(news).await;
    }

    fn not_watched(&self, phase: WatchStart, error: &kube::Error) -> Stop {
        match (phase, error) {
            (WatchStart::WithAll, kube::Error::Api(status)) if matches!(status.code, 400 | 422) => Stop::NotStreamed,
            (WatchStart::WithAll | WatchStart::WithChanges, error) => self.failed(Verb::Watch, error),
        }
    }

    fn failed(&self, verb: Verb, error: &kube::Error) -> Stop {
        if let kube::Error::Api(status) = error {
            return self.answered(verb, status);
        }
        Stop::ApiError(ApiError::of(verb, self.kind(), self.server.address(), error), Duration::ZERO)
    }

    fn answered(&self, verb: Verb, status: &Status) -> Stop {
        match (status.code, self.kind().names().need) {
            (410, _) => Stop::Gone,
            (404, Need::WhereServed | Need::WherePermitted) => Stop::Absent,
            (403, Need::WherePermitted) => Stop::Forgone,
            _ => {
                let least = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
                let trouble = ApiError::answered(verb, self.kind(), Arc::clone(self.server.address()), status);
                Stop::ApiError(trouble, Duration::from_secs(least.into()))
            }
        }
    }

    fn timed_out(&self) -> Stop {
        Stop::ApiError(ApiError::timed_out(self.server.address(), ANSWER_TIMEOUT), Duration::ZERO)
    }
}

/// Until more is to be read of the objects than what they are cut to. Less costs nothing until they are listed anew for
/// another reason.
async fn more_is_read(kind: Kind, wanted: &mut Option<handover::InterestReceiver>, read: Option<&Interest>) {
    if let (Some(wanted), Some(read)) = (wanted, read) {
        let covers = if kind == Kind::Namespaces { Interest::covers_namespaces } else { Interest::covers_services };
        let more = |wanted: &Option<Interest>| wanted.as_ref().is_some_and(|wanted| !covers(read, wanted));
        if wanted.wait_for(more).await.is_ok() {
            return;
        }
    }
    // Nothing is wanted any more when the process ends.
    std::future::pending().await
}
