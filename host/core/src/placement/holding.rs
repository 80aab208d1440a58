//! The answer: the holder of an address, the time since when, and its certainty.

use std::sync::Arc;

use super::claim::{Claim, Claimant};
use super::decide::ClaimDecision;
use crate::model::UnixTime;

/// The holder of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressHolder {
    /// The node, as it is written; none where no node is named, or which one cannot be read.
    pub node: Option<Arc<str>>,
    /// Since when, as what names it says; by the clock of whoever wrote that.
    pub since: Option<UnixTime>,
    pub certainty: Certainty,
}

/// How sure it is who holds an address, from sure to unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// An interface of this node has it, or the load balancer that announces it names the node.
    Certain,
    /// An annotation names the node, which may be left from before.
    Stated,
    /// Load balancers name different nodes, and the order of the claims decides.
    Contested,
    /// Nothing was looked at (`--owner any`).
    Assumed,
    /// No claim names a node, or the claim that decides cannot be read.
    Unknown,
}

impl AddressHolder {
    /// What claims come to; none where there are none.
    pub(super) fn of(decided: &ClaimDecision<'_>) -> Option<Self> {
        let claim = decided.claim.as_ref()?;
        let Some(node) = claim.node() else { return Some(Self::unknown()) };
        let certainty = if decided.against.is_some() { Certainty::Contested } else { certainty(claim) };
        Some(Self { node: Some(node.into()), since: claim.since, certainty })
    }

    pub(super) fn certain(node: &str) -> Self {
        Self { node: Some(node.into()), since: None, certainty: Certainty::Certain }
    }

    pub(super) fn assumed(node: &str) -> Self {
        Self { certainty: Certainty::Assumed, ..Self::certain(node) }
    }

    pub(super) fn unknown() -> Self {
        Self { node: None, since: None, certainty: Certainty::Unknown }
    }
}

fn certainty(claim: &Claim<'_>) -> Certainty {
    match claim.by {
        Claimant::Cilium(_) | Claimant::KubeVip(_) | Claimant::MetalLb(_) | Claimant::KubeVipForAll(_) => {
            Certainty::Certain
        }
        Claimant::Unreadable(_) => Certainty::Unknown,
        Claimant::VipHost(_) => Certainty::Stated,
    }
}
