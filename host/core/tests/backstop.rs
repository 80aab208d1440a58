//! The laws of the guard's backstop together with the tables (P12): it is never wider than the guard, so that a packet that
//! the tables see is never blocked, whatever they are changed to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::compile::{Backstop, XfrmStamp, compile, table_names};
use egressd_core::diff::diff;
use egressd_core::effect::{Effect, Effects};
use egressd_core::net::MarkBit;
use egressd_core::node::{Adapter, NodeChange, NodeChanges, Part, Xfrm, XfrmChange, XfrmMaker, XfrmPolicy, XfrmRule};
use egressd_core::plan::{self, Plan};
use egressd_core::ruleset::{MARKING, Match, Ruleset, Table, TableNames, guarded, unguarded};
use egressd_core::testkit::{FakeKernel, FakeXfrm, Refused, Universe};
use proptest::prelude::*;

fn stamp() -> XfrmStamp {
    XfrmStamp { maker: XfrmMaker::of(&table_names(None)), bit: MarkBit::DEFAULT }
}

fn marking() -> TableNames {
    TableNames { marks: Some(MarkBit::DEFAULT), ..table_names(None) }
}

/// A node, as the loop changes it.
struct Node {
    tables: FakeKernel,
    policies: FakeXfrm,
}

impl Node {
    fn with(tables: &Ruleset) -> Self {
        let policies = FakeXfrm::left(Backstop::of(tables).policies(stamp()));
        Self { tables: FakeKernel { ruleset: tables.clone(), generation: 0 }, policies }
    }

    /// What goes with a change of the tables.
    fn released(&self, new: &Ruleset) -> Vec<Effect<XfrmChange>> {
        let pods = unguarded(&self.tables.ruleset, new);
        let goes = |policy: &&XfrmPolicy| matches!(policy.rule, XfrmRule::Pod(pod) if pods.contains(&pod));
        Xfrm::diff(&self.policies.policies.iter().filter(goes).copied().collect(), &BTreeSet::new())
    }

    /// What follows it.
    fn follows(&self) -> Effects<NodeChange> {
        let desired = Backstop::of(&self.tables.ruleset).policies(stamp());
        let xfrm = Xfrm::diff(&self.policies.policies, &desired);
        NodeChanges { xfrm, ..NodeChanges::default() }.effects()
    }

    fn commit(&mut self, change: &NodeChange) -> Result<(), Refused> {
        match change {
            NodeChange::Nft(batch) => self.tables.commit(batch),
            NodeChange::Xfrm(change) => self.policies.commit(change),
            NodeChange::Sever(_) => Ok(()),
        }
    }

    /// The pods whose packets are blocked if the tables are lost.
    fn blocked(&self) -> BTreeSet<IpAddr> {
        let pod = |policy: &XfrmPolicy| match policy.rule {
            XfrmRule::Inside(_) => None,
            XfrmRule::Pod(pod) => Some(pod),
        };
        self.policies.policies.iter().filter_map(pod).collect()
    }

    /// The pods whose packets the tables mark.
    fn marked(&self) -> BTreeSet<IpAddr> {
        let tables = self.tables.ruleset.tables.values();
        let marks = |table: &&Table| table.chains.get(&MARKING).is_some_and(|chain| !chain.rules.is_empty());
        tables.filter(marks).flat_map(guarded).collect()
    }
}

fn plan_and_edit() -> impl Strategy<Value = (Plan, Plan)> {
    let universe = Universe::on_paper();
    universe
        .plans()
        .prop_flat_map(move |plan| universe.edits(plan.clone()).prop_map(move |(edited, _)| (plan.clone(), edited)))
}

fn names() -> impl Strategy<Value = TableNames> {
    prop::sample::select(vec![marking(), table_names(None)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 2_000 }))]

    /// Catches: policies that come before the marks, or go after them.
    #[test]
    fn between_any_two_effects_each_pod_that_is_blocked_is_marked(
        ((old, new), before, after) in (plan_and_edit(), names(), names()),
    ) {
        let new = compile(&new, &after);
        let mut node = Node::with(&compile(&old, &before));
        let changes = NodeChanges { nft: diff(&node.tables.ruleset, &new), xfrm: node.released(&new), ..NodeChanges::default() };
        let carry_out = |node: &mut Node, effects: Effects<NodeChange>| -> Result<(), TestCaseError> {
            for effect in &effects {
                node.commit(&effect.change).map_err(|refused| TestCaseError::fail(refused.to_string()))?;
                prop_assert!(node.blocked().is_subset(&node.marked()), "after {}", effect.change);
            }
            Ok(())
        };
        carry_out(&mut node, changes.effects())?;
        let follows = node.follows();
        carry_out(&mut node, follows)?;
        prop_assert_eq!(node.policies.policies, Backstop::of(&new).policies(stamp()));
    }

    /// Catches: a guarded pod that is forgotten, and one of tables that mark nothing.
    #[test]
    fn every_guarded_pod_is_blocked_where_the_tables_mark_and_no_other(
        (plan, names) in (Universe::on_paper().plans(), names()),
    ) {
        let node = Node::with(&compile(&plan, &names));
        let guarded: BTreeSet<IpAddr> = plan::guarded(&plan).into_keys().collect();
        let expected = if names.marks.is_some() { guarded } else { BTreeSet::new() };
        prop_assert_eq!(node.blocked(), expected.clone());
        prop_assert_eq!(node.marked(), expected);
    }

    /// Catches: a look-up in the map of guarded pods that counts a packet as dropped.
    #[test]
    fn the_chain_that_marks_finds_nothing_in_the_map(plan in Universe::on_paper().plans()) {
        let tables = compile(&plan, &marking());
        let chains = tables.tables.values().filter_map(|table| table.chains.get(&MARKING));
        for condition in chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.matches) {
            prop_assert!(matches!(condition, Match::NotIn(..)), "{:?}", condition);
        }
    }
}
