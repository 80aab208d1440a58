//! A cluster as a source: its API server is followed, and what it says is kept in the words of the core.
//!
//! One follower for each kind of objects lists everything and watches from there on (`follow`); what they tell becomes
//! one state ([`state`]), which is handed over once everything was listed, and then whenever something changed
//! (`gather`). While the server is away, everything stays as it is; when it is back, watches go on where they ended,
//! and where the server has forgotten that place (410 Gone), a new list tells exactly what came and what went.
//!
//! # The oldest Kubernetes
//!
//! 1.21. It is the first that serves `discovery.k8s.io/v1` EndpointSlices, and the only thing that could replace them,
//! Endpoints, has no node names for pods beyond a thousand. Everything else is older or may be missing:
//!
//! - bookmarks in watches, and lists whose pages are all of one `resourceVersion`, are older (1.17, 1.9);
//! - streaming lists (on by default since 1.34) are used where a question shows that the server has them, else pages;
//! - ServiceCIDRs (`networking.k8s.io/v1`, 1.33) may be missing: 404 means none, and they are asked for again now and then;
//! - `spec.loadBalancerClass`, dual-stack Services and terminating endpoints are read where they are said.
//!
//! # What it may do
//!
//! `list` and `watch`, nothing else: of services, endpointslices, nodes, namespaces and servicecidrs in the whole cluster,
//! of configmaps in egressd's own namespace. A verb that is missing is told by name, and nothing is handed over before
//! every kind was listed: a guard that was not read could be one that forbids.

mod backoff;
mod connect;
pub mod event;
mod follow;
mod gather;
mod server;
pub mod state;
pub mod trouble;
mod watched;

use std::sync::Arc;
use std::{io, thread};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use kube::{Api, Client};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Sender, channel};

pub use connect::{Access, ConnectError, Connection};

use self::follow::{Follower, News, everything};
use self::server::Server;
use self::state::State;
use self::trouble::Trouble;
use self::watched::Watched;
use super::handover::{Giver, Update};

/// News that wait to be taken in; followers wait beyond that.
const WAITING: usize = 1024;

/// Why a cluster cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It does not tell (of one reading; who follows tries again).
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// There is no thread to follow it.
    #[error("cannot start the thread that follows the API server")]
    Thread(#[source] io::Error),
}

/// Follows the cluster on a thread of its own; policies are taken from one namespace. A server that does not answer is
/// no error, now or later: that is told, and tried again.
///
/// # Errors
/// When the way to the server cannot be prepared.
pub fn spawn(connection: &Connection, namespace: String, giver: Giver) -> Result<(), Error> {
    let runtime = runtime()?;
    let client = connection.within(&runtime)?;
    let server = Arc::clone(connection.server());
    let follow = move || {
        let (sender, news) = channel(WAITING);
        let followers = followers(&client, &server, &namespace, &sender);
        drop(sender);
        runtime.block_on(async { tokio::join!(join_all(followers), gather::gather(news, giver)) });
    };
    thread::Builder::new().name("cluster".to_owned()).spawn(follow).map(drop).map_err(Error::Thread)
}

/// Reads everything once.
///
/// # Errors
/// The first thing that cannot be read.
pub fn read(connection: &Connection, namespace: &str) -> Result<Update, Error> {
    let runtime = runtime()?;
    let client = connection.within(&runtime)?;
    Ok(runtime.block_on(read_with(&client, connection.server(), namespace))?)
}

async fn read_with(client: &Client, server: &Arc<str>, namespace: &str) -> Result<Update, Trouble> {
    let mut state = State::default();
    list::<Service>(&mut state, Api::all(client.clone()), server).await?;
    list::<EndpointSlice>(&mut state, Api::all(client.clone()), server).await?;
    list::<Node>(&mut state, Api::all(client.clone()), server).await?;
    list::<Namespace>(&mut state, Api::all(client.clone()), server).await?;
    list::<ServiceCIDR>(&mut state, Api::all(client.clone()), server).await?;
    list::<ConfigMap>(&mut state, Api::namespaced(client.clone(), namespace), server).await?;
    Ok(state.whole())
}

async fn list<K: Watched>(state: &mut State, api: Api<K>, server: &Arc<str>) -> Result<(), Trouble> {
    everything(&api, server).await?.into_iter().for_each(|event| state.take(K::KIND, event));
    Ok(())
}

fn followers(client: &Client, address: &Arc<str>, namespace: &str, news: &Sender<News>) -> Vec<BoxFuture<'static, ()>> {
    let server = Arc::new(Server::new(Arc::clone(address), client.clone()));
    let server = || Arc::clone(&server);
    let (client, news) = (|| client.clone(), || news.clone());
    vec![
        Follower::<Service>::new(Api::all(client()), server(), news()).run().boxed(),
        Follower::<EndpointSlice>::new(Api::all(client()), server(), news()).run().boxed(),
        Follower::<Node>::new(Api::all(client()), server(), news()).run().boxed(),
        Follower::<Namespace>::new(Api::all(client()), server(), news()).run().boxed(),
        Follower::<ServiceCIDR>::new(Api::all(client()), server(), news()).run().boxed(),
        Follower::<ConfigMap>::new(Api::namespaced(client(), namespace), server(), news()).run().boxed(),
    ]
}

fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(Error::Thread)
}
