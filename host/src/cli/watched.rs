//! What is watched where it is wanted.

use clap::ValueEnum;

/// What is made of the pods of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pods {
    /// Pods are not read: endpoints are those of EndpointSlices.
    Ignore,
    /// Pods are watched: an endpoint on this node counts if it is a pod of the Service's own namespace.
    Watch,
}

/// What is made of what load balancers write about the nodes that announce addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Announcements {
    /// It is not read: interfaces and kube-vip.io/vipHost decide which node holds an address.
    Ignore,
    /// It is watched: the node that the load balancer names holds the address.
    Watch,
}
