//! A base chain at another priority.
//!
//! The kernel moves no chain to another hook, and base chains come and go outside of a batch's generation: a packet may
//! meet the hooks from before a batch and the rules from after it. So the chain is copied to its new place first, in a
//! batch of its own, and the old one goes in the next: a packet meets at least one of both with all of its rules. Both
//! look into the same sets and maps, and so they translate alike.

use super::Verb;
use crate::ruleset::{Chain, Hook, Name, Table};

/// What becomes of the chain for source NAT.
#[derive(Clone, Copy)]
pub(super) struct Move<'a> {
    from: &'a Name,
    chain: &'a Chain,
    to: &'a Name,
    hook: &'a Hook,
}

impl<'a> Move<'a> {
    /// None where the chain stays where it is.
    pub(super) fn between(old: &'a Table, new: &'a Table) -> Option<Self> {
        let lacks = |table: &Table, name: &Name| !table.chains.contains_key(name);
        let (from, chain) = old.chains.iter().find(|(name, chain)| lacks(new, name) && source_nat(chain).is_some())?;
        let mut added = new.chains.iter().filter(|(name, _)| lacks(old, name));
        added.find_map(|(to, chain)| Some((to, source_nat(chain)?))).map(|(to, hook)| Self { from, chain, to, hook })
    }

    /// What makes the copy.
    pub(super) fn copy(&self) -> Vec<Verb> {
        let rules = (!self.chain.rules.is_empty()).then(|| Verb::AddRules(self.to.clone(), self.chain.rules.clone()));
        [Verb::AddChain(self.to.clone(), Some(self.hook.clone()))].into_iter().chain(rules).collect()
    }

    /// What deletes the chain at the old place.
    pub(super) fn delete(&self) -> Vec<Verb> {
        let flush = (!self.chain.rules.is_empty()).then(|| Verb::FlushRules(self.from.clone()));
        flush.into_iter().chain([Verb::DeleteChain(self.from.clone())]).collect()
    }

    /// The table after both.
    pub(super) fn apply(&self, old: &Table) -> Table {
        let mut moved = old.clone();
        moved.chains.remove(self.from);
        moved.chains.insert(self.to.clone(), Chain { hook: Some(self.hook.clone()), rules: self.chain.rules.clone() });
        moved
    }

    /// Whether it is about this chain.
    pub(super) fn is_of(&self, chain: &Name) -> bool {
        [self.from, self.to].contains(&chain)
    }
}

fn source_nat(chain: &Chain) -> Option<&Hook> {
    chain.hook.as_ref().filter(|hook| hook.is_source_nat())
}
