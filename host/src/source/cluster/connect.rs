//! Which API server, and who we are to it.

use std::env;
use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tokio::runtime::Runtime;
use tower::{BoxError, ServiceBuilder};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is quiet before the other end is asked whether it is there, how long between two such probes,
/// and how many of them may be lost: a dead one is noticed after half a minute.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// How to find the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As every pod may: by the environment and the service account's token.
    Pod,
    /// By a kubeconfig, or several, separated by colons.
    Kubeconfig(OsString),
}

/// Why there is no way to the API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "cannot find a cluster: egressd does not run in a pod with a service account; set --kubeconfig \
         (EGRESSD_KUBECONFIG), or --manifests (EGRESSD_MANIFESTS) to run without a cluster"
    )]
    NoPod(#[source] InClusterError),
    #[error("cannot use the kubeconfig {path:?}")]
    Kubeconfig {
        path: OsString,
        /// What is wrong with it.
        #[source]
        source: KubeconfigError,
    },
    /// What it says does not make a client: a certificate that cannot be parsed, say.
    #[error("cannot create a client for the API server at {server}")]
    Client {
        server: Arc<str>,
        #[source]
        source: Box<kube::Error>,
    },
}

/// The way to an API server; nothing was sent yet.
#[derive(Clone, Debug)]
pub struct Connection {
    config: Config,
    server: Arc<str>,
}

impl Connection {
    /// Reads what there is to know about the server, from files and the environment.
    ///
    /// # Errors
    /// When that does not name one.
    pub fn open(access: &Access) -> Result<Self, ConnectError> {
        let mut config = match access {
            Access::Pod => Config::incluster().map_err(ConnectError::NoPod)?,
            Access::Kubeconfig(path) => {
                kubeconfig(path).map_err(|source| ConnectError::Kubeconfig { path: path.clone(), source })?
            }
        };
        // Failures are reported, and tried again, in one place: where they are reported.
        config.default_retry = false;
        let server = config.cluster_url.to_string().trim_end_matches('/').into();
        Ok(Self { config, server })
    }

    /// Where the server is, as people know it.
    pub fn server(&self) -> &Arc<str> {
        &self.server
    }

    /// The server's own address, if it is not called by a name: part of the cluster, and never translated to (P2).
    pub fn address(&self) -> Option<IpAddr> {
        let host = self.config.cluster_url.host()?;
        host.trim_matches(['[', ']']).parse().ok()
    }

    /// A client that lives on this runtime.
    pub(in crate::source) fn within(&self, runtime: &Runtime) -> Result<Client, ConnectError> {
        let _inside = runtime.enter();
        let failed = |source| ConnectError::Client { server: Arc::clone(&self.server), source: Box::new(source) };
        client(&self.config).map_err(failed)
    }
}

/// As kube makes one, but for the connections: theirs notices nothing when a server is gone silently, and a watch
/// on such a connection looks like one without events.
fn client(config: &Config) -> kube::Result<Client> {
    if config.proxy_url.is_some() {
        // kube says what it lacks for that.
        return Client::try_from(config.clone());
    }
    let tls = config.rustls_https_connector_with_connector(connector())?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(legacy::Client::builder(TokioExecutor::new()).build(tls));
    Ok(Client::new(service, config.default_namespace.clone()))
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    // The scheme is https, and none of its business.
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE_IDLE));
    connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    connector.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    connector.set_tcp_user_timeout(Some(KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES));
    connector
}

/// What the client does here is to read files; it is a future in name only.
fn kubeconfig(paths: &OsString) -> Result<Config, KubeconfigError> {
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(merged(paths)?, &options).now_or_never();
    config.unwrap_or(Err(KubeconfigError::FindPath))
}

/// All files as one. Of several, those that do not exist are skipped, as by kubectl.
fn merged(paths: &OsString) -> Result<Kubeconfig, KubeconfigError> {
    let paths: Vec<_> = env::split_paths(paths).filter(|path| !path.as_os_str().is_empty()).collect();
    let mut merged = None;
    let mut missing = KubeconfigError::FindPath;
    for path in &paths {
        match Kubeconfig::read_from(path) {
            Err(error) if is_missing(&error) => missing = error,
            read => merged = Some(merged.unwrap_or_else(Kubeconfig::default).merge(read?)?),
        }
    }
    merged.ok_or(missing)
}

fn is_missing(error: &KubeconfigError) -> bool {
    matches!(error, KubeconfigError::ReadConfig(source, _) if source.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;
    use crate::errors::with_causes;

    const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, \
        user: a}}], clusters: [{name: a, cluster: {server: 'https://192.0.2.1'}}], users: [{name: a, user: {}}]}";

    #[test]
    fn of_several_kubeconfigs_those_that_do_not_exist_are_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        fs::write(path("a"), KUBECONFIG).unwrap();
        fs::write(path("bad"), "a: [").unwrap();
        let open = |paths: &[String]| Connection::open(&Access::Kubeconfig(paths.join(":").into()));
        for paths in
            [&[path("a")][..], &[path("a"), path("none")], &[path("none"), path("a")], &[path("a"), String::new()]]
        {
            assert_eq!(&**open(paths).unwrap().server(), "https://192.0.2.1", "{paths:?}");
        }
        let bad = with_causes(&open(&[path("a"), path("bad")]).unwrap_err());
        assert!(bad.contains("failed to parse kubeconfig YAML"), "{bad}");
        for paths in [&[path("none")][..], &[path("none"), path("nor this")]] {
            let error = with_causes(&open(paths).unwrap_err());
            assert_eq!(error.matches("No such file or directory").count(), 1, "{error}");
        }
    }
}
