//! What is shown of a Service and of its endpoints.

use egressd_vocabulary::{EndpointScope, ServiceType, TrafficPolicy};

use super::types;

impl From<ServiceType> for types::ServiceType {
    fn from(service_type: ServiceType) -> Self {
        match service_type {
            ServiceType::ClusterIp => Self::ClusterIp,
            ServiceType::NodePort => Self::NodePort,
            ServiceType::LoadBalancer => Self::LoadBalancer,
            ServiceType::ExternalName => Self::ExternalName,
        }
    }
}

impl From<types::ServiceType> for ServiceType {
    fn from(service_type: types::ServiceType) -> Self {
        match service_type {
            types::ServiceType::ClusterIp => Self::ClusterIp,
            types::ServiceType::NodePort => Self::NodePort,
            types::ServiceType::LoadBalancer => Self::LoadBalancer,
            types::ServiceType::ExternalName => Self::ExternalName,
        }
    }
}

impl From<TrafficPolicy> for types::TrafficPolicy {
    fn from(policy: TrafficPolicy) -> Self {
        match policy {
            TrafficPolicy::Cluster => Self::Cluster,
            TrafficPolicy::Local => Self::Local,
        }
    }
}

impl From<types::TrafficPolicy> for TrafficPolicy {
    fn from(policy: types::TrafficPolicy) -> Self {
        match policy {
            types::TrafficPolicy::Cluster => Self::Cluster,
            types::TrafficPolicy::Local => Self::Local,
        }
    }
}

impl From<EndpointScope> for types::EndpointScope {
    fn from(scope: EndpointScope) -> Self {
        match scope {
            EndpointScope::Here => Self::Here,
            EndpointScope::All => Self::All,
        }
    }
}

impl From<types::EndpointScope> for EndpointScope {
    fn from(scope: types::EndpointScope) -> Self {
        match scope {
            types::EndpointScope::Here => Self::Here,
            types::EndpointScope::All => Self::All,
        }
    }
}
