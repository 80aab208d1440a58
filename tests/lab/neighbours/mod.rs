//! Programs that run on the same nodes and cannot be run here, restated: what each changes on a node and writes to the
//! API, and nothing else. Each part names the upstream project, version and function whose behaviour it restates; none
//! of their code is here. What `make test-node` runs for real (kube-proxy, the plugins bridge, ptp, host-local and
//! portmap) has no part.
//!
//! All of them work on a [`Lab`](crate::Lab), and so in a [`Cluster`](crate::cluster::Cluster) too.

mod announce;
mod calico;
mod cilium;
mod committer;
mod custom;
mod flannel;
mod kube_vip;
mod kube_vip_egress;
mod link;
mod metallb;
mod plugins;
mod tables;
mod vxlan;

pub use calico::{Calico, POOL_V4, POOL_V6};
pub use cilium::CiliumLease;
pub use committer::Committer;
pub use flannel::{Firewall, Flannel};
pub use kube_vip::KubeVip;
pub use kube_vip_egress::KubeVipEgress;
pub use metallb::Speaker;
pub use plugins::Plugins;
pub use tables::Tables;
