//! Reserved size while pods are replaced: for a moment a Service has fewer of them. Where the limit of its namespace is
//! reached and a change of another Service waits, the size stays reserved; otherwise the next pods would not fit, and a
//! Service that was applied as a whole would be applied in part (P4).

use std::collections::BTreeSet;
use std::time::Duration;

use super::entries::Entries;
use crate::model::SubjectKey;
use crate::plan::Size;

/// How long room is kept: so long Kubernetes lets a Deployment be without progress, where it does not say otherwise.
pub const ROOM_KEPT_FOR: Duration = Duration::from_secs(600);

/// When what is kept for Services ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    /// Those that are in use in part, and did not begin to end.
    less: BTreeSet<SubjectKey>,
    /// When those end that began to.
    ends: BTreeSet<(Duration, SubjectKey)>,
}

/// What a Service had in force a short time ago, with the input that it has still.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claim {
    size: Size,
    state: ClaimUse,
}

/// How much of a claim is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ClaimUse {
    /// The whole size.
    #[default]
    Whole,
    /// Less, since this round: a pure function knows no time.
    Less,
    /// A smaller size, until this time.
    Until(Duration),
}

impl Claim {
    /// How much is kept.
    pub(super) fn size(self) -> Size {
        self.size
    }

    /// The Service has this much in force now.
    fn with(self, size: Size) -> Self {
        if self.size.fits_in_place_of(size) {
            return Self { size, state: ClaimUse::Whole };
        }
        let state = if self.state == ClaimUse::Whole { ClaimUse::Less } else { self.state };
        Self { size: self.size.or(size), state }
    }
}

impl Claims {
    /// A Service has this much in force now.
    pub(super) fn has(&mut self, key: &SubjectKey, claim: &mut Claim, size: Size) {
        let newest = claim.with(size);
        if newest.state != claim.state {
            self.forget(key, claim);
        }
        match newest.state {
            ClaimUse::Whole => {}
            ClaimUse::Less => drop(self.less.insert(key.clone())),
            ClaimUse::Until(until) => drop(self.ends.insert((until, key.clone()))),
        }
        *claim = newest;
    }

    /// Its input is another one, or it is gone.
    pub(super) fn forget(&mut self, key: &SubjectKey, claim: &mut Claim) {
        match std::mem::take(claim).state {
            ClaimUse::Less => drop(self.less.remove(key)),
            ClaimUse::Until(until) => drop(self.ends.remove(&(until, key.clone()))),
            ClaimUse::Whole => {}
        }
    }

    /// When the first of them ends; those that did not begin to end begin now.
    pub(super) fn begin(&mut self, entries: &mut Entries, now: Duration) -> Option<Duration> {
        for key in std::mem::take(&mut self.less) {
            if let Some(entry) = entries.times_of(&key) {
                entry.claim.state = ClaimUse::Until(now + ROOM_KEPT_FOR);
                self.ends.insert((now + ROOM_KEPT_FOR, key));
            }
        }
        self.ends.first().map(|(until, _)| *until)
    }

    /// Ends those whose time is over; returns the Services whose they are. What is in force then is claimed anew with
    /// the next round.
    pub(super) fn end(&mut self, entries: &mut Entries, now: Duration) -> Vec<SubjectKey> {
        let over: Vec<SubjectKey> =
            self.ends.iter().take_while(|(until, _)| *until <= now).map(|(_, key)| key.clone()).collect();
        for key in &over {
            if let Some(entry) = entries.times_of(key) {
                self.forget(key, &mut entry.claim);
            }
        }
        over
    }
}
