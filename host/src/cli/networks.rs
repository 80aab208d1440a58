//! Which networks belong to the cluster, and where to look for them.

use clap::{Args, ValueEnum};

/// Which networks belong to the cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Networks")]
pub struct Networks {
    /// Pod networks, comma-separated; replaces what Nodes say, for each family that is named.
    #[arg(long, value_name = "CIDR,...", env = "EGRESSD_POD_NETWORKS")]
    pub pod_networks: Option<String>,
    /// Service networks, comma-separated; replaces what ServiceCIDRs say, for each family that is named.
    #[arg(long, value_name = "CIDR,...", env = "EGRESSD_SERVICE_NETWORKS")]
    pub service_networks: Option<String>,
    /// Networks that are never translated to, comma-separated, beside all that is known to be inside the cluster; or none.
    ///
    /// Where nothing says where pods live, or a pod is in no known network, nothing is translated towards private
    /// destinations, since other pods may be there. Set this to the networks of all pods, or to `none` if egressd
    /// knows all of them already, to end that.
    #[arg(long, value_name = "CIDR,...|none", env = "EGRESSD_INSIDE_NETWORKS")]
    pub inside_networks: Option<String>,
}

/// Where the cluster's networks are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DetectNetworks {
    /// In Nodes, with what k3s and RKE2 note there, and in ServiceCIDRs.
    Nodes,
    /// Also in Calico's IPPools, CiliumNodes and CiliumPodIPPools, and the ConfigMaps of flannel and kubeadm.
    All,
}
