//! The kinds of Kubernetes' objects that egressd reads: one table, from which lists, watches, files and messages follow.

use std::fmt;
use std::sync::Arc;

use egressd_core::model::ObjectReference;

use crate::egress_node;

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Services,
    /// All EndpointSlices.
    Slices,
    Nodes,
    /// All EgressNodes, where the server has such objects: what nodes publish about themselves.
    EgressNodes,
    Namespaces,
    /// All ServiceCIDRs, where the server has such objects.
    ServiceNetworks,
    /// The ConfigMaps of egressd's own namespace; policies by a label, which is not asked for: a misspelled one is reported.
    Policies,
    /// The pods of this node, where they are wanted.
    Pods,
    /// What network plugins and installers say about networks, where that is wanted.
    Networks(NetworkKind),
    /// What load balancers write about the nodes that announce addresses, where that is wanted.
    Claims(ClaimKind),
    /// Endpoints, in files alone: every server that egressd works with has EndpointSlices of them.
    Endpoints,
}

/// In what load balancers name the node that announces the addresses of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimKind {
    /// MetalLB's ServiceL2Statuses.
    L2Statuses,
    /// The Leases of kube-vip and Cilium, among those of all others.
    Leases,
}

/// What says where pods and Services live, beside Nodes and ServiceCIDRs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkKind {
    /// Calico's IPPools.
    CalicoPools,
    /// Cilium's nodes, each of which has networks of its own.
    CiliumNodes,
    /// The pools of Cilium's `multi-pool` mode.
    CiliumPools,
    /// flannel's settings.
    Flannel,
    /// The same, where flannel was before it had a namespace of its own (v0.18, 2022).
    OlderFlannel,
    /// kubeadm's settings.
    Kubeadm,
}

/// Whether a server has to have a kind, and to let it be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    /// Some servers have none; one that has it has to let it be read.
    WhereServed,
    /// Where it is not there or may not be read, it is done without.
    WherePermitted,
}

/// The only object of its kind that is of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct One {
    pub namespace: &'static str,
    pub name: &'static str,
}

/// How Kubernetes calls a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// Its API group; that of the oldest kinds is empty.
    pub group: &'static str,
    /// The versions whose objects read alike, the one that is asked for first.
    pub versions: &'static [&'static str],
    /// As an object says it.
    pub kind: &'static str,
    /// As paths and `kubectl` have it.
    pub plural: &'static str,
    /// Whether its group has no other kind.
    pub alone: bool,
    /// The only one that is of interest; without it, all are.
    pub one: Option<One>,
    /// Whether a server has to have it.
    pub need: Need,
}

impl Kind {
    pub const ALL: [Self; 17] = [
        Self::Services,
        Self::Slices,
        Self::Nodes,
        Self::EgressNodes,
        Self::Namespaces,
        Self::ServiceNetworks,
        Self::Policies,
        Self::Pods,
        Self::Networks(NetworkKind::CalicoPools),
        Self::Networks(NetworkKind::CiliumNodes),
        Self::Networks(NetworkKind::CiliumPools),
        Self::Networks(NetworkKind::Flannel),
        Self::Networks(NetworkKind::OlderFlannel),
        Self::Networks(NetworkKind::Kubeadm),
        Self::Claims(ClaimKind::L2Statuses),
        Self::Claims(ClaimKind::Leases),
        Self::Endpoints,
    ];

    /// Those that are followed in a cluster as a whole: all but Leases, of which Nodes have one each that they write all the
    /// time, so that each is followed by its name, and Endpoints, which are the last.
    pub const FOLLOWED: [Self; 15] = {
        let [followed @ .., _, _] = Self::ALL;
        followed
    };

    /// How Kubernetes calls it. Beta versions are read from files, as people may have kept them; servers that have no others
    /// are older than those that egressd works with.
    pub fn names(self) -> Names {
        match self {
            Self::Services => of("", &["v1"], "Service", "services"),
            Self::Slices => {
                let slices = of("discovery.k8s.io", &["v1", "v1beta1"], "EndpointSlice", "endpointslices");
                Names { alone: true, ..slices }
            }
            Self::Nodes => of("", &["v1"], "Node", "nodes"),
            Self::EgressNodes => {
                let nodes = of(egress_node::GROUP, &[egress_node::VERSION], egress_node::KIND, egress_node::PLURAL);
                Names { need: Need::WhereServed, ..nodes }
            }
            Self::Namespaces => of("", &["v1"], "Namespace", "namespaces"),
            Self::ServiceNetworks => {
                let networks = of("networking.k8s.io", &["v1", "v1beta1", "v1alpha1"], "ServiceCIDR", "servicecidrs");
                Names { need: Need::WhereServed, ..networks }
            }
            Self::Policies => of("", &["v1"], "ConfigMap", "configmaps"),
            Self::Pods => of("", &["v1"], "Pod", "pods"),
            Self::Claims(kind) => Names { need: Need::WherePermitted, ..kind.names() },
            Self::Networks(kind) => Names { need: Need::WherePermitted, ..kind.names() },
            Self::Endpoints => of("", &["v1"], "Endpoints", "endpoints"),
        }
    }

    /// Which one an object of this name is of, by its `apiVersion` and `kind`; none of another kind, or of a version that
    /// does not read like these. An object that is the only one of its kind is of no other.
    pub fn of(api_version: &str, kind: &str, called: &ObjectReference) -> Option<Self> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let matches = |candidate: &Self| {
            let names = candidate.names();
            let is_of_kind = names.kind == kind && names.group == group && names.versions.contains(&version);
            is_of_kind && names.one.is_none_or(|one| one.is(called))
        };
        Self::ALL.into_iter().filter(matches).max_by_key(|kind| kind.names().one.is_some())
    }
}

impl ClaimKind {
    fn names(self) -> Names {
        match self {
            Self::L2Statuses => of("metallb.io", &["v1beta1"], "ServiceL2Status", "servicel2statuses"),
            Self::Leases => of("coordination.k8s.io", &["v1"], "Lease", "leases"),
        }
    }
}

impl NetworkKind {
    /// An object of it by its name: the namespace is empty where the kind has none.
    pub fn called(self, name: impl Into<Arc<str>>) -> ObjectReference {
        ObjectReference::new(self.names().one.map_or("", |one| one.namespace), name)
    }

    fn names(self) -> Names {
        let config = |namespace, name| Names { one: Some(One { namespace, name }), ..Kind::Policies.names() };
        match self {
            Self::CalicoPools => of("crd.projectcalico.org", &["v1"], "IPPool", "ippools"),
            Self::CiliumNodes => of("cilium.io", &["v2"], "CiliumNode", "ciliumnodes"),
            Self::CiliumPools => of("cilium.io", &["v2alpha1", "v2"], "CiliumPodIPPool", "ciliumpodippools"),
            Self::Flannel => config("kube-flannel", "kube-flannel-cfg"),
            Self::OlderFlannel => config("kube-system", "kube-flannel-cfg"),
            Self::Kubeadm => config("kube-system", "kubeadm-config"),
        }
    }
}

impl One {
    fn is(self, called: &ObjectReference) -> bool {
        *self.namespace == *called.namespace && *self.name == *called.name
    }
}

/// What most kinds have in common.
fn of(group: &'static str, versions: &'static [&'static str], kind: &'static str, plural: &'static str) -> Names {
    Names { group, versions, kind, plural, alone: false, one: None, need: Need::Required }
}

/// As `kubectl` and the server's own messages call it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names { group, plural, .. } = self.names();
        if group.is_empty() { f.pad(plural) } else { f.pad(&format!("{plural}.{group}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(namespace: &str, name: &str) -> ObjectReference {
        ObjectReference::new(namespace, name)
    }

    #[test]
    fn every_kind_is_found_by_each_of_its_versions_and_no_other() {
        for kind in Kind::ALL {
            let names = kind.names();
            for version in names.versions {
                let separator = if names.group.is_empty() { "" } else { "/" };
                let called = names.one.map_or(called("shop", "web"), |one| called(one.namespace, one.name));
                assert_eq!(Kind::of(&format!("{}{separator}{version}", names.group), names.kind, &called), Some(kind));
            }
        }
        for (version, kind) in [("v2", "Service"), ("apps/v1", "Service"), ("v1", "EndpointSlice"), ("v1", "Pods")] {
            assert_eq!(Kind::of(version, kind, &called("shop", "web")), None, "{version} {kind}");
        }
    }

    #[test]
    fn every_kind_but_leases_and_endpoints_is_followed() {
        let others: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !Kind::FOLLOWED.contains(kind)).collect();
        assert_eq!(others, [Kind::Claims(ClaimKind::Leases), Kind::Endpoints]);
    }

    #[test]
    fn kinds_are_called_as_kubectl_calls_them() {
        assert_eq!(Kind::Services.to_string(), "services");
        assert_eq!(Kind::Slices.to_string(), "endpointslices.discovery.k8s.io");
    }
}
