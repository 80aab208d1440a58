//! What a policy is shown of a Service, as Kubernetes spells it, and of its endpoints.

use std::fmt;

/// `spec.type` of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceType {
    /// Inside the cluster only (the default of Kubernetes).
    #[default]
    ClusterIp,
    /// On a port of every node.
    NodePort,
    /// With addresses of its own: the only type that can be an egress Service.
    LoadBalancer,
    /// A DNS alias.
    ExternalName,
}

impl ServiceType {
    /// All, in the order in which Kubernetes lists them.
    pub const ALL: [Self; 4] = [Self::ClusterIp, Self::NodePort, Self::LoadBalancer, Self::ExternalName];

    /// The type that Kubernetes spells so; an empty text is the default, as for the API server.
    pub fn spelled(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
        }
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `spec.externalTrafficPolicy` of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrafficPolicy {
    /// Any endpoint may answer (the default of Kubernetes).
    #[default]
    Cluster,
    /// Only endpoints of the node that was asked.
    Local,
}

impl TrafficPolicy {
    /// The policy that Kubernetes spells so; an empty text is the default, as for the API server.
    pub fn spelled(text: &str) -> Option<Self> {
        match text {
            "" | "Cluster" => Some(Self::Cluster),
            "Local" => Some(Self::Local),
            _ => None,
        }
    }
}

/// Which endpoints a policy is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointScope {
    /// Those on the node that is asked, and how many others there are: one call costs what they cost.
    #[default]
    Here,
    /// Those of all nodes: one call costs what the largest subject costs.
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_traffic_policies_are_read_as_kubernetes_spells_them() {
        for one in ServiceType::ALL {
            assert_eq!(ServiceType::spelled(&one.to_string()), Some(one));
        }
        assert_eq!(ServiceType::spelled(""), Some(ServiceType::ClusterIp));
        assert_eq!(ServiceType::spelled("ClusterIp"), None);
        assert_eq!(["", "Cluster", "Local"].map(TrafficPolicy::spelled), {
            use TrafficPolicy::{Cluster, Local};
            [Some(Cluster), Some(Cluster), Some(Local)]
        });
        assert_eq!(TrafficPolicy::spelled("local"), None);
    }
}
