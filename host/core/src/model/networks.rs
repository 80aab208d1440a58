//! Networks inside the cluster from sources other than Nodes and ServiceCIDRs.

use ipnet::IpNet;

use super::Completeness;

/// What one object of a network plugin or of an installer says: a pool of Calico's, kubeadm's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterNetworks {
    /// Pod networks.
    pub pods: Vec<IpNet>,
    /// Whether these are all that it says of pods.
    pub completeness: Completeness,
    /// Service networks.
    pub services: Vec<IpNet>,
}

/// A network that an interface of this node is connected to, where no route with a gateway leaves by that interface:
/// beyond a gateway lies more than this node can know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connected {
    pub interface: String,
    /// The network of one of its addresses.
    pub network: IpNet,
}
