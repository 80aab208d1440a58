//! Why a destination is inside the cluster.

use std::fmt;

/// Why a network is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A setting names it.
    Setting(&'static str),
    /// The Node of this name has it for its pods.
    Node(String),
    /// This object says so, of a network plugin, an installer, or a ServiceCIDR.
    Object(String),
    /// A pod of this node has an address in it, and this interface is connected to it.
    Connected(String),
    /// Nothing names any network of this kind, and this is kube-vip's default.
    Assumed(&'static str),
    /// It is private, and pods of networks that are not known may be there.
    Private,
    /// No packet to it leaves its link, or it has no single receiver.
    Never,
}

/// As in "10.0.0.0/24: ...".
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(setting) => write!(f, "setting {setting}"),
            Self::Node(name) => write!(f, "pod network of Node {name}"),
            Self::Object(name) => f.write_str(name),
            Self::Connected(interface) => write!(f, "pods of this node are connected to it by {interface}"),
            Self::Assumed(kind) => write!(f, "assumed {kind} network"),
            Self::Private => f.write_str("private, where pods of unknown networks may be"),
            Self::Never => f.write_str("has no receiver beyond one link"),
        }
    }
}

/// Why a single address is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressReason {
    /// A Node lists it.
    Node,
    /// An EgressNode lists it.
    EgressNode,
    /// An interface of this node has it.
    Interface,
    /// The API server answers there.
    ApiServer,
    /// It is a Service's ClusterIP.
    ClusterIp,
    /// A pod that the endpoint-slice controller lists has it.
    Endpoint,
}

impl fmt::Display for AddressReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "address of a Node",
            Self::EgressNode => "address of a node, as its EgressNode says",
            Self::Interface => "address of an interface of this node",
            Self::ApiServer => "address of the API server",
            Self::ClusterIp => "ClusterIP of a Service",
            Self::Endpoint => "pod that an EndpointSlice of the endpoint-slice controller lists",
        })
    }
}
