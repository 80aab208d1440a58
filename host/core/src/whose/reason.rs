//! Why an endpoint is not a subject's, in one sentence.

use super::TableReading;
use crate::finding::Finding;
use crate::model::SubjectKind;

/// Why an endpoint that a slice lists on this node is not translated for the subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// It is a pod of this other namespace.
    Foreign(String),
    /// Pods of the subject's namespace and of this other one have it.
    Contested(String),
    /// No pod has it.
    Unknown,
    /// It is on the node's network.
    Nodes,
}

impl Reason {
    pub(super) fn finding(&self, kind: SubjectKind, endpoint: &str, reading: TableReading) -> Finding {
        match (self, reading) {
            (Self::Foreign(other), reading) => foreign(kind, endpoint, other, reading),
            (Self::Contested(other), _) => contested(kind, endpoint, other),
            (Self::Unknown, TableReading::Now) => {
                let why = "is not a pod of this node, although the EndpointSlice says so";
                unknown(endpoint, why, "correct the EndpointSlice or its controller")
            }
            (Self::Unknown, TableReading::Last) => {
                let why = "was not a pod of this node when pods were read last";
                let then = format!("it is translated once pods can be read and it is a pod of the {kind}'s namespace");
                unknown(endpoint, why, &then)
            }
            (Self::Nodes, _) => hosts(endpoint),
        }
    }
}

fn foreign(kind: SubjectKind, endpoint: &str, other: &str, reading: TableReading) -> Finding {
    let is = match reading {
        TableReading::Now => "is",
        TableReading::Last => "was, when pods were read last,",
    };
    let message = format!(
        "{endpoint} {is} a pod of namespace {other}, not of this {kind}'s, and is not translated for it; correct the \
         EndpointSlice or its controller"
    );
    Finding::warning("foreign-pod", message)
}

fn contested(kind: SubjectKind, endpoint: &str, other: &str) -> Finding {
    let message = format!(
        "{endpoint} is the address of a pod of this {kind}'s namespace and of one of namespace {other}, and is \
         translated for neither until one of the two pods has ended"
    );
    Finding::warning("pod-address-duplicate", message)
}

fn unknown(endpoint: &str, why: &str, remedy: &str) -> Finding {
    Finding::warning("unknown-pod", format!("{endpoint} {why}, and is not translated; {remedy}"))
}

fn hosts(endpoint: &str) -> Finding {
    let message = format!(
        "{endpoint} is a pod on the node's own network (hostNetwork) and is never translated; run the pod on the pod \
         network"
    );
    Finding::warning("host-network-endpoint", message)
}
