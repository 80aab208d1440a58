//! What a policy answers.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::diagnostic::Diagnostic;
use crate::port::PortRange;

/// Names and values that nobody foresaw, in order; empty today.
pub type Extra = Vec<(String, String)>;

/// Translate what leaves `sources`, goes to a destination that is included and not excluded, and has matching
/// ports, to `address`. Rules of one draft are tried in order; the first that matches decides.
///
/// The host refuses addresses and networks of another family than `address`'s, and networks with host bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique in its draft, and kept from one evaluation to the next.
    pub id: String,
    /// Endpoint addresses of the Service.
    pub sources: Vec<IpAddr>,
    /// Empty: every destination.
    pub include: Vec<IpNet>,
    /// Wins over `include`.
    pub exclude: Vec<IpNet>,
    /// Empty: every port and protocol.
    pub source_ports: Vec<PortRange>,
    /// Empty: every port and protocol.
    pub destination_ports: Vec<PortRange>,
    /// One of the Service's own addresses.
    pub address: IpAddr,
    /// Empty today.
    pub extra: Extra,
}

impl Rule {
    /// A rule for every destination and port, without sources yet.
    pub fn new(id: impl Into<String>, address: IpAddr) -> Self {
        Self {
            id: id.into(),
            sources: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            source_ports: Vec::new(),
            destination_ports: Vec::new(),
            address,
            extra: Extra::new(),
        }
    }
}

/// What happens to connections that contradict the rules after a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnChange {
    /// They go on as they began.
    #[default]
    Keep,
    /// Their conntrack entries are deleted.
    Sever,
}

/// What happens to a selected pod that cannot be translated now.
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
    /// Empty today.
    pub extra: Extra,
}

/// One policy's word on one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No opinion: the draft stands as it came.
    Pass,
    /// The new draft.
    Plan(Draft),
    /// The user's input is wrong: what was accepted last stays in force.
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
    pub diagnostics: Vec<Diagnostic>,
}

impl Outcome {
    /// No opinion.
    pub fn pass() -> Self {
        Self { decision: Decision::Pass, diagnostics: Vec::new() }
    }

    /// The new draft.
    pub fn plan(draft: Draft) -> Self {
        Self { decision: Decision::Plan(draft), diagnostics: Vec::new() }
    }

    /// The user's input is wrong, for these reasons.
    pub fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        Self { decision: Decision::Invalid, diagnostics }
    }

    /// No rules for this Service, for these reasons.
    pub fn deny(diagnostics: Vec<Diagnostic>) -> Self {
        Self { decision: Decision::Deny, diagnostics }
    }

    /// The same, with more to tell.
    #[must_use]
    pub fn with(mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) -> Self {
        self.diagnostics.extend(diagnostics);
        self
    }

    /// The new draft, if the decision is one.
    pub fn draft(&self) -> Option<&Draft> {
        match &self.decision {
            Decision::Plan(draft) => Some(draft),
            Decision::Pass | Decision::Invalid | Decision::Deny => None,
        }
    }
}
