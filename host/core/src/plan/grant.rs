//! Which Services are in force as they are today, and which as they were, so that no limit is exceeded.
//!
//! What was accepted goes first, then what grew without an edit, then edits and new Services: so the newest change
//! loses, and of equals the younger Service (P4). Where the node is full the namespace goes first that would have the
//! smallest share of it, elements or networks, whichever is larger. So nothing is refused to one because of what another
//! has beyond that, and none that keeps to its equal share is refused anything at all.
//!
//! A Service is never granted in part. The outcome depends on nothing but sizes, ages, names and what was accepted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::budget::{Limits, Room, Size};
use super::excess::{Excess, Limit};
use crate::model::ServiceKey;

/// What one Service would have.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The Service.
    pub key: ServiceKey,
    /// Seconds since 1970: the older goes first.
    pub created: i64,
    /// What was in force, for today's endpoints.
    pub before: Size,
    /// What follows today from the input that was accepted last, where that is known.
    pub accepted: Option<Size>,
    /// What follows from the newest input.
    pub newest: Size,
}

/// As what a Service is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// Not at all.
    Nothing,
    /// As [`Wish::before`].
    Before,
    /// As [`Wish::accepted`].
    Accepted,
    /// As [`Wish::newest`].
    Newest,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What is in force.
    pub grant: Grant,
    /// Why that is not the newest; none where it is.
    pub excess: Option<Excess>,
}

/// Whether everything fits as it is today, as nearly always: then nothing else has to be looked at.
pub fn fits<'a>(limits: &Limits, sizes: impl IntoIterator<Item = (&'a ServiceKey, Size)>) -> bool {
    let mut namespaces: BTreeMap<&str, Size> = BTreeMap::new();
    for (key, size) in sizes {
        if limits.of_service(size).is_some() {
            return false;
        }
        let all = namespaces.entry(&key.namespace).or_default();
        *all = all.and(size);
    }
    let node = namespaces.values().copied().fold(Size::default(), Size::and);
    namespaces.values().all(|size| limits.of_namespace(*size).is_none()) && limits.of_node(node).is_none()
}

/// What is in force of each wish, in the same order.
pub fn grants(limits: &Limits, wishes: &[Wish]) -> Vec<Granted> {
    let mut node = Node { limits, total: Size::default(), granted: vec![NOT_YET; wishes.len()] };
    let mut namespaces = namespaces(limits, wishes);
    let mut waiting: BinaryHeap<Reverse<(Turn, usize)>> = BinaryHeap::new();
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
    node.granted
}

const NOT_YET: Granted = Granted { grant: Grant::Nothing, excess: None };

/// One wish's next part.
#[derive(Clone, Copy, Debug)]
struct Step<'a> {
    /// Which wish, by its place.
    place: usize,
    key: &'a ServiceKey,
    created: i64,
    tier: Tier,
    to: Grant,
    size: Size,
}

/// What goes first in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// What takes no more room than what was in force.
    Kept,
    /// What grew though nobody edited it.
    Grown,
    /// What was edited, or is new.
    Edited,
}

/// One namespace on the way.
#[derive(Debug)]
struct Namespace<'a> {
    /// The last one goes first.
    steps: Vec<Step<'a>>,
    used: Size,
    /// What each wish has, by its place.
    has: BTreeMap<usize, Size>,
}

/// When a namespace is next: with the smallest share, then with the oldest Service, then by name.
type Turn = (u128, i64, ServiceKey);

impl Namespace<'_> {
    /// How much it has after a step.
    fn after(&self, step: &Step<'_>) -> Size {
        let has = self.has.get(&step.place).copied().unwrap_or_default();
        self.used.replacing(has, step.size)
    }

    fn turn(&self, room: Room) -> Option<Turn> {
        let step = self.steps.last()?;
        let share = share(room, self.after(step)).max(share(room, self.used));
        Some((share, step.created, step.key.clone()))
    }
}

/// The larger of both shares, as a number that orders as they do.
fn share(room: Room, size: Size) -> u128 {
    let of = |used: usize, of_the_other: usize| used as u128 * of_the_other as u128;
    of(size.elements, room.networks).max(of(size.networks, room.elements))
}

/// The steps of each namespace, last first.
fn namespaces<'a>(limits: &Limits, wishes: &'a [Wish]) -> Vec<Namespace<'a>> {
    let mut all: BTreeMap<&str, Vec<Step<'a>>> = BTreeMap::new();
    for (place, wish) in wishes.iter().enumerate() {
        all.entry(&wish.key.namespace).or_default().extend(steps(limits, place, wish));
    }
    let sorted = |mut steps: Vec<Step<'a>>| {
        steps.sort_by_key(|step| Reverse((step.tier, step.created, step.key)));
        Namespace { steps, used: Size::default(), has: BTreeMap::new() }
    };
    all.into_values().map(sorted).collect()
}

/// What a Service may come to, one after the other. What was in force may be more than a Service may have today: an
/// administrator's new limit is no reason to take away what was accepted.
fn steps<'a>(limits: &Limits, place: usize, wish: &'a Wish) -> Vec<Step<'a>> {
    let Wish { key, created, before, accepted, newest } = wish;
    let (created, before, accepted, newest) = (*created, *before, *accepted, *newest);
    let step = |tier, to, size| Step { place, key, created, tier, to, size };
    let allowed = |size: &Size| limits.of_service(*size).is_none();
    let (accepted, newest) = (accepted.filter(allowed), Some(newest).filter(allowed));
    if let Some(newest) = newest.filter(|size| size.fits_in_place_of(before)) {
        return vec![step(Tier::Kept, Grant::Newest, newest)];
    }
    let kept = [step(Tier::Kept, Grant::Before, before)];
    let grown = accepted.map(|size| step(Tier::Grown, Grant::Accepted, size));
    let edited = newest.map(|size| step(Tier::Edited, Grant::Newest, size));
    kept.into_iter().chain(grown).chain(edited).collect()
}

/// The node on the way.
struct Node<'l> {
    limits: &'l Limits,
    total: Size,
    granted: Vec<Granted>,
}

impl Node<'_> {
    /// Takes a step where there is room for it.
    fn take(&mut self, namespace: &mut Namespace<'_>, step: Step<'_>) {
        let after = namespace.after(&step);
        let total = self.total.replacing(namespace.used, after);
        let Some(granted) = self.granted.get_mut(step.place) else { return };
        let has = namespace.has.get(&step.place).copied().unwrap_or_default();
        // What takes no more room than before is never refused, whoever has exceeded what.
        let grows = !step.size.fits_in_place_of(has);
        // An administrator's new limit for a namespace takes nothing away that was in force; on a full node it may have to.
        let of_namespace = self.limits.of_namespace(after).filter(|_| step.tier != Tier::Kept);
        let excess = of_namespace.or_else(|| self.limits.of_node(total)).filter(|_| grows);
        if excess.is_some() {
            granted.excess = excess;
            return;
        }
        (namespace.used, self.total) = (after, total);
        namespace.has.insert(step.place, step.size);
        granted.grant = step.to;
    }
}

impl Limits {
    fn of_service(&self, size: Size) -> Option<Excess> {
        let rules = Excess::of(Limit::ServiceRules, size.rules, self.service.rules);
        rules.or_else(|| Excess::of(Limit::ServiceNetworks, size.networks, self.service.networks))
    }

    fn of_namespace(&self, size: Size) -> Option<Excess> {
        let Room { elements, networks } = self.namespace;
        let over = Excess::of(Limit::NamespaceElements, size.elements, elements);
        over.or_else(|| Excess::of(Limit::NamespaceNetworks, size.networks, networks))
    }

    fn of_node(&self, size: Size) -> Option<Excess> {
        let Room { elements, networks } = self.node;
        let over = Excess::of(Limit::NodeElements, size.elements, elements);
        over.or_else(|| Excess::of(Limit::NodeNetworks, size.networks, networks))
    }
}
