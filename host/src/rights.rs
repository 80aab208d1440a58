//! What egressd may do at the API server: all of it, and no more. `deploy/base/rbac.yaml` says the same to the API server,
//! and `deploy/components/publish-*` what is left where less is written; a test compares them, and `tests/cluster` sees each
//! used and each missed.

use std::fmt;

/// Where the manifests of the roles are, for sentences.
pub const MANIFEST: &str = "deploy/base/rbac.yaml";

/// One permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    pub verb: &'static str,
    /// The API group; empty for the core.
    pub group: &'static str,
    pub resource: &'static str,
    pub scope: RightScope,
}

/// Where a permission holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RightScope {
    Cluster,
    /// In the namespace that egressd is in.
    OwnNamespace,
}

impl RightScope {
    /// What grants it, as people call it.
    pub fn role(self) -> &'static str {
        match self {
            Self::Cluster => "the ClusterRole",
            Self::OwnNamespace => "the Role",
        }
    }
}

/// How much egressd writes into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Publish {
    /// It reads, and writes nothing.
    Nothing,
    /// Events alone.
    Events,
    /// Events, the active endpoint of Services, the status of policies and the EgressNode of this node.
    All,
}

impl Publish {
    /// What is needed for it.
    pub fn rights(self) -> impl Iterator<Item = &'static Right> {
        RIGHTS.iter().filter(move |right| right.least() <= self)
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nothing => "none",
            Self::Events => "events",
            Self::All => "all",
        })
    }
}

impl Right {
    /// The least that has to be written for it to be needed.
    fn least(&self) -> Publish {
        match *self {
            PATCH_SERVICES | PATCH_CONFIGMAPS | CREATE_EGRESS_NODES | PATCH_EGRESS_NODES => Publish::All,
            CREATE_EVENTS | PATCH_EVENTS => Publish::Events,
            // What is read.
            Self { .. } => Publish::Nothing,
        }
    }
}

const fn cluster(verb: &'static str, group: &'static str, resource: &'static str) -> Right {
    Right { verb, group, resource, scope: RightScope::Cluster }
}

const fn own(verb: &'static str, resource: &'static str) -> Right {
    Right { verb, group: "", resource, scope: RightScope::OwnNamespace }
}

/// To publish the active endpoint.
pub const PATCH_SERVICES: Right = cluster("patch", "", "services");
/// To report the state of a Service or a policy.
pub const CREATE_EVENTS: Right = cluster("create", "events.k8s.io", "events");
/// To say that it happened again.
pub const PATCH_EVENTS: Right = cluster("patch", "events.k8s.io", "events");
/// To write a policy's status.
pub const PATCH_CONFIGMAPS: Right = own("patch", "configmaps");

/// To publish what this node is, where there is no such object yet: an apply that makes one needs it.
pub const CREATE_EGRESS_NODES: Right = cluster("create", "egressd.io", "egressnodes");
/// To publish it.
pub const PATCH_EGRESS_NODES: Right = cluster("patch", "egressd.io", "egressnodes");

/// All permissions: what is watched, and what is written.
pub const RIGHTS: [Right; 20] = [
    cluster("list", "", "services"),
    cluster("watch", "", "services"),
    PATCH_SERVICES,
    cluster("list", "", "nodes"),
    cluster("watch", "", "nodes"),
    cluster("list", "egressd.io", "egressnodes"),
    cluster("watch", "egressd.io", "egressnodes"),
    CREATE_EGRESS_NODES,
    PATCH_EGRESS_NODES,
    cluster("list", "", "namespaces"),
    cluster("watch", "", "namespaces"),
    cluster("list", "discovery.k8s.io", "endpointslices"),
    cluster("watch", "discovery.k8s.io", "endpointslices"),
    cluster("list", "networking.k8s.io", "servicecidrs"),
    cluster("watch", "networking.k8s.io", "servicecidrs"),
    CREATE_EVENTS,
    PATCH_EVENTS,
    own("list", "configmaps"),
    own("watch", "configmaps"),
    PATCH_CONFIGMAPS,
];

/// Where the manifest of the role for pods is.
pub const PODS_MANIFEST: &str = "deploy/components/pods/rbac.yaml";

/// What it may do beside that where the node's pods are watched (`deploy/components/pods`).
pub const POD_RIGHTS: [Right; 2] = [cluster("list", "", "pods"), cluster("watch", "", "pods")];

/// Where the manifest of the role for networks is.
pub const NETWORKS_MANIFEST: &str = "deploy/components/networks/rbac.yaml";

/// What it may do beside that where networks are looked for in all places (`deploy/components/networks`). Of ConfigMaps, it
/// may read [`NETWORK_CONFIG_MAPS`] alone.
pub const NETWORK_RIGHTS: [Right; 8] = [
    cluster("list", "crd.projectcalico.org", "ippools"),
    cluster("watch", "crd.projectcalico.org", "ippools"),
    cluster("list", "cilium.io", "ciliumnodes"),
    cluster("watch", "cilium.io", "ciliumnodes"),
    cluster("list", "cilium.io", "ciliumpodippools"),
    cluster("watch", "cilium.io", "ciliumpodippools"),
    cluster("list", "", "configmaps"),
    cluster("watch", "", "configmaps"),
];

/// The names of those ConfigMaps: flannel's and kubeadm's.
pub const NETWORK_CONFIG_MAPS: [&str; 2] = ["kube-flannel-cfg", "kubeadm-config"];

/// Where the manifest of the role for announcements is.
pub const PLACEMENT_MANIFEST: &str = "deploy/components/placement/rbac.yaml";

/// What it may do beside that where it watches which nodes load balancers name (`deploy/components/placement`). Leases are
/// asked for one by one, by names that follow from those of Services.
pub const PLACEMENT_RIGHTS: [Right; 4] = [
    cluster("list", "metallb.io", "servicel2statuses"),
    cluster("watch", "metallb.io", "servicel2statuses"),
    cluster("list", "coordination.k8s.io", "leases"),
    cluster("watch", "coordination.k8s.io", "leases"),
];

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)
    }
}
