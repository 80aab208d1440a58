//! The kinds of Kubernetes' objects that egressd reads: one table, from which lists, watches, files and messages follow.

use std::fmt;

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All Services.
    Services,
    /// All EndpointSlices.
    Slices,
    /// All Nodes.
    Nodes,
    /// All Namespaces.
    Namespaces,
    /// All ServiceCIDRs, where the server has such objects.
    ServiceNetworks,
    /// The ConfigMaps of egressd's own namespace; policies by a label, which is not asked for: a misspelled one is reported.
    Policies,
    /// The pods of this node, where they are wanted.
    Pods,
    /// Endpoints, in files alone: every server that egressd works with has EndpointSlices of them.
    Endpoints,
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
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Services,
        Self::Slices,
        Self::Nodes,
        Self::Namespaces,
        Self::ServiceNetworks,
        Self::Policies,
        Self::Pods,
        Self::Endpoints,
    ];

    /// Those that are followed in a cluster.
    pub const FOLLOWED: [Self; 7] = [
        Self::Services,
        Self::Slices,
        Self::Nodes,
        Self::Namespaces,
        Self::ServiceNetworks,
        Self::Policies,
        Self::Pods,
    ];

    /// How Kubernetes calls it. Beta versions are read from files, as people may have kept them; servers that have no others
    /// are older than those that egressd works with.
    pub fn names(self) -> Names {
        let of =
            |group, versions, kind, plural| Names { group, versions, kind, plural, alone: group == "discovery.k8s.io" };
        match self {
            Self::Services => of("", &["v1"], "Service", "services"),
            Self::Slices => of("discovery.k8s.io", &["v1", "v1beta1"], "EndpointSlice", "endpointslices"),
            Self::Nodes => of("", &["v1"], "Node", "nodes"),
            Self::Namespaces => of("", &["v1"], "Namespace", "namespaces"),
            Self::ServiceNetworks => {
                of("networking.k8s.io", &["v1", "v1beta1", "v1alpha1"], "ServiceCIDR", "servicecidrs")
            }
            Self::Policies => of("", &["v1"], "ConfigMap", "configmaps"),
            Self::Pods => of("", &["v1"], "Pod", "pods"),
            Self::Endpoints => of("", &["v1"], "Endpoints", "endpoints"),
        }
    }

    /// Which one an object is of, by its `apiVersion` and `kind`; none of another kind, or of a version that does not read
    /// like these.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Self::ALL.into_iter().find(|candidate| {
            let names = candidate.names();
            names.kind == kind && names.group == group && names.versions.contains(&version)
        })
    }
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
    use super::Kind;

    #[test]
    fn every_kind_is_found_by_each_of_its_versions_and_no_other() {
        for kind in Kind::ALL {
            let names = kind.names();
            for version in names.versions {
                let separator = if names.group.is_empty() { "" } else { "/" };
                assert_eq!(Kind::of(&format!("{}{separator}{version}", names.group), names.kind), Some(kind));
            }
        }
        for (version, kind) in [("v2", "Service"), ("apps/v1", "Service"), ("v1", "EndpointSlice"), ("v1", "Pods")] {
            assert_eq!(Kind::of(version, kind), None, "{version} {kind}");
        }
    }

    #[test]
    fn kinds_are_called_as_kubectl_calls_them() {
        assert_eq!(Kind::Services.to_string(), "services");
        assert_eq!(Kind::Slices.to_string(), "endpointslices.discovery.k8s.io");
    }
}
