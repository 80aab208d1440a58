//! A client that discards what it reads: the API server's own share.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{TryStreamExt, try_join};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client, Resource};
use lab::cluster::Session;
use serde::de::DeserializeOwned;

use super::population::SERVICES;
use crate::measure::timed;

/// The annotation that egressd writes on Services.
const PUBLISHED: &str = "kube-vip.io/active-endpoint";
/// As many as egressd requests per page.
const PAGE: u32 = 200;

/// How everything is listed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ListMode {
    /// As the initial events of a watch.
    Streamed,
    Pages,
}

/// How long it takes to list all Services and EndpointSlices, both at once, with the connection that they need.
pub(crate) fn list(session: &Session, lists: ListMode) -> Duration {
    let both = async |client: Client| {
        let (services, slices) = (Api::<Service>::all(client.clone()), Api::<EndpointSlice>::all(client));
        match lists {
            ListMode::Streamed => try_join!(streamed(&services), streamed(&slices)),
            ListMode::Pages => try_join!(paged(&services), paged(&slices)),
        }
    };
    let (counts, time) = timed(|| session.talk(both).unwrap());
    // The API server has a Service and a slice of its own.
    assert!(counts.0 >= SERVICES && counts.1 >= SERVICES, "{counts:?} were listed");
    time
}

async fn streamed<K: WatchedKind>(api: &Api<K>) -> Result<usize> {
    let asked = WatchParams { send_initial_events: true, ..WatchParams::default() };
    let mut events = pin!(api.watch(&asked, "").await?);
    let mut count = 0;
    while let Some(WatchEvent::Added(_)) = events.try_next().await? {
        count += 1;
    }
    Ok(count)
}

async fn paged<K: WatchedKind>(api: &Api<K>) -> Result<usize> {
    let (mut count, mut asked) = (0, ListParams::default().limit(PAGE));
    loop {
        let page = api.list(&asked).await?;
        count += page.items.len();
        asked.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if asked.continue_token.is_none() {
            return Ok(count);
        }
    }
}

trait WatchedKind: Resource<DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug {}

impl WatchedKind for Service {}

impl WatchedKind for EndpointSlice {}

/// Watches Services and EndpointSlices.
pub(crate) struct Watcher(Receiver<ChangedObject>);

struct ChangedObject {
    at: Instant,
    name: String,
    version: String,
    published: Published,
}

/// Whether egressd has written its annotation on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Published {
    Yes,
    No,
}

impl Watcher {
    /// Watches from now on, until the cluster ends.
    pub(crate) fn start(session: Session) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let both = async |client: Client| {
                let (services, slices) = (Api::<Service>::all(client.clone()), Api::<EndpointSlice>::all(client));
                try_join!(watch(services, &sender), watch(slices, &sender))
            };
            session.talk(both).ok();
        });
        Self(receiver)
    }

    /// The time at which the annotation was seen on so many objects.
    pub(crate) fn wait_for_published(&self, count: usize, timeout: Duration) -> Instant {
        let (deadline, mut published) = (Instant::now() + timeout, BTreeSet::new());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen = self.0.recv_timeout(left);
            let seen = seen.unwrap_or_else(|_| panic!("published on {} Services only", published.len()));
            if seen.published == Published::Yes {
                published.insert(seen.name);
            }
            if published.len() >= count {
                return seen.at;
            }
        }
    }

    /// Waits until there was no event for so long.
    pub(crate) fn wait_for_quiet(&self, quiet: Duration) {
        while self.0.recv_timeout(quiet).is_ok() {}
    }

    /// The time at which this version was seen.
    pub(crate) fn wait_for_version(&self, version: &str, timeout: Duration) -> Instant {
        loop {
            let seen = self.0.recv_timeout(timeout).expect("the change comes to the watcher");
            if seen.version == version {
                return seen.at;
            }
        }
    }
}

/// The server ends every watch after a while; the next one continues from there.
async fn watch<K: WatchedKind>(api: Api<K>, sender: &Sender<ChangedObject>) -> Result<()> {
    let first = api.list(&ListParams::default().limit(1)).await?;
    let mut version = first.metadata.resource_version.unwrap_or_default();
    loop {
        let mut events = pin!(api.watch(&WatchParams::default(), &version).await?);
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                    let seen = ChangedObject::now(object.meta());
                    version.clone_from(&seen.version);
                    sender.send(seen)?;
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Error(error) => return Err(kube::Error::Api(error).into()),
            }
        }
    }
}

impl ChangedObject {
    fn now(meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> Self {
        let published = meta.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(PUBLISHED));
        Self {
            at: Instant::now(),
            name: meta.name.clone().unwrap_or_default(),
            version: meta.resource_version.clone().unwrap_or_default(),
            published: if published { Published::Yes } else { Published::No },
        }
    }
}
