//! What the rules of a plan say at one of the two stages at which packets are looked up.
//!
//! Each list of rules is compiled for both, and at both the first rule that matches decides. Where that has an address
//! that another node holds, the packet is diverted to that node, and what the second stage says about it is asked by no
//! packet, since nothing is translated that leaves through the tunnel. It says the address all the same: a packet that
//! should have been diverted and was not has that as its source then, and is dropped ([`super::tunnel`]), while one that
//! is left as it is would leave with its own.

use std::net::IpAddr;

use crate::decision::Rule;
use crate::net::Family;
use crate::plan::{Entry, Numbered, TunnelPlan, resolve, resolve_where};
use crate::ruleset::{DataKind, Mark, MarkChange, Stage, Statement, Target};

/// A stage, and what is needed to know what rules say at it.
#[derive(Clone, Copy, Debug)]
pub(super) enum StageRules<'p> {
    /// Marks lead to the nodes that hold the addresses.
    Diverting(&'p TunnelPlan),
    /// Rules say their addresses.
    Translating,
}

impl StageRules<'_> {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Diverting(_) => Stage::Diverting,
            Self::Translating => Stage::Translating,
        }
    }

    /// What the elements lead to that decide about something.
    pub(super) fn data(self) -> DataKind {
        match self {
            Self::Diverting(_) => DataKind::Mark,
            Self::Translating => DataKind::Address,
        }
    }

    /// What an element for this address leads to; nothing where the packet stays as it is.
    pub(super) fn target(self, address: IpAddr) -> Target {
        match self {
            Self::Diverting(tunnel) => tunnel.mark(address).map_or(Target::Nothing, Target::Mark),
            Self::Translating => Target::Address(address),
        }
    }

    /// The entries of a pod with these rules.
    pub(super) fn resolve(self, family: Family, rules: &[Numbered<'_>]) -> Option<Vec<Entry>> {
        match self {
            Self::Diverting(tunnel) => {
                resolve_where(family, rules, |address| tunnel.gateways.contains_key(&address)).filter(|entries| {
                    // Of all destinations and one port no element says that a packet stays as it is.
                    entries.iter().all(|entry| entry.bits > 0 || entry.is_translated())
                })
            }
            Self::Translating => resolve(family, rules),
        }
    }

    /// What a rule of a chain does with a packet.
    pub(super) fn statements(self, rule: &Rule) -> Vec<Statement> {
        match self.target(rule.address()) {
            Target::Address(address) => vec![Statement::Counter, Statement::Snat(address)],
            // Without a counter: here it would count packets, and the counters of a Service are of connections.
            Target::Mark(mark) => vec![Statement::SetMark(Mark::Packet, MarkChange::to(mark)), Statement::Accept],
            Target::Nothing | Target::Jump(_) => vec![Statement::Accept],
        }
    }

    /// The same, for the hash of the chain.
    pub(super) fn text(self, rule: &Rule) -> String {
        match self.target(rule.address()) {
            Target::Address(address) => address.to_string(),
            Target::Mark(mark) => format!("{mark:#x}"),
            Target::Nothing | Target::Jump(_) => "accept".to_owned(),
        }
    }
}
