//! A limit that would be exceeded, and the finding about it.

use crate::finding::Finding;
use crate::model::{SubjectKey, SubjectKind};

/// A limit that a change can exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Rules of a Service.
    ServiceRules,
    /// Networks of a Service.
    ServiceNetworks,
    /// Elements of a namespace.
    NamespaceElements,
    /// Networks of a namespace.
    NamespaceNetworks,
    /// Pods of a namespace that have a chain.
    NamespaceChains,
    /// Elements of the node.
    NodeElements,
    /// Networks of the node.
    NodeNetworks,
    /// Pods of the node that have a chain.
    NodeChains,
}

/// How much a change would exceed a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    pub limit: Limit,
    /// The value that exceeds the limit.
    pub value: usize,
    /// The limit.
    pub most: usize,
}

/// The code of the finding on a subject with too many endpoints.
pub const TOO_MANY_ENDPOINTS: &str = "service-limit-endpoints";

impl Excess {
    pub(super) fn of(limit: Limit, value: usize, most: usize) -> Option<Self> {
        (value > most).then_some(Self { limit, value, most })
    }

    /// What the subject's owner reads.
    pub fn finding(&self, key: &SubjectKey) -> Finding {
        let Self { limit, value, most } = self;
        let (namespace, kind) = (&key.namespace, key.kind);
        let (code, setting) = limit.names();
        let refused = format!("so this {kind}'s newest change is not in force");
        let message = match limit {
            Limit::ServiceRules => format!(
                "the {kind} would have {value} rules on this node, and the limit is {most} ({setting}), {refused}; ask \
                 for fewer"
            ),
            Limit::ServiceNetworks => format!(
                "the {kind} would have {value} networks on this node, and the limit is {most} ({setting}), {refused}; \
                 name fewer or wider ones"
            ),
            Limit::NamespaceElements => format!(
                "namespace {namespace} would have {value} elements on this node, and the limit is {most} ({setting}), \
                 {refused}; use fewer ports or networks, or translate fewer of its pods"
            ),
            Limit::NamespaceNetworks => format!(
                "namespace {namespace} would have {value} networks on this node, and the limit is {most} ({setting}), \
                 {refused}; name fewer or wider ones"
            ),
            Limit::NamespaceChains => format!(
                "namespace {namespace} would have {value} pods with a chain of rules on this node, and the limit is \
                 {most} ({setting}), {refused}; use single ports instead of ranges and source ports, fewer networks \
                 (at most 512 combinations of networks and ports per pod), or translate fewer of its pods"
            ),
            Limit::NodeElements | Limit::NodeNetworks | Limit::NodeChains => {
                let what = limit.noun();
                format!(
                    "all namespaces together would have {value} {what} on this node, and the limit is {most} \
                     ({setting}); namespaces with a smaller share than {namespace} take precedence, {refused}; an \
                     administrator can raise the limit"
                )
            }
        };
        Finding::error(code, message)
    }

    /// What the owner of a subject with too many endpoints reads.
    pub fn of_endpoints(kind: SubjectKind, value: usize, most: usize) -> Finding {
        let message = format!(
            "the {kind} has {value} endpoints, and the limit is {most} (--limit-service-endpoints): endpoints that \
             are translated already stay so, and no others are added; divide the pods among several Services"
        );
        Finding::error(TOO_MANY_ENDPOINTS, message)
    }
}

impl Limit {
    fn noun(self) -> &'static str {
        match self {
            Self::ServiceRules => "rules",
            Self::NamespaceElements | Self::NodeElements => "elements",
            Self::ServiceNetworks | Self::NamespaceNetworks | Self::NodeNetworks => "networks",
            Self::NamespaceChains | Self::NodeChains => "pods with a chain of rules",
        }
    }

    /// The code of a finding about it, and the setting.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::ServiceRules => ("service-limit", "--limit-service-rules"),
            Self::ServiceNetworks => ("service-limit", "--limit-service-networks"),
            Self::NamespaceElements => ("namespace-limit", "--limit-namespace-elements"),
            Self::NamespaceNetworks => ("namespace-limit", "--limit-namespace-networks"),
            Self::NamespaceChains => ("namespace-limit", "--limit-namespace-chains"),
            Self::NodeElements => ("node-limit", "--limit-node-elements"),
            Self::NodeNetworks => ("node-limit", "--limit-node-networks"),
            Self::NodeChains => ("node-limit", "--limit-node-chains"),
        }
    }
}
