//! How much Services and policies may use.

use std::time::Duration;

use egressd_core::plan::{Capacity, Limits, ServiceLimits};
use egressd_core::policy::Limits as PolicyLimits;

use crate::cli;

pub(super) fn of_services(typed: &cli::Limits) -> Limits {
    let cli::Limits {
        limit_service_rules,
        limit_service_networks,
        limit_service_endpoints,
        limit_namespace_elements,
        limit_namespace_networks,
        limit_node_elements,
        limit_namespace_chains,
        limit_node_networks,
        limit_node_chains,
    } = *typed;
    Limits {
        service: ServiceLimits {
            rules: limit_service_rules,
            networks: limit_service_networks,
            endpoints: limit_service_endpoints,
        },
        namespace: Capacity {
            elements: limit_namespace_elements,
            networks: limit_namespace_networks,
            chains: limit_namespace_chains,
        },
        node: Capacity { elements: limit_node_elements, networks: limit_node_networks, chains: limit_node_chains },
    }
}

pub(super) fn of_policies(typed: &cli::Policies) -> PolicyLimits {
    let cli::Policies { policies_most, policies_mebibytes, policies_cpu_seconds, policies_wait_seconds } = typed;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    PolicyLimits {
        policies: *policies_most,
        native: u64::from(*policies_mebibytes) << 20,
        time: seconds(*policies_cpu_seconds),
        wait: seconds(*policies_wait_seconds),
    }
}
