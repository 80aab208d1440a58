//! What is reported to the cluster: the active endpoint and Events on Services, a status and Events on policies, and what
//! this node publishes about itself. On a thread of its own, so that an API server which is slow or away never delays the
//! loop.
//!
//! It is level-triggered: each pass compares what should stand there with what does, of all that differs from the state that
//! was looked at before, so a state that was skipped while requests were under way is never reported late. All that decides
//! is pure ([`PublishState`]); the rest is requests.

mod api;
mod directory;
mod error;
mod event_history;
mod event_text;
mod fields;
mod gates;
mod held;
mod node;
mod object_writes;
mod pace;
mod policies;
mod publish_state;
mod queue;
mod services;
mod write;

use std::collections::BTreeMap;
use std::time::Duration;
use std::{io, thread};

use egressd_core::model::AnnotationPrefix;
use futures_util::stream::{self, StreamExt};
use tokio::runtime::{Builder, Runtime};
use tracing::{debug, warn};

pub use directory::Directory;
pub use error::Error;
pub use event_text::{EventText, EventType, Reason};
pub use node::Object;
pub use policies::{Failing, event_text as policy_event};
pub use publish_state::PublishState;
pub use write::{Regarding, Write, WriteOutcome};

use crate::clock::{self, Instant};
use crate::errors::with_causes;
use crate::rights::Publish;
use crate::state_channel::StateReader;
use api::Api;

/// Requests under way at once: enough for thousands in seconds, too few to be noticed by an API server.
const MAX_CONCURRENT_REQUESTS: usize = 4;
/// Requests between two passes at the newest state.
const BATCH_SIZE: usize = 64;

#[derive(Clone, Debug)]
pub struct PublishConfig {
    pub node: String,
    /// The namespace of the policies' ConfigMaps.
    pub namespace: String,
    /// What stands before the slash in the names of Services' annotations.
    pub prefix: AnnotationPrefix,
    /// How much.
    pub publish: Publish,
}

/// What publishing runs on; the client has to live on it too.
///
/// # Errors
/// When the system gives none.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Publishes what the state channel says, for the life of the process.
///
/// # Errors
/// When the system gives no thread.
pub fn start(runtime: Runtime, client: kube::Client, reader: StateReader, config: PublishConfig) -> io::Result<()> {
    let api = Api::new(client, &config);
    let publish = move || runtime.block_on(publish(api, reader, PublishState::new(config)));
    thread::Builder::new().name("publish".to_owned()).spawn(publish).map(drop)
}

/// Publishes this node alone, as a file, for the life of the process.
///
/// # Errors
/// When the system gives no thread.
pub fn start_in(directory: Directory, reader: StateReader) -> io::Result<()> {
    let runtime = runtime()?;
    let publish = move || runtime.block_on(directory.publish(reader));
    thread::Builder::new().name("publish".to_owned()).spawn(publish).map(drop)
}

async fn publish(api: Api, mut reader: StateReader, mut publish_state: PublishState) {
    let mut errors = RepeatedErrors::default();
    loop {
        let due = publish_state.due(&reader.newest(), clock::now(), BATCH_SIZE);
        if due.writes.is_empty() {
            tokio::select! {
                changed = reader.changed() => if changed.is_err() { return },
                () = clock::until(due.next) => {}
            }
            continue;
        }
        let send = |write: Write| async { (api.send(&write).await, write) };
        let sent: Vec<_> = stream::iter(due.writes).map(send).buffer_unordered(MAX_CONCURRENT_REQUESTS).collect().await;
        for (result, write) in sent {
            let outcome = result.unwrap_or_else(|error| {
                errors.report(&error);
                error.outcome()
            });
            publish_state.done(&write, outcome, clock::now());
        }
    }
}

/// Reports each error once in a while: an API server that is away fails every request in the same way.
#[derive(Debug, Default)]
struct RepeatedErrors(BTreeMap<String, Instant>);

impl RepeatedErrors {
    const AGAIN: Duration = Duration::from_mins(10);

    fn report(&mut self, error: &Error) {
        let now = clock::now();
        self.0.retain(|_, reported| now < *reported + Self::AGAIN);
        if error.outcome() == WriteOutcome::Gone || self.0.contains_key(&error.topic()) {
            return debug!("{}", with_causes(error));
        }
        warn!("{}", with_causes(error));
        self.0.insert(error.topic(), now);
    }
}
