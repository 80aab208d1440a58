//! Sources: where Services come from. A source keeps the newest state of all it watches, and hands it over as a
//! whole, with the keys to look at again. It decides nothing.

pub mod claims;
pub mod cluster;
mod compact;
pub mod config_map;
pub mod documents;
pub mod handover;
pub mod kind;
pub mod manifests;
pub mod networks;
mod original;
pub mod read;
mod refused;
mod remembered;
pub mod watch;

use std::net::IpAddr;
use std::path::Path;

use tokio::runtime::Runtime;

use self::cluster::{Access, Connection, Scope};
use self::handover::{SnapshotSender, Update};
use self::manifests::{PlaceArgument, Places};
use crate::state::Sources;

/// Where Services come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Manifests, in directories and files.
    Manifests(Vec<PlaceArgument>),
    /// A cluster's API server, and what of it is watched beside what always is.
    Cluster(Access, Extent),
}

impl Origin {
    /// The directory in which the nodes of this machine publish themselves, where there is one.
    pub fn publish_dir(&self) -> Option<&Path> {
        let Self::Manifests(given) = self else { return None };
        given.iter().find_map(|given| match given {
            PlaceArgument::Published(path) => Some(path.as_path()),
            PlaceArgument::Path(_) | PlaceArgument::StandardInput => None,
        })
    }
}

/// What is watched where it is wanted, as far as that is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// This node's pods.
    pub pods: PodWatch,
    /// What network plugins and installers say.
    pub networks: NetworkWatch,
    /// What load balancers write about the nodes that announce addresses.
    pub claims: ClaimWatch,
}

/// Whether it is watched which nodes load balancers name as those that announce addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimWatch {
    /// It is not, and nothing is asked about it.
    Ignore,
    /// It is, as far as that is permitted.
    Watch,
}

/// Where the cluster's networks are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkWatch {
    /// In Nodes and ServiceCIDRs.
    Nodes,
    /// In the pools and settings of network plugins and installers too.
    All,
}

/// Whether this node's pods are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodWatch {
    /// They are not, and nothing is asked about them.
    Ignore,
    /// They are, as far as that is permitted.
    Watch,
}

/// A source that nothing was read from yet.
#[derive(Debug)]
pub enum Source {
    /// Manifests, in directories and files.
    Manifests(Places),
    /// A cluster, and what of it counts.
    Cluster(Box<Connection>, Scope),
}

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Manifests(#[from] manifests::Error),
    #[error(transparent)]
    Watch(#[from] watch::WatchError),
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
}

impl Source {
    /// A source for this node, with policies from one namespace.
    ///
    /// # Errors
    /// When nothing says where the cluster's API server is.
    pub fn open(origin: Origin, node: &str, namespace: String) -> Result<Self, Error> {
        Ok(match origin {
            Origin::Manifests(given) => Self::Manifests(Places::new(given, node).with_policies_of(namespace)),
            Origin::Cluster(access, Extent { pods, networks, claims }) => {
                let pods_of = match pods {
                    PodWatch::Ignore => None,
                    PodWatch::Watch => Some(node.to_owned()),
                };
                let connection = Connection::open(&access).map_err(cluster::Error::from)?;
                Self::Cluster(Box::new(connection), Scope { namespace, pods_of, networks, claims, sources: None })
            }
        })
    }

    /// The same with what an earlier process left in its state directory. Only one that is followed leaves something there.
    #[must_use]
    pub fn remembering(self, sources: Sources) -> Self {
        match self {
            Self::Manifests(places) => Self::Manifests(places.remembering(&sources)),
            Self::Cluster(connection, scope) => Self::Cluster(connection, Scope { sources: Some(sources), ..scope }),
        }
    }

    /// The API server's address, where there is one and it is known.
    pub fn api_server(&self) -> Option<IpAddr> {
        match self {
            Self::Manifests(_) => None,
            Self::Cluster(connection, _) => connection.address(),
        }
    }

    /// A client of the API server for another thread, which lives on that one's runtime; none without a cluster.
    ///
    /// # Errors
    /// When there is no way to the cluster.
    pub fn client(&self, runtime: &Runtime) -> Result<Option<kube::Client>, Error> {
        Ok(match self {
            Self::Manifests(_) => None,
            Self::Cluster(connection, _) => Some(connection.within(runtime).map_err(cluster::Error::from)?),
        })
    }

    /// Reads everything once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self) -> Result<Update, Error> {
        Ok(match self {
            Self::Manifests(places) => places.read()?,
            Self::Cluster(connection, scope) => cluster::read(connection, scope)?,
        })
    }

    /// Hands over the newest state from now on, on a thread of its own.
    ///
    /// # Errors
    /// When it cannot begin. A cluster that does not answer is no error: that is reported, and tried again.
    pub fn spawn(self, sender: SnapshotSender) -> Result<(), Error> {
        match self {
            Self::Manifests(places) => watch::spawn(places, sender)?,
            Self::Cluster(connection, scope) => cluster::spawn(&connection, scope, sender)?,
        }
        Ok(())
    }
}
