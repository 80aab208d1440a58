//! Pods that are replaced: for a moment a Service has fewer of them than a moment before. What its namespace may have is full,
//! perhaps, and a change of another of its Services waits; so that Service's room is kept for it, or its next pods would
//! find it taken, and a Service that was in force as a whole would be so in part (P4).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Uid;
use crate::plan::Size;

/// How long room is kept: so long Kubernetes lets a Deployment be without progress, where it does not say otherwise.
pub const KEPT: Duration = Duration::from_secs(600);

/// What Services had in force a short time ago, with the input that they have still.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims(BTreeMap<Uid, Claim>);

#[derive(Clone, Copy, Debug)]
struct Claim {
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
        self.0.get(uid).map_or_else(Size::default, |claim| claim.size)
    }

    /// A Service has this much in force now.
    pub(super) fn has(&mut self, uid: &Uid, size: Size) {
        match self.0.get_mut(uid) {
            Some(claim) if claim.size.fits_in_place_of(size) => *claim = Claim { size, state: Use::Whole },
            Some(claim) => {
                claim.size = claim.size.or(size);
                if claim.state == Use::Whole {
                    claim.state = Use::Less;
                }
            }
            None if size == Size::default() => {}
            None => drop(self.0.insert(uid.clone(), Claim { size, state: Use::Whole })),
        }
    }

    /// Its input is another one, or it is gone.
    pub(super) fn forget(&mut self, uid: &Uid) {
        self.0.remove(uid);
    }

    /// When the first of them ends; those that did not begin to end begin now.
    pub(super) fn begin(&mut self, now: Duration) -> Option<Duration> {
        let until = |claim: &mut Claim| match claim.state {
            Use::Whole => None,
            Use::Less => {
                claim.state = Use::Until(now + KEPT);
                Some(now + KEPT)
            }
            Use::Until(until) => Some(until),
        };
        self.0.values_mut().filter_map(until).min()
    }

    /// Ends those whose time is over. What is in force then is claimed anew with the next round.
    pub(super) fn end(&mut self, now: Duration) {
        self.0.retain(|_, claim| match claim.state {
            Use::Whole | Use::Less => true,
            Use::Until(until) => now < until,
        });
    }
}
