//! The kinds in which Calico (`crd.projectcalico.org`, libcalico-go) and Cilium (`pkg/k8s/apis/cilium.io`) keep where
//! pods live, as the API server knows them; and where their objects, and the ConfigMaps of flannel and kubeadm, are.

use anyhow::Result;

use super::custom::{Kind, define};
use crate::cluster::Api;

const fn of_cluster(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind { group, version, kind, plural, namespace: None }
}

const KINDS: [Kind; 3] = [
    super::calico::POOLS,
    of_cluster("cilium.io", "v2", "CiliumNode", "ciliumnodes"),
    of_cluster("cilium.io", "v2alpha1", "CiliumPodIPPool", "ciliumpodippools"),
];

/// What network plugins and installers leave in a cluster.
#[derive(Debug)]
pub struct Plugins;

impl Plugins {
    /// Makes the server know the kinds; there is no object of them yet.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn define_kinds(api: &Api) -> Result<()> {
        KINDS.iter().try_for_each(|kind| define(api, kind))
    }

    /// Where the objects of the kinds are: IPPools, CiliumNodes, CiliumPodIPPools.
    pub fn collections() -> [String; 3] {
        KINDS.map(|kind| kind.collection())
    }
}
