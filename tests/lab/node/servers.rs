//! The servers of a node, as they are started.

use std::fmt;
use std::net::IpAddr;
use std::process::Command;

use super::machine::Machine;
use crate::addresses::{POD_NETWORK_V4, POD_NETWORK_V6};

/// Path of Kubernetes' programs on the machine.
const KUBERNETES: &str = "/run/lab/kubernetes";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeServer {
    Containerd,
    Kubelet,
    /// kube-proxy.
    Proxy,
}

/// The mode of kube-proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyMode {
    Nftables,
    /// iptables, or iptables-nft.
    Iptables,
}

impl fmt::Display for ProxyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nftables => "nftables",
            Self::Iptables => "iptables",
        })
    }
}

pub(super) fn containerd(machine: &Machine) -> Command {
    let mut command = machine.command("containerd");
    command.args(["--config", "/run/lab/containerd.toml"]);
    command
}

pub(super) fn kubelet(machine: &Machine, node: &str, [v4, v6]: [IpAddr; 2]) -> Command {
    let mut command = machine.command(KUBERNETES);
    command.args(["kubelet", "--config=/run/lab/kubelet.json", "--kubeconfig=/run/lab/kubelet.kubeconfig", "-v=2"]);
    command.arg(format!("--hostname-override={node}")).arg(format!("--node-ip={v4},{v6}"));
    command
}

/// Limits of conntrack are the whole machine's, and not this one's to set.
pub(super) fn proxy(machine: &Machine, node: &str, mode: ProxyMode) -> Command {
    let mut command = machine.command(KUBERNETES);
    command.args(["kube-proxy", "--kubeconfig=/run/lab/proxy.kubeconfig"]).args([
        format!("--hostname-override={node}"),
        format!("--proxy-mode={mode}"),
        format!("--cluster-cidr={POD_NETWORK_V4},{POD_NETWORK_V6}"),
    ]);
    command.args(["--conntrack-max-per-core=0", "--conntrack-min=0"]);
    command.args(["--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s"]);
    command
}
