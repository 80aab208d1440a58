//! A kernel that may refuse, and that others write to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::diff::{Applied, Changes, Comparison, Scope, SlicedChange};
use egressd_core::ruleset::{Chain, Name, Ruleset, Table};
use egressd_core::testkit::FakeKernel;
use proptest::prelude::*;

use crate::events::{CommitLimits, Damage, Knowledge};

/// What it holds, and what the loop knows of that.
pub(crate) struct Kernel {
    fake: FakeKernel,
    pub(crate) applied: Applied,
    knowledge: Knowledge,
}

impl Default for Kernel {
    fn default() -> Self {
        let fake = FakeKernel { ruleset: Ruleset::default(), generation: 0 };
        Self { fake, applied: Applied::default(), knowledge: Knowledge::Sure }
    }
}

impl Kernel {
    pub(crate) fn ruleset(&self) -> &Ruleset {
        &self.fake.ruleset
    }

    /// Another program writes to every table; then what is there is in doubt.
    pub(crate) fn damage(&mut self, damage: Damage) {
        self.knowledge = Knowledge::Doubtful;
        for table in self.fake.ruleset.tables.values_mut() {
            match damage {
                Damage::ElementGone => remove_an_element(table),
                Damage::ChainMore => add_a_chain(table),
                Damage::RuleGone => remove_a_rule(table),
            }
        }
    }

    /// Takes in what a step may change. What is in doubt is read before it is written to.
    pub(crate) fn begin(&mut self, scope: Scope) {
        match std::mem::replace(&mut self.knowledge, Knowledge::Sure) {
            Knowledge::Sure => {}
            Knowledge::Doubtful => self.applied = Applied::of(self.fake.ruleset.clone()),
        }
        self.applied.add_outstanding(scope);
    }

    /// Returns the pods that are to go over still; none where the kernel refused.
    pub(crate) fn carry_out(
        &mut self,
        mut comparison: Comparison,
        limits: CommitLimits,
    ) -> Result<Option<BTreeSet<IpAddr>>, TestCaseError> {
        let mut left = limits.slices;
        let SlicedChange::Slices(mut slices) = comparison.cut(&self.applied, limits.most) else {
            return self.carry_out_at_once(comparison, limits);
        };
        while let Some(slice) = slices.next(comparison.before(&self.applied), comparison.after()) {
            if left == 0 {
                // As if something newer came in between, or the kernel refused.
                self.knowledge = limits.then;
                return Ok(Some(slices.pods().union(&slice.pods).copied().collect()));
            }
            left -= 1;
            self.commit(&slice.changes)?;
            comparison.take(&slice);
            self.applied.take(slice);
            prop_assert_eq!(self.applied.ruleset(), &self.fake.ruleset);
        }
        self.applied.clear_outstanding();
        Ok(Some(BTreeSet::new()))
    }

    fn carry_out_at_once(
        &mut self,
        comparison: Comparison,
        limits: CommitLimits,
    ) -> Result<Option<BTreeSet<IpAddr>>, TestCaseError> {
        if limits.slices == 0 {
            self.knowledge = limits.then;
            return Ok(None);
        }
        self.commit(&comparison.changes(&self.applied))?;
        comparison.apply_to(&mut self.applied);
        self.applied.clear_outstanding();
        prop_assert_eq!(self.applied.ruleset(), &self.fake.ruleset);
        Ok(Some(BTreeSet::new()))
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), TestCaseError> {
        changes
            .batches()
            .try_for_each(|batch| self.fake.commit(batch).map_err(|refused| TestCaseError::fail(refused.to_string())))
    }
}

fn remove_an_element(table: &mut Table) {
    if let Some(map) = table.maps.values_mut().find(|map| !map.elements.is_empty()) {
        map.elements.pop_first();
    }
}

/// A copy of one of ours, to which nothing leads.
fn add_a_chain(table: &mut Table) {
    let ours = table.chains.values().find(|chain| chain.hook.is_none()).cloned();
    let chain = ours.unwrap_or(Chain { hook: None, rules: Vec::new() });
    table.chains.insert(Name::new("stray").expect("a name"), chain);
}

fn remove_a_rule(table: &mut Table) {
    if let Some(chain) = table.chains.values_mut().find(|chain| chain.hook.is_some()) {
        chain.rules.pop();
    }
}
