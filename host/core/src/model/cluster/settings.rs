//! The administrator's settings about the cluster.

use std::net::IpAddr;

use ipnet::IpNet;

/// What the administrator says about the cluster; what is empty is detected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterSettings {
    /// `--pod-networks`: replaces the detected pod networks of each family it names.
    pub pod_networks: Vec<IpNet>,
    /// `--service-networks`: replaces the detected service networks of each family it names.
    pub service_networks: Vec<IpNet>,
    /// `--inside-networks`: what is inside beside all that is detected.
    pub inside: InsideNetworks,
    /// The API server's addresses, where known.
    pub api_server: Vec<IpAddr>,
    /// Where objects come from.
    pub origin: Origin,
}

/// `--inside-networks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InsideNetworks {
    /// It is not set.
    #[default]
    NotSet,
    /// `none`: there are no pods but in the networks that are known.
    Nothing,
    /// These are never translated to.
    These(Vec<IpNet>),
}

/// Where objects come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// An API server: there are other nodes, whether or not their networks are known.
    #[default]
    Cluster,
    /// Files, which describe no cluster where they have no Node.
    Manifests,
}

impl InsideNetworks {
    /// The networks that it names.
    pub(super) fn named(&self) -> &[IpNet] {
        match self {
            Self::NotSet | Self::Nothing => &[],
            Self::These(networks) => networks,
        }
    }
}
