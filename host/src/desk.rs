//! Answers questions about the running egressd: on a unix socket for `status`, over HTTP for probes and scrapes. On
//! a thread of its own, so that it neither delays the loop nor is delayed by it: a stuck loop has to be told.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use egressd_core::ruleset::TableNames;
use tracing::{info, warn};

use crate::board::{Newest, Reader};
use crate::document::Document;
use crate::errors::with_causes;
use crate::http::{self, Answer, Outcome};
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::nft::{KernelThread, Survey};
use crate::orphans;
use crate::status_socket::StatusSocket;

/// How long the loop may work on one thing before it counts as stuck.
const STUCK: Duration = Duration::from_secs(30);

/// What the desk knows, and where it answers.
#[derive(Debug)]
pub struct Desk {
    /// This node's name.
    pub node: String,
    /// How our tables are called.
    pub tables: TableNames,
    /// What the loop tells.
    pub reader: Reader,
    /// For what the tables have counted.
    pub kernel: KernelThread,
    /// What the loop and the policies counted.
    pub metrics: Metrics,
    /// Who looks for orphaned tables.
    pub orphans: orphans::Watch,
}

/// Where the desk answers.
#[derive(Debug)]
pub struct Doors {
    /// The unix socket for `status`.
    pub socket: PathBuf,
    /// For probes and scrapes.
    pub http: Option<TcpListener>,
}

impl Desk {
    /// Answers for the life of the process. A status socket that cannot be had is said, and no reason not to
    /// translate.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, doors: Doors) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = move || tokio::task::LocalSet::new().block_on(&runtime, Arc::new(self).open(doors));
        thread::Builder::new().name("desk".to_owned()).spawn(answer).map(drop)
    }

    async fn open(self: Arc<Self>, doors: Doors) {
        let Doors { socket, http } = doors;
        let desk = Arc::clone(&self);
        if let Some(listener) = http {
            tokio::task::spawn_local(async move {
                let answer = move |path| Arc::clone(&desk).answer(path);
                if let Err(error) = http::serve(listener, answer).await {
                    warn!(%error, "cannot answer over HTTP");
                }
            });
        }
        match StatusSocket::open(&socket) {
            Ok(socket) => socket.serve(move || Arc::clone(&self).document()).await,
            Err(error) => {
                warn!("{}", with_causes(&error));
                std::future::pending().await
            }
        }
    }

    async fn document(self: Arc<Self>) -> String {
        let (newest, survey) = self.look().await;
        let document = Document::new(&self.node, &newest, survey.as_deref());
        // Strings and numbers always become JSON.
        serde_json::to_string(&document).unwrap_or_default()
    }

    async fn answer(self: Arc<Self>, path: String) -> Answer {
        match path.as_str() {
            "/livez" => self.live(),
            "/readyz" => ready(&self.reader.newest()),
            "/metrics" => {
                let (newest, survey) = self.look().await;
                let body = self.metrics.text(&newest, survey.as_deref());
                Answer { outcome: Outcome::Good, content_type: CONTENT_TYPE, body }
            }
            _ => Answer::text(Outcome::NotFound, "there are /livez, /readyz and /metrics"),
        }
    }

    fn live(&self) -> Answer {
        match self.reader.busy_since().map(|since| since.elapsed()).filter(|busy| *busy > STUCK) {
            Some(busy) => {
                let seconds = busy.as_secs();
                Answer::text(Outcome::Unavailable, format!("the loop has been busy with one thing for {seconds} s"))
            }
            None => Answer::text(Outcome::Good, "alive"),
        }
    }

    /// The newest state, and the kernel's numbers when it tells them.
    async fn look(&self) -> (Newest, Option<Arc<Survey>>) {
        self.orphans.look().await;
        let newest = self.reader.newest();
        let living: BTreeSet<_> = newest.in_force.iter().flat_map(|round| round.uids.values().cloned()).collect();
        let survey = self.kernel.survey(self.tables.clone(), living).await;
        let survey = survey.inspect_err(|error| info!(%error, "no numbers from the kernel")).ok();
        (newest, survey)
    }
}

fn ready(newest: &Newest) -> Answer {
    match newest.unready() {
        None => Answer::text(Outcome::Good, "ready"),
        Some(why) => Answer::text(Outcome::Unavailable, why),
    }
}
