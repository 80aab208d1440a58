//! What is watched where it is wanted.

use clap::ValueEnum;

/// What is made of the pods of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pods {
    /// Nothing is asked about them: endpoints are what EndpointSlices say.
    Ignore,
    /// They are watched: an endpoint on this node counts where it is a pod of the Service's own namespace.
    Watch,
}

/// What is made of what load balancers write about the nodes that announce addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Announcements {
    /// Nothing is asked about it: interfaces and kube-vip.io/vipHost say which node holds an address.
    Ignore,
    /// It is watched: the node that a load balancer names holds the address.
    Watch,
}
