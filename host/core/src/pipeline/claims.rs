//! Pods that are replaced: for a moment a Service has fewer of them than a moment before. What its namespace may have is full,
//! perhaps, and a change of another of its Services waits; so that Service's room is kept for it, or its next pods would
//! find it taken, and a Service that was in force as a whole would be so in part (P4).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{ServiceKey, Uid};
use crate::plan::Size;

/// How long room is kept: so long Kubernetes lets a Deployment be without progress, where it does not say otherwise.
pub const KEPT: Duration = Duration::from_secs(600);

/// What Services had in force a short time ago, with the input that they have still.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    all: BTreeMap<Uid, Claim>,
    /// Those that are in use in part, and did not begin to end.
    less: BTreeSet<Uid>,
    /// When those end that began to.
    ends: BTreeSet<(Duration, Uid)>,
}

#[derive(Clone, Debug)]
struct Claim {
    key: ServiceKey,
    size: Size,
    state: Use,
}

/// How much of a claim is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// All of it.
    Whole,
    /// Less, since this round: a pure function knows no time.
    Less,
    /// Less, and it ends then.
    Until(Duration),
}

impl Claims {
    /// How much is kept for a Service.
    pub(super) fn of(&self, uid: &Uid) -> Size {
        self.all.get(uid).map_or_else(Size::default, |claim| claim.size)
    }

    /// A Service has this much in force now.
    pub(super) fn has(&mut self, uid: &Uid, key: &ServiceKey, size: Size) {
        let claim = match self.all.get(uid) {
            Some(claim) if claim.size.fits_in_place_of(size) => Claim { key: key.clone(), size, state: Use::Whole },
            Some(claim) => {
                let state = if claim.state == Use::Whole { Use::Less } else { claim.state };
                Claim { key: key.clone(), size: claim.size.or(size), state }
            }
            None if size == Size::default() => return,
            None => Claim { key: key.clone(), size, state: Use::Whole },
        };
        self.put(uid, claim);
    }

    fn put(&mut self, uid: &Uid, claim: Claim) {
        self.forget(uid);
        match claim.state {
            Use::Whole => {}
            Use::Less => drop(self.less.insert(uid.clone())),
            Use::Until(until) => drop(self.ends.insert((until, uid.clone()))),
        }
        self.all.insert(uid.clone(), claim);
    }

    /// Its input is another one, or it is gone.
    pub(super) fn forget(&mut self, uid: &Uid) {
        match self.all.remove(uid).map(|claim| claim.state) {
            Some(Use::Less) => drop(self.less.remove(uid)),
            Some(Use::Until(until)) => drop(self.ends.remove(&(until, uid.clone()))),
            Some(Use::Whole) | None => {}
        }
    }

    /// When the first of them ends; those that did not begin to end begin now.
    pub(super) fn begin(&mut self, now: Duration) -> Option<Duration> {
        for uid in std::mem::take(&mut self.less) {
            if let Some(claim) = self.all.get_mut(&uid) {
                claim.state = Use::Until(now + KEPT);
                self.ends.insert((now + KEPT, uid));
            }
        }
        self.ends.first().map(|(until, _)| *until)
    }

    /// Ends those whose time is over; returns the Services whose they are. What is in force then is claimed anew with the next
    /// round.
    pub(super) fn end(&mut self, now: Duration) -> Vec<ServiceKey> {
        let over: Vec<Uid> =
            self.ends.iter().take_while(|(until, _)| *until <= now).map(|(_, uid)| uid.clone()).collect();
        let keys = over.iter().filter_map(|uid| self.all.get(uid)).map(|claim| claim.key.clone()).collect();
        over.iter().for_each(|uid| self.forget(uid));
        keys
    }
}
