//! Answers questions about the running egressd: on a unix socket for `status` and `probe`, over HTTP for scrapes. On
//! a thread of its own, so that it neither delays the loop nor is delayed by it: a stuck loop has to be reported.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use egressd_core::finding::Finding;
use egressd_core::ruleset::TableNames;
use tracing::info;

use crate::admin::cni::{self, AddRequest, Malformed};
use crate::admin::document::{Document, inside};
use crate::admin::http::{self, HttpAnswer, HttpOutcome, HttpRequest, Posts, RequestBody};
use crate::admin::pool::{Bounds, ConnectionState};
use crate::admin::scrape;
use crate::admin::status_socket::{INSIDE, Probe, StatusSocket};
use crate::clock;
use crate::instances::orphans;
use crate::kernel::nft::{KernelThread, Survey};
use crate::metrics::{Format, Metrics};
use crate::pod_wait::PodWaits;
use crate::rights::Publish;
use crate::state_channel::notices::{Notices, insist};
use crate::state_channel::{DaemonState, StateReader};

/// How long the loop may work on one thing before it counts as stuck.
const LOOP_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client of the socket is served, which is longer than one may wait for a pod: on a node with thousands of
/// Services and too much to do, the document takes its time, too.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(75);

/// What the admin server knows, and where it answers.
#[derive(Debug)]
pub struct AdminServer {
    pub node: String,
    /// How much is written into the cluster.
    pub publish: Publish,
    /// How our tables are called.
    pub tables: TableNames,
    pub reader: StateReader,
    /// For what the tables have counted.
    pub kernel: KernelThread,
    /// What the loop and the policies counted.
    pub metrics: Metrics,
    /// Who looks for orphaned tables.
    pub orphans: orphans::OrphanWatch,
    /// Where a listener is noted that cannot be opened.
    pub notices: Notices,
    /// Where pods are announced.
    pub pod_waits: PodWaits,
}

/// Where the admin server answers.
#[derive(Debug)]
pub struct Listeners {
    /// The unix socket for `status` and `probe`.
    pub socket: PathBuf,
    /// For scrapes.
    pub http: Option<SocketAddr>,
}

impl AdminServer {
    /// Answers for the life of the process. A listener that cannot be opened is a notice, and no reason not to translate.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, listeners: Listeners) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = move || tokio::task::LocalSet::new().block_on(&runtime, Arc::new(self).open(listeners));
        thread::Builder::new().name("admin".to_owned()).spawn(answer).map(drop)
    }

    async fn open(self: Arc<Self>, listeners: Listeners) {
        let Listeners { socket, http } = listeners;
        if let Some(address) = http {
            tokio::task::spawn_local(Arc::clone(&self).serve_http(address));
        }
        self.serve_socket(&socket).await;
    }

    async fn serve_http(self: Arc<Self>, address: SocketAddr) {
        let note = |why: Option<&str>| self.notices.note("HTTP", why.map(http_not_served));
        let listener = insist(|| http::listen(address), note).await;
        http::serve(listener, Bounds::default(), move |request| Arc::clone(&self).answer(request)).await;
    }

    /// Whenever the socket is removed, it is made again.
    async fn serve_socket(self: Arc<Self>, path: &Path) {
        let note = |why: Option<&str>| self.notices.note("the status socket", why.map(status_not_served));
        loop {
            let socket = insist(|| StatusSocket::open(path), note).await;
            Arc::clone(&self).serve_on(&socket).await;
            note(Some(&format!("the socket {} is not there any more", path.display())));
        }
    }

    async fn serve_on(self: Arc<Self>, socket: &StatusSocket) {
        let admin_server = Arc::clone(&self);
        let answer = move |stream, visit: ConnectionState| {
            let (admin_server, waits) = (Arc::clone(&admin_server), visit.clone());
            let answer = move |request| Arc::clone(&admin_server).answer_on_socket(request, waits.clone());
            http::connection(stream, visit, Posts::UpTo(cni::MAX_BODY), answer)
        };
        let bounds = Bounds { patience: SOCKET_TIMEOUT, ..Bounds::default() };
        socket.serve(bounds, move || Arc::clone(&self).document(), answer).await;
    }

    async fn document(self: Arc<Self>) -> String {
        let (newest, survey) = self.look().await;
        let document = Document::new(&self.node, self.publish, &newest, survey.as_deref());
        // Strings and numbers always become JSON.
        serde_json::to_string(&document).unwrap_or_default()
    }

    async fn answer(self: Arc<Self>, request: HttpRequest) -> HttpAnswer {
        match request.path.as_str() {
            "/livez" => self.live(),
            "/readyz" => ready(&self.reader.newest()),
            "/metrics" => {
                let (newest, survey) = self.look().await;
                let format = Format::accepted_by(request.accept.as_deref());
                let body = scrape::text(&self.metrics, &newest, survey.as_deref(), format);
                HttpAnswer { outcome: HttpOutcome::Good, content_type: format.content_type(), body }
            }
            _ => HttpAnswer::text(HttpOutcome::NotFound, "there are /livez, /readyz and /metrics"),
        }
    }

    /// What is asked of us on the unix socket alone: whoever may set up pods' networks is root on the node.
    async fn answer_on_socket(self: Arc<Self>, request: HttpRequest, visit: ConnectionState) -> HttpAnswer {
        match request.body {
            RequestBody::Absent => self.probe(&request.path),
            RequestBody::Posted(_) | RequestBody::Unreadable if request.path != cni::ADD => {
                HttpAnswer::text(HttpOutcome::NotFound, cni::ADD)
            }
            RequestBody::Posted(body) => self.add_pod(AddRequest::read(&body), visit).await,
            RequestBody::Unreadable => self.add_pod(Err(Malformed::Body), visit).await,
        }
    }

    /// Announces a pod, and answers once all that selects it is in force.
    async fn add_pod(&self, request: Result<AddRequest, Malformed>, visit: ConnectionState) -> HttpAnswer {
        let AddRequest { announcement, wait } = match request {
            Ok(request) => request,
            Err(malformed) => return HttpAnswer::text(HttpOutcome::BadRequest, malformed.to_string()),
        };
        visit.parked();
        let pod = announcement.pod.clone();
        let end = self.pod_waits.wait(announcement, wait).await;
        let body = cni::answer(&pod, &end, self.reader.newest().trouble.as_deref());
        HttpAnswer { outcome: HttpOutcome::Good, content_type: "application/json", body }
    }

    /// What the unix socket answers. Paths may come, and none changes: other releases ask here.
    fn probe(&self, path: &str) -> HttpAnswer {
        match Probe::ALL.into_iter().find(|probe| probe.path() == path) {
            Some(Probe::Live) => self.live(),
            Some(Probe::Ready) => ready(&self.reader.newest()),
            None if path == INSIDE => inside_of(&self.reader.newest()),
            None => HttpAnswer::text(
                HttpOutcome::NotFound,
                [&Probe::ALL.map(Probe::path)[..], &[INSIDE]].concat().join(", "),
            ),
        }
    }

    fn live(&self) -> HttpAnswer {
        match self.reader.busy_since().map(clock::since).filter(|busy| *busy > LOOP_TIMEOUT) {
            Some(busy) => {
                let seconds = busy.as_secs();
                HttpAnswer::text(HttpOutcome::Unavailable, format!("the main loop has been stalled for {seconds} s"))
            }
            None => HttpAnswer::text(HttpOutcome::Good, "alive"),
        }
    }

    /// The newest state, and the kernel's numbers when it reports them.
    async fn look(&self) -> (DaemonState, Option<Arc<Survey>>) {
        self.orphans.look().await;
        let newest = self.reader.newest();
        let shown = newest.in_force.iter().flat_map(|round| round.subjects.values());
        let living: BTreeSet<_> = shown.map(|shown| shown.record.uid.clone()).collect();
        let survey = self.kernel.survey(self.tables.clone(), living).await;
        let survey = survey.inspect_err(|error| info!(%error, "cannot read counters from the kernel")).ok();
        (newest, survey)
    }
}

/// Where the address for scrapes cannot be had.
pub fn http_not_served(why: &str) -> Finding {
    let remedy = "metrics are not served until egressd can listen there (it retries); free the address, or change \
                  --http";
    Finding::warning("http-not-served", format!("{why}; {remedy}"))
}

/// Where the socket cannot be had.
pub fn status_not_served(why: &str) -> Finding {
    let remedy = "`egressd status` and `egressd probe` get no answer until egressd can listen there (it retries)";
    Finding::warning("status-not-served", format!("{why}; {remedy}"))
}

fn inside_of(newest: &DaemonState) -> HttpAnswer {
    match &newest.in_force {
        None => HttpAnswer::text(HttpOutcome::Unavailable, "nothing is in force yet"),
        // Strings always become JSON.
        Some(in_force) => {
            let body = serde_json::to_string(&inside(&in_force.overview.inside)).unwrap_or_default();
            HttpAnswer { outcome: HttpOutcome::Good, content_type: "application/json", body }
        }
    }
}

fn ready(newest: &DaemonState) -> HttpAnswer {
    match newest.unready() {
        None => HttpAnswer::text(HttpOutcome::Good, "ready"),
        Some(why) => HttpAnswer::text(HttpOutcome::Unavailable, why),
    }
}
