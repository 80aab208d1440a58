//! A difference that the audit finds, and its name.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::SubjectKey;

/// Something that is kept and does not follow from the newest state: a defect of egressd.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disagreement {
    pub subject: AuditSubject,
    pub part: AuditedPart,
}

/// The object of a disagreement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditSubject {
    /// A subject, also one that is gone.
    Subject(SubjectKey),
    /// All Services of a namespace together.
    Namespace(Arc<str>),
    /// A pod, or an address that Services have.
    Address(IpAddr),
    /// A slice of pods, which begins with this one.
    PodsFrom(IpAddr),
    /// The Node of this name, as Services name it.
    NodeNamed(Arc<str>),
    /// What all have in common.
    Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditedPart {
    /// What policies are shown.
    View,
    /// How it is found by its addresses.
    Places,
    /// Which Services have which addresses.
    Sharing,
    /// How much is counted.
    Size,
    /// What is in force instead of what exceeds a limit.
    Limits,
    Plan,
    /// What stays as the kernel has it.
    Kept,
    /// Who speaks for a pod, and where it is.
    Pods,
    /// What subjects have to do with the tunnel between nodes.
    Tunnel,
    /// Defects that were found in a plan.
    Faults,
    /// Which policies could not answer.
    Failures,
    /// The records that are reported.
    Record,
    /// The rules that the kernel is believed to have.
    Rules,
    /// What is inside the cluster.
    Inside,
    /// Which nodes are ready, which policies there are, and what policies are shown of this node.
    Surroundings,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} is inconsistent with the newest state", self.part, self.subject)
    }
}

impl fmt::Display for AuditSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(key) => key.of_kind().fmt(f),
            Self::Namespace(name) => write!(f, "namespace {name}"),
            Self::Address(address) => write!(f, "address {address}"),
            Self::PodsFrom(first) => write!(f, "pod {first} or one of the next"),
            Self::NodeNamed(name) => write!(f, "Node {name}"),
            Self::Node => f.write_str("the node"),
        }
    }
}

impl fmt::Display for AuditedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::View => "the view",
            Self::Places => "the index by address and Node",
            Self::Sharing => "the index of shared addresses",
            Self::Size => "the counted size",
            Self::Limits => "what limits let into force",
            Self::Plan => "the plan",
            Self::Kept => "what stays as the kernel has it",
            Self::Pods => "the index of pods",
            Self::Tunnel => "the part in the tunnel between nodes",
            Self::Faults => "the list of faults",
            Self::Failures => "the list of policies that could not answer",
            Self::Record => "the status",
            Self::Rules => "what the kernel is believed to hold",
            Self::Inside => "what is inside the cluster",
            Self::Surroundings => "what is known of nodes and policies",
        })
    }
}
