//! What can be wrong between us and the API server, one sentence each. All of it is tried again, later each time.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::finding::Finding;
use kube::core::Status;

use super::event::Kind;
use crate::clock::Moment;
use crate::errors::with_causes;

/// What was asked of the server, in the terms of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    List,
    /// What changes.
    Watch,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::List => "list",
            Self::Watch => "watch",
        })
    }
}

/// Why the server's objects are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("the API server at {server} does not answer: {cause}")]
    Away { server: Arc<str>, cause: String },
    #[error(
        "the API server at {server} has a certificate that cannot be verified: {cause}; renew the \
         server's certificate, or correct the certificate authority in the kubeconfig or the service account (ca.crt)"
    )]
    Certificate {
        server: Arc<str>,
        /// What is wrong with it.
        cause: String,
    },
    #[error(
        "the API server at {server} refuses egressd's credentials (401 Unauthorized); give it the token of a \
         service account that exists and has not expired, or another kubeconfig"
    )]
    Unauthorized { server: Arc<str> },
    #[error("cannot {verb} {kind}{}: {user} lacks the permission; add it to the {}", place(*.kind), role(*.kind))]
    Forbidden { verb: Verb, kind: Kind, user: String },
    /// RBAC says no to what it allowed before, and it is done without.
    #[error(
        "egressd lacks the permission to read {kind} since it was withdrawn: those that were read last still count; \
         restore it in the {}, or restart egressd to run without them", role(*.kind)
    )]
    Withdrawn { kind: Kind },
    #[error("cannot {verb} {kind}: the API server at {server} answers {code}: {message}")]
    Refused { verb: Verb, kind: Kind, server: Arc<str>, code: u16, message: String },
    #[error(
        "cannot {verb} {kind}: the answer of the API server at {server} cannot be read ({cause}); check that an API server answers there"
    )]
    Unreadable { verb: Verb, kind: Kind, server: Arc<str>, cause: String },
}

impl ApiError {
    /// What an error of the client means.
    pub fn of(verb: Verb, kind: Kind, server: &Arc<str>, error: &kube::Error) -> Self {
        let server = Arc::clone(server);
        if let kube::Error::Api(status) = error {
            return Self::answered(verb, kind, server, status);
        }
        if let kube::Error::SerdeError(error) = error {
            return Self::Unreadable { verb, kind, server, cause: error.to_string() };
        }
        // Everything else happens on the way.
        let cause = innermost(error);
        if cause.contains("certificate") { Self::Certificate { server, cause } } else { Self::Away { server, cause } }
    }

    /// The remedy that follows from the server's message.
    pub fn answered(verb: Verb, kind: Kind, server: Arc<str>, status: &Status) -> Self {
        match status.code {
            401 => Self::Unauthorized { server },
            403 => Self::Forbidden { verb, kind, user: user(&status.message) },
            code => Self::Refused { verb, kind, server, code, message: status.message.clone() },
        }
    }

    /// The server took too long.
    pub fn timed_out(server: &Arc<str>, limit: Duration) -> Self {
        Self::Away { server: Arc::clone(server), cause: format!("no answer within {} s", limit.as_secs()) }
    }

    /// Whether egressd works without the kind that it may not read: pods, and EgressNodes, which the role of an earlier release
    /// does not name. Of everything else nothing may be missing.
    pub fn is_done_without(&self) -> bool {
        matches!(self, Self::Forbidden { kind: Kind::Pods | Kind::EgressNodes, .. })
    }

    /// What is reported to people; `since` when it has been so.
    pub fn finding(&self, since: Moment) -> Finding {
        match self {
            Self::Away { server, cause } => Finding::warning(
                "api-server-unreachable",
                format!(
                    "the API server at {server} has been unreachable since {since}; the current rules stay in force: \
                     {cause}"
                ),
            ),
            Self::Certificate { .. } => Finding::error("api-server-certificate", self.to_string()),
            Self::Unauthorized { .. } => Finding::error("api-server-unauthorized", self.to_string()),
            Self::Forbidden { kind: Kind::Pods, .. } => Finding::error("api-server-forbids", format!("{self}{STANDS}")),
            Self::Forbidden { kind: Kind::EgressNodes, .. } => {
                Finding::warning("api-server-forbids", format!("{self}{UNKNOWN}"))
            }
            Self::Forbidden { .. } => Finding::error("api-server-forbids", self.to_string()),
            Self::Withdrawn { .. } => Finding::warning("api-server-forbids", self.to_string()),
            Self::Refused { .. } => Finding::error("api-server-error", self.to_string()),
            Self::Unreadable { .. } => Finding::error("api-server-unreadable", self.to_string()),
        }
    }
}

/// What counts while pods cannot be read.
const STANDS: &str = "; until then the pods that were read last count, and EndpointSlices alone where none were read";

/// What counts while EgressNodes cannot be read.
const UNKNOWN: &str = "; until then those that were read last count, this node publishes none, and only the addresses \
                       in Node objects are known of other nodes";

/// The cause of all causes: what is around it says no more than that a request failed.
fn innermost(error: &kube::Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(std::error::Error::source) {
        cause = Some(next);
    }
    cause.map_or_else(|| with_causes(error), ToString::to_string)
}

/// Who we are, from the server's sentence: `nodes is forbidden: User "x" cannot list ...`.
fn user(message: &str) -> String {
    let name = message.split_once("User \"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
    match name {
        Some(name) if name.starts_with("system:serviceaccount:") => format!("the service account {name}"),
        Some(name) => format!("the user {name}"),
        None => format!("RBAC denies it ({message}); egressd"),
    }
}

fn role(kind: Kind) -> &'static str {
    match kind {
        Kind::Policies => "Role egressd (deploy/base/rbac.yaml)",
        Kind::Services
        | Kind::Slices
        | Kind::Nodes
        | Kind::EgressNodes
        | Kind::Namespaces
        | Kind::ServiceNetworks
        | Kind::Endpoints => "ClusterRole egressd (deploy/base/rbac.yaml)",
        Kind::Pods => "ClusterRole egressd-pods (deploy/components/pods/rbac.yaml)",
        Kind::Networks(_) => "ClusterRole egressd-networks (deploy/components/networks/rbac.yaml)",
        Kind::Claims(_) => "ClusterRole egressd-placement (deploy/components/placement/rbac.yaml)",
    }
}

fn place(kind: Kind) -> &'static str {
    match kind {
        Kind::Policies => " in egressd's own namespace",
        Kind::Services
        | Kind::Slices
        | Kind::Nodes
        | Kind::EgressNodes
        | Kind::Namespaces
        | Kind::ServiceNetworks
        | Kind::Pods
        | Kind::Networks(_)
        | Kind::Claims(_)
        | Kind::Endpoints => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(kind: Kind, code: u16, message: &str) -> String {
        let status = Status::failure(message, "").with_code(code);
        ApiError::answered(Verb::List, kind, "https://192.0.2.1:6443".into(), &status).to_string()
    }

    #[test]
    fn a_missing_verb_is_named_with_where_to_add_it() {
        let message = "endpointslices.discovery.k8s.io is forbidden: User \"system:serviceaccount:egressd:egressd\" \
                       cannot list resource \"endpointslices\" in API group \"discovery.k8s.io\" at the cluster scope";
        assert_eq!(
            sentence(Kind::Slices, 403, message),
            "cannot list endpointslices.discovery.k8s.io: the service account system:serviceaccount:egressd:egressd \
             lacks the permission; add it to the ClusterRole egressd (deploy/base/rbac.yaml)"
        );
        assert_eq!(
            sentence(Kind::Policies, 403, "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\""),
            "cannot list configmaps in egressd's own namespace: the user jane lacks the permission; add it to the Role \
             egressd (deploy/base/rbac.yaml)"
        );
    }

    #[test]
    fn of_pods_the_component_is_named_and_what_counts_meanwhile() {
        let user = "the user jane".to_owned();
        let trouble = ApiError::Forbidden { verb: Verb::Watch, kind: Kind::Pods, user };
        assert_eq!(
            trouble.finding(Moment::now()).to_string(),
            "error: cannot watch pods: the user jane lacks the permission; add it to the ClusterRole egressd-pods \
             (deploy/components/pods/rbac.yaml); until then the pods that were read last count, and EndpointSlices \
             alone where none were read [api-server-forbids]"
        );
    }

    #[test]
    fn other_answers_are_reported_with_the_servers_message() {
        assert_eq!(
            sentence(Kind::Nodes, 500, "etcd is on fire"),
            "cannot list nodes: the API server at https://192.0.2.1:6443 answers 500: etcd is on fire"
        );
    }

    #[test]
    fn an_unreachable_server_is_reported_with_the_time_and_what_stays() {
        let trouble = ApiError::timed_out(&"https://192.0.2.1:6443".into(), Duration::from_secs(30));
        let since = Moment::now();
        assert_eq!(
            trouble.finding(since).to_string(),
            format!(
                "warning: the API server at https://192.0.2.1:6443 has been unreachable since {since}; the current \
                 rules \
                 stay in force: no answer within 30 s [api-server-unreachable]"
            )
        );
    }
}
