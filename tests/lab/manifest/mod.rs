//! Manifests: builders for the objects that egressd reads, and the directory that it reads them from.

mod directory;
mod egress_node;
mod endpoints;
mod l2_status;
mod node;
mod pod;
mod policy;
mod service;
mod yaml;

pub use directory::Directory;
pub use egress_node::{EgressNode, egress_node};
pub use endpoints::{EndpointSlice, endpoints};
pub use l2_status::{L2Status, l2_status};
pub use node::{Node, ServiceNetworks, node, second_node, service_networks};
pub use pod::{PodObject, pod};
pub use policy::{Policy, policy};
pub use service::{Service, service};
pub use yaml::Yaml;

pub trait Manifest {
    /// The file that tests keep it in: one object, one file.
    fn file_name(&self) -> String;

    fn yaml(&self) -> Yaml;
}
