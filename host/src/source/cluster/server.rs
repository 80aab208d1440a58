//! What the followers know about the server together, above all whether it streams lists. One that does sends objects one by
//! one, from its cache, without building the whole list in its memory for each of a thousand nodes. One that does not is
//! asked for pages: some refuse the question, and older ones do not know it and answer with a watch that never says where the
//! list ends.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, Client};
use tokio::sync::{Notify, OnceCell};
use tokio::time::timeout;
use tracing::debug;

/// The annotation of the bookmark at the end of a streaming list.
pub(super) const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// How long the end of a list of one object may take. Where it takes longer, pages do as well.
const STREAMING_LIST_TIMEOUT: Duration = Duration::from_secs(3);

/// How lists are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// As the beginning of a watch.
    Streamed,
    /// Page by page, before a watch.
    Paged,
}

/// What all followers know about the server together: what it can do, asked once, and when it is back.
pub(super) struct Server {
    address: Arc<str>,
    client: Client,
    known: OnceCell<Lists>,
    refused: AtomicBool,
    recovery: Notify,
}

impl Server {
    pub(super) fn new(address: Arc<str>, client: Client) -> Self {
        Self { address, client, known: OnceCell::new(), refused: AtomicBool::new(false), recovery: Notify::new() }
    }

    /// Where it is, as people know it.
    pub(super) fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// How to ask for lists.
    pub(super) async fn lists(&self) -> Result<Lists, kube::Error> {
        if self.refused.load(Ordering::Relaxed) {
            return Ok(Lists::Paged);
        }
        self.known.get_or_try_init(|| probe(&self.client)).await.copied()
    }

    /// Ends when another follower gets an answer from a server that was away.
    pub(super) async fn recovered(&self) {
        self.recovery.notified().await;
    }

    /// A server that was away answers.
    pub(super) fn notify_recovered(&self) {
        self.recovery.notify_waiters();
    }

    /// Another server, behind the same address, does not stream them.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }
}

/// A streaming list of one namespace that every cluster has. An account that may not watch namespaces gets an error when they
/// are followed; pages are right in any case.
async fn probe(client: &Client) -> Result<Lists, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let one = WatchParams { send_initial_events: true, ..WatchParams::default().fields("metadata.name=kube-system") };
    let watch = match timeout(STREAMING_LIST_TIMEOUT * 3, namespaces.watch(&one, "")).await {
        Ok(Ok(watch)) => watch,
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 400 | 403 | 422) => {
            debug!(answer = status.message, "lists are asked for in pages");
            return Ok(Lists::Paged);
        }
        Ok(Err(error)) => return Err(error),
        Err(_) => return Err(kube::Error::ReadEvents(io::ErrorKind::TimedOut.into())),
    };
    let mut events = pin!(watch);
    let end = async {
        while let Some(event) = events.try_next().await? {
            if let WatchEvent::Bookmark(bookmark) = event
                && bookmark.metadata.annotations.contains_key(INITIAL_EVENTS_END)
            {
                return Ok::<Lists, kube::Error>(Lists::Streamed);
            }
        }
        Ok(Lists::Paged)
    };
    let lists = timeout(STREAMING_LIST_TIMEOUT, end).await.unwrap_or(Ok(Lists::Paged))?;
    debug!(?lists, "how the API server lists");
    Ok(lists)
}
