//! Why an endpoint is not a Service's, in one sentence.

use std::net::IpAddr;

use super::Reading;
use crate::finding::{Finding, first_of};

/// Why an endpoint that a slice lists on this node is not translated for the Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// It is a pod of this other namespace.
    Foreign(String),
    /// Pods of the Service's namespace and of this other one have it.
    Contested(String),
    /// No pod has it.
    Unknown,
    /// It is on the node's network.
    Nodes,
}

impl Reason {
    pub(super) fn finding(&self, first: IpAddr, more: usize, reading: Reading) -> Finding {
        let endpoint = format!("endpoint {}", first_of(first, more));
        match (self, reading) {
            (Self::Foreign(other), reading) => foreign(&endpoint, other, reading),
            (Self::Contested(other), _) => contested(&endpoint, other),
            (Self::Unknown, Reading::Now) => {
                let why = "is no pod of this node, though its EndpointSlice says so";
                unknown(&endpoint, why, "correct the EndpointSlice")
            }
            (Self::Unknown, Reading::Last) => {
                let why = "was no pod of this node when pods could be read last";
                unknown(
                    &endpoint,
                    why,
                    "it is translated when they can be read and it is one of the Service's namespace",
                )
            }
            (Self::Nodes, _) => hosts(&endpoint),
        }
    }
}

fn foreign(endpoint: &str, other: &str, reading: Reading) -> Finding {
    let is = match reading {
        Reading::Now => "is",
        Reading::Last => "was, when pods could be read last,",
    };
    let message = format!(
        "{endpoint} {is} a pod of namespace {other}, not of this Service's, and is not translated for it; correct the \
         EndpointSlice"
    );
    Finding::warning("foreign-pod", message)
}

fn contested(endpoint: &str, other: &str) -> Finding {
    let message = format!(
        "{endpoint} is the address of a pod of this Service's namespace and of one of namespace {other}, and is translated \
         for none of them until one of the two has ended"
    );
    Finding::warning("pod-address-twice", message)
}

fn unknown(endpoint: &str, why: &str, remedy: &str) -> Finding {
    Finding::warning("unknown-pod", format!("{endpoint} {why}, and is not translated; {remedy}"))
}

fn hosts(endpoint: &str) -> Finding {
    let message = format!(
        "{endpoint} is a pod on the node's own network (hostNetwork) and is never translated; run the pod on the pod network"
    );
    Finding::warning("host-network-endpoint", message)
}
