//! The addresses that this node translates to, of all that is in force, which is followed by the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::in_force::AppliedRound;
use egressd_core::model::SubjectKey;

/// Each address with the number of Services that have it.
#[derive(Debug, Default)]
pub(super) struct AddressCounts {
    seen: Arc<AppliedRound>,
    of_services: BTreeMap<SubjectKey, BTreeSet<IpAddr>>,
    owners: BTreeMap<IpAddr, usize>,
}

/// Whether something came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Some,
    None,
}

impl AddressCounts {
    /// Takes in what is in force now.
    pub(super) fn follow(&mut self, round: &Arc<AppliedRound>) -> Change {
        let seen = std::mem::replace(&mut self.seen, Arc::clone(round));
        let mut change = Change::None;
        for key in round.changed_since(&seen) {
            let plan = round.subjects.get(key).and_then(|shown| shown.record.plan());
            let new: BTreeSet<IpAddr> =
                plan.iter().flat_map(|plan| plan.rules.iter().map(|rule| rule.address())).collect();
            if self.replace(key, new) == Change::Some {
                change = Change::Some;
            }
        }
        change
    }

    /// All of them, each once.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.owners.keys().copied()
    }

    fn replace(&mut self, key: &SubjectKey, new: BTreeSet<IpAddr>) -> Change {
        let old = self.of_services.remove(key).unwrap_or_default();
        if old == new {
            self.keep(key, new);
            return Change::None;
        }
        for address in &old {
            match self.owners.get_mut(address) {
                Some(owners) if *owners > 1 => *owners -= 1,
                Some(_) | None => drop(self.owners.remove(address)),
            }
        }
        new.iter().for_each(|address| *self.owners.entry(*address).or_default() += 1);
        self.keep(key, new);
        Change::Some
    }

    fn keep(&mut self, key: &SubjectKey, addresses: BTreeSet<IpAddr>) {
        if !addresses.is_empty() {
            self.of_services.insert(key.clone(), addresses);
        }
    }
}
