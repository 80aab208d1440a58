//! Answers of policies and cluster facts → one complete plan for this node. No later step decides anything; it prints
//! as a table, and [`crate::compile`] turns it into nftables.

mod alternatives;
mod budget;
mod display;
mod excess;
mod grant;
mod guarded;
mod indexes;
mod inside;
mod joined;
mod namespace;
mod narrower;
mod own;
mod rank;
mod remote;
mod resolve;
mod rules;
mod selected;
mod settle;
mod sharing;
mod today;
mod tunnel;
mod unavailable;
mod usage;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use budget::GUARDED_PODS_OF_A_NODE;
pub use budget::{Capacity, Limits, ServiceLimits, Size};
pub use excess::{Excess, Limit, TOO_MANY_ENDPOINTS};
pub use grant::{BudgetRequest, Grant, GrantResult, grants};
pub use guarded::{GuardedPod, guarded};
pub use indexes::{GatewayIndexes, IndexesInUse};
pub use joined::{GatewayNumbers, TunnelParts};
pub(crate) use narrower::narrows;
pub use own::SubjectAddresses;
pub use rank::{Claim, Rank, ranked};
pub(crate) use remote::held_apart;
pub use resolve::{Entry, EntryAction, Numbered, PodLocation, Port, resolve, resolve_where};
pub use rules::Rules;
pub use settle::{Answered, EgressRequest, FallbackDraft, NodeContext, settle};
pub use sharing::{SharedAddresses, Shares, Sharing};
pub(crate) use today::today;
pub use tunnel::{Gateway, TunnelPlan, TunnelSettings};
pub use unavailable::PODS_BLOCKED;
pub(crate) use unavailable::unanswered;
pub use usage::Usage;
pub use ways::{SubjectTunnel, TunnelContext, gateway_refused};

use crate::decision::OnChange;
use crate::finding::Finding;
use crate::model::{SubjectKey, Uid};
use crate::net::{AddressRange, Family, RareAddresses};

/// What this node translates: complete, sorted, free of contradictions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Destinations that are never translated (P2). A family that is absent here has no rules.
    pub excluded: BTreeMap<Family, Vec<AddressRange>>,
    /// Single destinations beside them that are never translated, of either family.
    pub exact: BTreeSet<IpAddr>,
    /// Pods outside of all known pod networks: nothing of them is translated towards private destinations, where others
    /// of their network may be.
    pub elsewhere: BTreeSet<IpAddr>,
    /// The families of which at least one pod is guarded.
    pub guarded: BTreeSet<Family>,
    /// This node's pod networks, of which only known pods leave the cluster (`--unknown-pods drop`); a family that is
    /// absent here lets all pass.
    pub own_networks: BTreeMap<Family, Vec<AddressRange>>,
    /// The addresses in them that are known: of pods, and of the node itself.
    pub known: BTreeSet<IpAddr>,
    /// The subjects with rules or guarded pods.
    pub subjects: BTreeMap<SubjectKey, SubjectPlan>,
    /// What other nodes translate for this one, and this one for others; none where there is no tunnel.
    pub tunnel: Option<TunnelPlan>,
}

/// What becomes of addresses in this node's pod networks that are not known to be pods (`--unknown-pods`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnknownPods {
    /// Their packets leave as without egressd.
    #[default]
    Pass,
    /// What they send out of the cluster is dropped.
    Drop,
}

/// One Service's part of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPlan {
    /// The identity of this life of the Service.
    pub uid: Uid,
    /// Seconds since 1970: the older Service wins (P13).
    pub created: i64,
    /// In order; the first that matches decides. Each has sources, and a family that is in `excluded`.
    pub rules: Rules,
    /// The sources whose endpoints name no pod of the Service's own namespace: what others say about such a pod goes
    /// first (P13).
    pub foreign: RareAddresses,
    /// The pods whose packets leave the cluster with an address that they are translated to, or not at all: its
    /// endpoints here, where the subject asks for it (P12).
    pub guarded: RareAddresses,
    /// For connections that contradict a change.
    pub on_change: OnChange,
}

impl Plan {
    /// Where a pod is, as far as its packets depend on it.
    pub fn location(&self, pod: IpAddr) -> PodLocation {
        if self.elsewhere.contains(&pod) { PodLocation::Elsewhere } else { PodLocation::Known }
    }
}

impl SubjectPlan {
    /// The pods that it translates: those of several rules more than once.
    pub fn sources(&self) -> impl Iterator<Item = IpAddr> {
        self.rules.iter().flat_map(|rule| rule.sources().iter().copied())
    }

    /// The guarded pods that it does not translate: nothing of them leaves the cluster but by another subject.
    pub fn blocked(&self) -> BTreeSet<IpAddr> {
        let translated: BTreeSet<IpAddr> = self.sources().collect();
        self.guarded.difference(&translated).copied().collect()
    }

    /// The pods that it is about, translated or guarded: some more than once.
    pub fn pods(&self) -> impl Iterator<Item = IpAddr> {
        self.sources().chain(self.guarded.iter().copied())
    }
}

/// A Service's plan, and what is reported to its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectResult {
    /// None when there is nothing to translate and no pod to guard.
    pub service: Option<Arc<SubjectPlan>>,
    pub end: EvaluationEnd,
    /// Everything found on the way, in order.
    pub findings: Vec<Finding>,
}

impl SubjectResult {
    /// Its plan, where that translates something.
    pub fn translated(&self) -> Option<&SubjectPlan> {
        self.service.as_deref().filter(|plan| !plan.rules.is_empty())
    }
}

/// How a Service's evaluation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvaluationEnd {
    Off,
    /// Asked for, and here are the rules, if there is something to translate.
    Ruled,
    /// The user's input is wrong.
    Invalid,
    Denied,
    /// A policy failed, or answered what the guard refuses.
    Failed,
}
