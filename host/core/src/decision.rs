//! What a policy may say about one Service. The same data as `wit/0.1.0/types.wit`, in our own types.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::finding::Finding;
use crate::net::PortMatch;

/// Translate what leaves `sources`, goes to a destination that is included and not excluded, and has matching
/// ports, to `address`. Rules of one draft are tried in order; the first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique in its draft, and kept from one evaluation to the next.
    pub id: String,
    /// Endpoint addresses of the Service, of `address`'s family.
    pub sources: Vec<IpAddr>,
    /// Empty: every destination.
    pub include: Vec<IpNet>,
    /// Wins over `include`.
    pub exclude: Vec<IpNet>,
    /// Empty: every port and protocol.
    pub source_ports: Vec<PortMatch>,
    /// Empty: every port and protocol.
    pub destination_ports: Vec<PortMatch>,
    /// One of the Service's own addresses.
    pub address: IpAddr,
}

/// What happens to connections that contradict the rules after a change (P11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnChange {
    /// They go on as they began.
    #[default]
    Keep,
    /// Their conntrack entries are deleted.
    Sever,
}

/// What happens to a selected pod that cannot be translated now (P12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnUnavailable {
    /// Its packets leave as they are.
    #[default]
    Pass,
    /// They do not leave.
    Drop,
}

/// The rules of one Service, as far as the policies have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// In order; the first that matches decides.
    pub rules: Vec<Rule>,
    /// For connections that contradict a change.
    pub on_change: OnChange,
    /// For pods that cannot be translated.
    pub on_unavailable: OnUnavailable,
}

/// One policy's word on one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No opinion: the draft stands as it came.
    Pass,
    /// The new draft.
    Plan(Draft),
    /// The user's input is wrong: what was accepted last stays in force (P4).
    Invalid,
    /// No rules for this Service, by decision.
    Deny,
}

/// A decision and what the user is told with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The word.
    pub decision: Decision,
    /// The reasons.
    pub diagnostics: Vec<Finding>,
}
