//! The requests of the Services of one namespace, step by step, and the used part of its limits.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::budget::{Capacity, Limits, Size};
use super::grant::{BudgetRequest, Grant};
use crate::model::SubjectKey;

/// The next step of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    /// The index of the request.
    pub(super) place: usize,
    pub(super) key: &'a SubjectKey,
    created: i64,
    pub(super) tier: Tier,
    pub(super) to: Grant,
    pub(super) size: Size,
}

/// The order of requests in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    /// What takes no more room than what was in force.
    Kept,
    /// What grew though it was not edited.
    Grown,
    /// What was edited, or is new.
    Edited,
}

/// The usage of one namespace while requests are granted.
#[derive(Debug, Default)]
pub(super) struct Namespace<'a> {
    /// The last one goes first.
    pub(super) steps: Vec<Step<'a>>,
    pub(super) used: Size,
    /// What each wish has, by its place.
    has: BTreeMap<usize, Size>,
    /// What is kept for wishes, by their place.
    claims: BTreeMap<usize, Size>,
    /// What all have, or what is kept for them where that is more.
    claimed: Size,
}

/// When a namespace is next: with the smallest share, then with the oldest Service, then by name.
pub(super) type NamespaceTurn = (u128, i64, SubjectKey);

impl Namespace<'_> {
    /// How much it has after a step.
    pub(super) fn after(&self, step: &Step<'_>) -> Size {
        self.used.replacing(self.has(step.place), step.size)
    }

    /// The same with what is kept for the others.
    pub(super) fn claimed_after(&self, step: &Step<'_>) -> Size {
        self.claimed.replacing(self.claimed_by(step.place), step.size)
    }

    /// What a wish has, or what is kept for it where that is more.
    fn claimed_by(&self, place: usize) -> Size {
        self.has(place).or(self.claims.get(&place).copied().unwrap_or_default())
    }

    /// The size that a request has been granted so far.
    pub(super) fn has(&self, place: usize) -> Size {
        self.has.get(&place).copied().unwrap_or_default()
    }

    fn claim(&mut self, place: usize, claim: Size) {
        if claim != Size::default() {
            self.claimed = self.claimed.and(claim);
            self.claims.insert(place, claim);
        }
    }

    pub(super) fn take(&mut self, step: &Step<'_>) {
        let (before, after) = (self.claimed_by(step.place), self.after(step));
        self.has.insert(step.place, step.size);
        self.claimed = self.claimed.replacing(before, self.claimed_by(step.place));
        self.used = after;
    }

    pub(super) fn turn(&self, room: Capacity) -> Option<NamespaceTurn> {
        let step = self.steps.last()?;
        let share = share(room, self.after(step)).max(share(room, self.used));
        Some((share, step.created, step.key.clone()))
    }
}

/// The largest of the shares, as a number that orders as they do.
fn share(room: Capacity, size: Size) -> u128 {
    let [elements, networks, chains] = [room.elements, room.networks, room.chains].map(|most| most as u128);
    let of = |used: usize, others: u128| (used as u128).saturating_mul(others);
    let shares = [
        of(size.elements, networks.saturating_mul(chains)),
        of(size.networks, elements.saturating_mul(chains)),
        of(size.chains, elements.saturating_mul(networks)),
    ];
    shares.into_iter().max().unwrap_or_default()
}

/// The steps of each namespace, last first.
pub(super) fn namespaces<'a>(limits: &Limits, wishes: &'a [BudgetRequest]) -> Vec<Namespace<'a>> {
    let mut all: BTreeMap<&str, Namespace<'a>> = BTreeMap::new();
    for (place, wish) in wishes.iter().enumerate() {
        let namespace = all.entry(&wish.key.namespace).or_default();
        namespace.steps.extend(steps(limits, place, wish));
        namespace.claim(place, wish.claim);
    }
    let sorted = |mut namespace: Namespace<'a>| {
        namespace.steps.sort_by_key(|step| Reverse((step.tier, step.created, step.key)));
        namespace
    };
    all.into_values().map(sorted).collect()
}

/// What a Service may come to, one after the other. What was in force may be more than a Service may have today: an
/// administrator's new limit is no reason to take away what was accepted.
fn steps<'a>(limits: &Limits, place: usize, wish: &'a BudgetRequest) -> Vec<Step<'a>> {
    let BudgetRequest { ref key, created, before, claim: _, accepted, newest } = *wish;
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
