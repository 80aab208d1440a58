//! How much Services may use.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use egressd_core::plan;

/// How much of the kernel Services may use, so that what one tenant writes is paid for by that one. Beyond a limit a change
/// is not in force, and what was accepted before stays.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Rules of one Service on this node.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_SERVICE_RULES", default_value_t = Limits::default().limit_service_rules, value_parser = up_to(4096))]
    pub limit_service_rules: usize,
    /// Networks of one Service on this node, allowed and denied together.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_SERVICE_NETWORKS", default_value_t = Limits::default().limit_service_networks, value_parser = up_to(65536))]
    pub limit_service_networks: usize,
    /// Endpoints of one Service on all nodes.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_SERVICE_ENDPOINTS", default_value_t = Limits::default().limit_service_endpoints, value_parser = up_to(MAX_LIMIT))]
    pub limit_service_endpoints: usize,
    /// Elements that all Services of one namespace have on this node: one for a pod, or one for each of its ports and networks.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_NAMESPACE_ELEMENTS", default_value_t = Limits::default().limit_namespace_elements, value_parser = up_to(MAX_LIMIT))]
    pub limit_namespace_elements: usize,
    /// Networks that all Services of one namespace have on this node.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_NAMESPACE_NETWORKS", default_value_t = Limits::default().limit_namespace_networks, value_parser = up_to(MAX_LIMIT))]
    pub limit_namespace_networks: usize,
    /// Pods of one namespace on this node that have a chain of rules: for ranges of ports, source ports and more than 512
    /// networks.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_NAMESPACE_CHAINS", default_value_t = Limits::default().limit_namespace_chains, value_parser = up_to(MAX_LIMIT))]
    pub limit_namespace_chains: usize,
    /// Elements of all namespaces on this node; beyond it, namespaces with the largest share lose first.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_NODE_ELEMENTS", default_value_t = Limits::default().limit_node_elements, value_parser = up_to(MAX_LIMIT))]
    pub limit_node_elements: usize,
    /// Networks of all namespaces on this node; beyond it, namespaces with the largest share lose first.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_NODE_NETWORKS", default_value_t = Limits::default().limit_node_networks, value_parser = up_to(MAX_LIMIT))]
    pub limit_node_networks: usize,
    /// Pods of all namespaces on this node that have a chain of rules; beyond it, namespaces with the largest share lose first.
    #[arg(long, value_name = "N", env = "EGRESSD_LIMIT_NODE_CHAINS", default_value_t = Limits::default().limit_node_chains, value_parser = up_to(MAX_LIMIT))]
    pub limit_node_chains: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let plan::Limits { service, namespace, node } = plan::Limits::default();
        Self {
            limit_service_rules: service.rules,
            limit_service_networks: service.networks,
            limit_service_endpoints: service.endpoints,
            limit_namespace_elements: namespace.elements,
            limit_namespace_networks: namespace.networks,
            limit_namespace_chains: namespace.chains,
            limit_node_elements: node.elements,
            limit_node_networks: node.networks,
            limit_node_chains: node.chains,
        }
    }
}

/// More than any kernel holds in a time that a node has.
const MAX_LIMIT: u64 = 100_000_000;

/// None would switch egress off, which is not what a limit is for.
fn up_to(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::from(1..=most)
}
