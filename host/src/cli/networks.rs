//! Which networks belong to the cluster, and where to look for them.

use clap::{Args, ValueEnum};

/// Which networks belong to the cluster. kube-vip's names are kept for the environment.
#[derive(Clone, Debug, Args)]
pub struct Networks {
    /// Pod networks, comma-separated; replaces what Nodes say, for each family that is named.
    #[arg(long, value_name = "CIDR,...", env = "egress_podcidr")]
    pub pod_networks: Option<String>,
    /// Service networks, comma-separated; replaces what ServiceCIDRs say, for each family that is named.
    #[arg(long, value_name = "CIDR,...", env = "egress_servicecidr")]
    pub service_networks: Option<String>,
}

/// Where the cluster's networks are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DetectNetworks {
    /// In Nodes, with what k3s and RKE2 note there, and in ServiceCIDRs.
    Nodes,
    /// Also in Calico's IPPools, CiliumNodes and CiliumPodIPPools, and the ConfigMaps of flannel and kubeadm.
    All,
}
