//! Clusters as usual installations leave them, restated from general knowledge: their Nodes, the objects that name the
//! networks of pods and Services, and the Service `web` with a pod on each of two nodes, whose EndpointSlices the
//! controller has made.

use std::net::IpAddr;

use anyhow::{Context, Result};

use crate::addresses::{gateway_v4, gateway_v6, node_v4, node_v6, pod_v6_on};
use crate::topology::{Lab, Node, Pod, host_network};

/// A way to install a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installation {
    /// kubeadm and Calico, whose pods are not in Nodes' podCIDRs.
    KubeadmCalico,
    /// kubeadm and flannel, both families.
    KubeadmFlannel,
    /// k3s with non-default networks.
    K3s,
    /// RKE2 and Cilium, whose pods are not in Nodes' podCIDRs.
    Rke2Cilium,
    /// Talos with its flannel.
    Talos,
    /// The VPC CNI of AWS, where no object names the pod networks.
    VpcCni,
}

/// Where the pod networks are known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// An object of the cluster names them.
    FromObjects,
    /// No object names them, so a setting is needed.
    Unknown,
}

impl Installation {
    pub const ALL: [Self; 6] =
        [Self::KubeadmCalico, Self::KubeadmFlannel, Self::K3s, Self::Rke2Cilium, Self::Talos, Self::VpcCni];

    /// Its objects: YAML, one document each.
    pub fn manifests(self) -> &'static str {
        match self {
            Self::KubeadmCalico => include_str!("kubeadm-calico.yaml"),
            Self::KubeadmFlannel => include_str!("kubeadm-flannel.yaml"),
            Self::K3s => include_str!("k3s.yaml"),
            Self::Rke2Cilium => include_str!("rke2-cilium.yaml"),
            Self::Talos => include_str!("talos.yaml"),
            Self::VpcCni => include_str!("vpc-cni.yaml"),
        }
    }

    /// The addresses of pods on the nodes `node-1` and `node-2`: those of `web`, and others that no EndpointSlice
    /// lists.
    ///
    /// # Errors
    /// When one is no address, which is a defect of this fixture.
    pub fn pods(self) -> Result<[Vec<IpAddr>; 2]> {
        let texts: [&[&str]; 2] = match self {
            Self::KubeadmCalico => [&["192.168.84.129", "192.168.84.130"], &["192.168.247.1", "192.168.247.2"]],
            Self::KubeadmFlannel => [
                &["10.244.0.4", "10.244.0.5", "fd00:10:244::4", "fd00:10:244::5"],
                &["10.244.1.7", "10.244.1.8", "fd00:10:244:1::7", "fd00:10:244:1::8"],
            ],
            Self::K3s => [&["10.52.0.8", "10.52.0.9"], &["10.52.1.5", "10.52.1.6"]],
            Self::Rke2Cilium => [&["10.0.0.77", "10.0.0.78"], &["10.0.1.214", "10.0.1.215"]],
            Self::Talos => [&["10.244.0.4", "10.244.0.5"], &["10.244.1.7", "10.244.1.8"]],
            Self::VpcCni => [&["192.168.9.101", "192.168.10.102"], &["192.168.51.202", "192.168.52.203"]],
        };
        let parsed = texts.map(|texts| texts.iter().map(|text| text.parse()).collect::<Result<Vec<IpAddr>, _>>());
        let [first, second] = parsed;
        Ok([first.context("the first node")?, second.context("the second node")?])
    }

    /// Gives the pods of a lab of two nodes, with two pods each, the addresses of its pods. Of a family that it has no
    /// pods of, the lab's stay.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn connect(self, lab: &mut Lab) -> Result<()> {
        let pods = self.pods()?;
        lab.rewire_pods(|node, pod| wire(&pods[usize::from(node.number) - 1], node, pod))?;
        for (node, pod) in lab.nodes().iter().flat_map(|node| [1, 2].map(|number| (node, node.pod(number)))) {
            for address in &pod.host.addresses {
                let via = if address.is_ipv4() { node_v4(node.number) } else { node_v6(node.number) };
                let route = format!("route replace {} via {via}\n", host_network(*address));
                let others = lab.nodes().iter().filter(|other| other.number != node.number);
                others
                    .map(|other| &other.namespace)
                    .chain([&lab.outside().namespace])
                    .try_for_each(|n| n.ip(&route))?;
            }
        }
        Ok(())
    }

    pub fn knowledge(self) -> Knowledge {
        match self {
            Self::KubeadmCalico | Self::KubeadmFlannel | Self::K3s | Self::Rke2Cilium | Self::Talos => {
                Knowledge::FromObjects
            }
            Self::VpcCni => Knowledge::Unknown,
        }
    }
}

/// Gives a pod its address of these, and a way out over the node as before.
fn wire(of_node: &[IpAddr], node: &Node, pod: &Pod) -> Result<[IpAddr; 2]> {
    let number = usize::from(pod.number) - 1;
    let v4 = of_node.iter().copied().filter(IpAddr::is_ipv4).nth(number).context("a pod without an IPv4 address")?;
    let v6 = of_node.iter().copied().filter(IpAddr::is_ipv6).nth(number);
    let v6 = v6.unwrap_or_else(|| pod_v6_on(node.number, pod.number));
    let (gateway_v4, gateway_v6) = (gateway_v4(node.number), gateway_v6(node.number));
    pod.host.namespace.ip(&format!(
        "addr flush dev eth0 scope global
         addr add {v4}/32 dev eth0
         addr add {v6}/128 dev eth0 nodad
         route replace default via {gateway_v4} dev eth0 onlink src {v4}
         route replace default via {gateway_v6} dev eth0 onlink src {v6}\n"
    ))?;
    node.namespace.ip(&format!("route replace {v4}/32 dev cni0\nroute replace {v6}/128 dev cni0\n"))?;
    Ok([v4, v6])
}
