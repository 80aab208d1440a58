//! Grants each Service its newest plan or an earlier one, so that no limit is exceeded.
//!
//! What was accepted goes first, then what grew without an edit, then edits and new Services: so the newest change
//! loses, and of equals the younger Service (P4). Where the node is full the namespace goes first that would have the
//! smallest share of it: of elements, networks or chains, whichever is largest. So nothing is refused to one because of
//! what another has beyond that, and none that keeps to its equal share is refused anything at all.
//!
//! What a Service had a short time ago, before some of its pods went, is kept for it: no other of its namespace takes
//! that room. Between namespaces the shares decide at any time.
//!
//! A Service is never granted in part. The outcome depends on nothing but sizes, ages, names and what was accepted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::budget::{Capacity, Limits, Size};
use super::excess::{Excess, Limit};
use super::namespace::{Namespace, NamespaceTurn, Step, Tier, namespaces};
use crate::model::SubjectKey;

/// The sizes that one subject asks for.
#[derive(Clone, Debug)]
pub struct BudgetRequest {
    pub key: SubjectKey,
    /// Seconds since 1970: the older goes first.
    pub created: i64,
    /// What was in force, for today's endpoints.
    pub before: Size,
    /// What it had in force a short time ago, and may come back to: its pods may only be replaced. No other Service of
    /// its namespace takes that room.
    pub claim: Size,
    /// What follows today from the input that was accepted last, where that is known.
    pub accepted: Option<Size>,
    /// The size of the newest plan.
    pub newest: Size,
}

/// As what a Service is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// Not at all.
    Nothing,
    /// As [`BudgetRequest::before`].
    Before,
    /// As [`BudgetRequest::accepted`].
    Accepted,
    /// As [`BudgetRequest::newest`].
    Newest,
}

/// The decision on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantResult {
    /// The granted plan.
    pub grant: Grant,
    /// Why that is not the newest; none where it is.
    pub excess: Option<Excess>,
}

/// What is in force of each wish, in the same order; and the most that all together had on the way: with more room than
/// that on the node, its limit decides nothing.
pub fn grants(limits: &Limits, wishes: &[BudgetRequest]) -> (Vec<GrantResult>, Size) {
    let granted = vec![NOT_YET; wishes.len()];
    let mut node = Node { limits, total: Size::default(), peak: Size::default(), granted };
    let mut namespaces = namespaces(limits, wishes);
    let mut waiting: BinaryHeap<Reverse<(NamespaceTurn, usize)>> = BinaryHeap::new();
    let turn = |namespace: &Namespace<'_>| namespace.turn(limits.node);
    waiting.extend(namespaces.iter().enumerate().filter_map(|(at, one)| Some(Reverse((turn(one)?, at)))));
    while let Some(Reverse((_, at))) = waiting.pop() {
        let Some(namespace) = namespaces.get_mut(at) else { continue };
        if let Some(step) = namespace.steps.pop() {
            node.take(namespace, step);
        }
        waiting.extend(namespace.turn(limits.node).map(|turn| Reverse((turn, at))));
    }
    for (wish, granted) in wishes.iter().zip(&mut node.granted) {
        match granted.grant {
            Grant::Newest => granted.excess = None,
            // Also where the newest was not tried, because it is too much for one Service.
            Grant::Nothing | Grant::Before | Grant::Accepted => {
                granted.excess = limits.of_service(wish.newest).or(granted.excess);
            }
        }
    }
    (node.granted, node.peak)
}

const NOT_YET: GrantResult = GrantResult { grant: Grant::Nothing, excess: None };

/// The usage of the node while requests are granted.
struct Node<'l> {
    limits: &'l Limits,
    total: Size,
    peak: Size,
    granted: Vec<GrantResult>,
}

impl Node<'_> {
    /// Takes a step where there is room for it.
    fn take(&mut self, namespace: &mut Namespace<'_>, step: Step<'_>) {
        let after = namespace.after(&step);
        let total = self.total.replacing(namespace.used, after);
        let Some(granted) = self.granted.get_mut(step.place) else { return };
        let has = namespace.has(step.place);
        // What takes no more room than before is never refused, whoever has exceeded what.
        let grows = !step.size.fits_in_place_of(has);
        // An administrator's new limit for a namespace takes nothing away that was in force; on a full node it may have
        // to.
        let of_namespace = self.limits.of_namespace(namespace.claimed_after(&step)).filter(|_| step.tier != Tier::Kept);
        let excess = of_namespace.or_else(|| self.limits.of_node(total)).filter(|_| grows);
        if excess.is_some() {
            granted.excess = excess;
            return;
        }
        namespace.take(&step);
        self.total = total;
        self.peak = self.peak.or(total);
        granted.grant = step.to;
    }
}

impl Limits {
    pub(super) fn of_service(&self, size: Size) -> Option<Excess> {
        let rules = Excess::of(Limit::ServiceRules, size.rules, self.service.rules);
        rules.or_else(|| Excess::of(Limit::ServiceNetworks, size.networks, self.service.networks))
    }

    pub(super) fn of_namespace(&self, size: Size) -> Option<Excess> {
        let Capacity { elements, networks, chains } = self.namespace;
        let over = Excess::of(Limit::NamespaceElements, size.elements, elements);
        let over = over.or_else(|| Excess::of(Limit::NamespaceNetworks, size.networks, networks));
        over.or_else(|| Excess::of(Limit::NamespaceChains, size.chains, chains))
    }

    pub(super) fn of_node(&self, size: Size) -> Option<Excess> {
        let Capacity { elements, networks, chains } = self.node;
        let over = Excess::of(Limit::NodeElements, size.elements, elements);
        let over = over.or_else(|| Excess::of(Limit::NodeNetworks, size.networks, networks));
        over.or_else(|| Excess::of(Limit::NodeChains, size.chains, chains))
    }
}
