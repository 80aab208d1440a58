//! nftables rules of other programs of a node: kube-proxy, a CNI, an administrator.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, ensure};

use crate::addresses::{POD_NETWORK_V4, POD_NETWORK_V6};
use crate::topology::Node;

impl Node {
    /// Runs an `nft` script on the node.
    ///
    /// # Errors
    /// When `nft` refuses it.
    pub fn nft(&self, script: &str) -> Result<()> {
        self.namespace.nft(script)
    }

    /// All nftables rules of the node, as `nft` prints them.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn ruleset(&self) -> Result<String> {
        self.namespace.nft_list("ruleset")
    }

    /// The names of all tables, as `nft` prints them, one a line.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn tables(&self) -> Result<String> {
        self.namespace.nft_list("tables")
    }

    /// What a CNI does: pods that leave the pod network take the node's address, at `srcnat`.
    ///
    /// # Errors
    /// When `nft` refuses it.
    pub fn masquerade_like_a_cni(&self) -> Result<()> {
        self.nft(&format!("{}{}", masquerade("ip", POD_NETWORK_V4), masquerade("ip6", POD_NETWORK_V6)))
    }

    /// Lets every TCP connection that is open to this port vanish, as a load balancer does that has failed over:
    /// nothing comes any more and no error reports it, and new connections are fine.
    ///
    /// # Errors
    /// When there is none, or `nft` refuses it.
    pub fn lose_connections_to(&self, port: u16) -> Result<()> {
        let table = self.namespace.run(|| fs::read_to_string("/proc/thread-self/net/tcp"))??;
        let open: Vec<String> =
            table.lines().filter_map(|line| local_port(line, port)).map(|p| p.to_string()).collect();
        let ports = open.join(", ");
        ensure!(!open.is_empty(), "there is no connection to port {port} on {}", self.name());
        self.nft(&format!(
            "table ip lab_lost {{
               chain out {{ type filter hook output priority raw; tcp dport {port} tcp sport {{ {ports} }} drop; }}
               chain in {{ type filter hook input priority raw; tcp sport {port} tcp dport {{ {ports} }} drop; }}
             }}"
        ))
    }

    /// What kube-proxy does: TCP and UDP to a ClusterIP and port go to an endpoint.
    ///
    /// # Errors
    /// When `nft` refuses it, as it does for two families.
    pub fn forward_like_kube_proxy(&self, cluster_ip: SocketAddr, endpoint: SocketAddr) -> Result<()> {
        let family = match cluster_ip.ip() {
            IpAddr::V4(_) => "ip",
            IpAddr::V6(_) => "ip6",
        };
        let (address, port) = (cluster_ip.ip(), cluster_ip.port());
        self.nft(&format!(
            "table {family} lab_proxy {{
               chain prerouting {{
                 type nat hook prerouting priority dstnat; policy accept;
                 {family} daddr {address} meta l4proto {{ tcp, udp }} th dport {port} dnat to {endpoint}
               }}
             }}\n"
        ))
    }
}

impl Node {
    /// GET of something that a program on the node serves: the status line, and the body.
    ///
    /// # Errors
    /// When the peer does not answer.
    pub fn http(&self, address: SocketAddr, path: &str) -> Result<(String, String)> {
        self.namespace.http(address, path)
    }
}

fn masquerade(family: &str, pods: &str) -> String {
    format!(
        "table {family} lab_cni {{
           chain postrouting {{
             type nat hook postrouting priority srcnat; policy accept;
             {family} saddr {pods} {family} daddr != {pods} masquerade
           }}
         }}\n"
    )
}

/// The local port of a line of `/proc/net/tcp`, if it is an open connection to this port.
fn local_port(line: &str, remote: u16) -> Option<u16> {
    const ESTABLISHED: &str = "01";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let port = |field: usize| u16::from_str_radix(fields.get(field)?.split_once(':')?.1, 16).ok();
    (*fields.get(3)? == ESTABLISHED && port(2)? == remote).then(|| port(1)).flatten()
}
