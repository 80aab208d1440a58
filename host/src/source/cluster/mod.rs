//! A cluster as a source: its API server is followed, and what it says is kept in the types of the core.
//!
//! One follower for each kind of objects lists everything and watches from there on (`follow`); what they report becomes
//! one state ([`state`]), which is handed over once everything was listed, and then whenever something changed
//! (`gather`). While the server is away, everything stays as it is; when it is back, watches go on where they ended,
//! and where the server has forgotten that place (410 Gone), a new list shows exactly what came and what went.
//!
//! # The oldest Kubernetes
//!
//! 1.21. It is the first that serves `discovery.k8s.io/v1` EndpointSlices, and the only thing that could replace them,
//! Endpoints, has no node names for pods beyond a thousand. Everything else is older or may be missing:
//!
//! - bookmarks in watches, and lists whose pages are all of one `resourceVersion`, are older (1.17, 1.9);
//! - streaming lists (on by default since 1.34) are used where a question shows that the server has them, else pages;
//! - ServiceCIDRs (`networking.k8s.io/v1`, 1.33) may be missing: 404 means none, and they are asked for again now and then;
//! - the objects of network plugins and installers too, and the right to read them: 403 means that what was read of them
//!   last counts, and nothing where nothing was;
//! - `spec.loadBalancerClass`, dual-stack Services and terminating endpoints are read where they are set.
//!
//! # What it may do
//!
//! `list` and `watch`, nothing else: of services, endpointslices, nodes, namespaces and servicecidrs in the whole cluster, of
//! configmaps in egressd's own namespace, and where that is wanted of the pods of this node, of what network plugins and
//! installers say, and of what load balancers write, Leases each by its name (`leases`). A verb that is missing is reported
//! by name, and nothing is handed over before every kind was listed: a guard that was not read could be one that forbids.

mod backoff;
mod connect;
mod cut;
pub mod event;
mod follow;
mod gather;
mod leases;
pub mod memory;
mod page;
mod plugins;
mod selector;
mod server;
pub mod state;
pub mod trouble;
mod watched;

use std::sync::Arc;
use std::{io, thread};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use kube::Client;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Sender, channel};

pub use connect::{Access, ConnectError, Connection};

use self::event::Kind;
use self::follow::{Follower, FollowerEvent};
use self::gather::Gathered;
use self::leases::{Leases, Wanted};
use self::memory::Memory;
use self::selector::{ObjectSelector, everything};
use self::server::Server;
use self::state::State;
use self::trouble::ApiError;
use super::claims::METALLB;
use super::handover::{self, SnapshotSender, Update};
use super::{ClaimWatch, NetworkWatch};
use crate::clock::Moment;
use crate::state::Sources;

/// FollowerEvent that wait to be taken in; followers wait beyond that. Each can be an object with all of its 256 KiB.
const QUEUE_LENGTH: usize = 64;

/// What is followed beside what always is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The namespace whose ConfigMaps may be policies.
    pub namespace: String,
    /// The node whose pods are watched; none where none are.
    pub pods_of: Option<String>,
    /// Where the cluster's networks are looked for.
    pub networks: NetworkWatch,
    /// Whether what load balancers write about the nodes that announce addresses is watched.
    pub claims: ClaimWatch,
    /// Where to find what an earlier process knew, and to leave it to the next one.
    pub sources: Option<Sources>,
}

/// Why a cluster cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It does not report (of one reading; who follows tries again).
    #[error(transparent)]
    ApiError(#[from] ApiError),
    #[error("cannot start the thread that follows the API server")]
    Thread(#[source] io::Error),
}

/// Follows the cluster on a thread of its own; policies are taken from one namespace. A server that does not answer is
/// no error, now or later: that is reported, and tried again.
///
/// # Errors
/// When the way to the server cannot be prepared.
pub fn spawn(connection: &Connection, scope: Scope, snapshots: SnapshotSender) -> Result<(), Error> {
    let (state, memory) = (scope.state(), scope.sources.clone().map(Memory::start).transpose()?);
    let runtime = runtime()?;
    let client = connection.within(&runtime)?;
    let server = Arc::clone(connection.server());
    let follow = move || {
        let (sender, news) = channel(QUEUE_LENGTH);
        let server = Arc::new(Server::new(server, client.clone()));
        let mut followers = followers(&client, &server, &scope, &sender, &snapshots.asked());
        let leases = scope.leases(&snapshots).map(|(leases, wanted)| {
            followers.push(leases::run(client, server, sender.clone(), wanted).boxed());
            leases
        });
        drop(sender);
        let gathered = Gathered::new(state, leases);
        runtime
            .block_on(async { tokio::join!(join_all(followers), gather::gather(news, gathered, snapshots, memory)) });
    };
    thread::Builder::new().name("cluster".to_owned()).spawn(follow).map(drop).map_err(Error::Thread)
}

/// Reads everything once.
///
/// # Errors
/// The first thing that cannot be read.
pub fn read(connection: &Connection, scope: &Scope) -> Result<Update, Error> {
    let runtime = runtime()?;
    let client = connection.within(&runtime)?;
    Ok(runtime.block_on(read_with(&client, connection.server(), scope))?)
}

async fn read_with(client: &Client, server: &Arc<str>, scope: &Scope) -> Result<Update, ApiError> {
    let mut state = scope.state();
    let mut findings = Vec::new();
    for asked in scope.asked() {
        match everything(&asked, client, server).await {
            Ok(events) => events.into_iter().for_each(|event| state.apply(asked.kind, event)),
            // As `run` does.
            Err(trouble) if trouble.is_done_without() => {
                state.forgo(asked.kind);
                findings.push(trouble.finding(Moment::now()));
            }
            Err(trouble) => return Err(trouble),
        }
    }
    if scope.claims == ClaimWatch::Watch {
        leases::read(&mut state, client, server).await?;
    }
    let mut update = state.whole();
    update.findings.extend(findings);
    Ok(update)
}

fn followers(
    client: &Client,
    server: &Arc<Server>,
    scope: &Scope,
    news: &Sender<FollowerEvent>,
    read: &handover::InterestReceiver,
) -> Vec<BoxFuture<'static, ()>> {
    let follower = |asked: ObjectSelector| {
        let cuts = matches!(asked.kind, Kind::Services | Kind::Namespaces);
        let follower = Follower::new(asked, client.clone(), Arc::clone(server), news.clone());
        if cuts { follower.cutting_to(read.clone()).run().boxed() } else { follower.run().boxed() }
    };
    scope.asked().map(follower).collect()
}

impl Scope {
    /// As far as an earlier process knew.
    fn state(&self) -> State {
        State::of(self.kinds()).recalling(self.sources.as_ref().map(memory::recall).unwrap_or_default())
    }

    /// Leases, where claims are watched.
    fn leases(&self, sender: &SnapshotSender) -> Option<(Leases, Wanted)> {
        (self.claims == ClaimWatch::Watch).then(|| Leases::new(sender.asked()))
    }

    /// The kinds that are followed.
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::FOLLOWED.into_iter().filter(|kind| match kind {
            Kind::Pods => self.pods_of.is_some(),
            Kind::Networks(_) => self.networks == NetworkWatch::All,
            Kind::Claims(_) => self.claims == ClaimWatch::Watch,
            Kind::Services
            | Kind::Slices
            | Kind::Nodes
            | Kind::EgressNodes
            | Kind::Namespaces
            | Kind::ServiceNetworks
            | Kind::Policies
            | Kind::Endpoints => true,
        })
    }

    fn asked(&self) -> impl Iterator<Item = ObjectSelector> {
        self.kinds().map(|kind| match (kind, &self.pods_of) {
            (Kind::Policies, _) => ObjectSelector::all(kind).of_namespace(&self.namespace),
            (Kind::Pods, Some(node)) => ObjectSelector::all(kind).with_fields(format!("spec.nodeName={node}")),
            (Kind::Networks(_), _) => ObjectSelector::one_or_all(kind),
            (Kind::Claims(_), _) => ObjectSelector::all(kind).of_namespace(METALLB),
            (
                Kind::Services
                | Kind::Slices
                | Kind::Nodes
                | Kind::EgressNodes
                | Kind::Namespaces
                | Kind::ServiceNetworks
                | Kind::Pods
                | Kind::Endpoints,
                _,
            ) => ObjectSelector::all(kind),
        })
    }
}

fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(Error::Thread)
}
