//! A node with one part more than egressd has: what is composed of parts here is composed like [`egressd_core::node`].

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

use egressd_core::compile::{compile, table_names};
use egressd_core::diff::Batch;
use egressd_core::effect::{Effect, Effects};
use egressd_core::node::{Adapter, Nft, Part};
use egressd_core::ruleset::Ruleset;
use egressd_core::testkit::{Failure, FakeKernel, Refused, Refusing, Universe};
use proptest::prelude::*;

use crate::marks::{FakeMarks, MarkChange, MarkOwner, Marks};

/// The numbers that are egressd's.
pub(crate) const OURS: RangeInclusive<u8> = 10..=20;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) marks: BTreeSet<u8>,
    pub(crate) nft: Ruleset,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Marks(MarkChange),
    Nft(Batch),
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marks(change) => change.fmt(f),
            Self::Nft(batch) => batch.fmt(f),
        }
    }
}

impl State {
    pub(crate) fn effects(&self, desired: &Self) -> Effects<Change> {
        let marks = Marks::diff(&self.marks, &desired.marks).into_iter().map(|effect| effect.map(Change::Marks));
        let nft = Nft::diff(&self.nft, &desired.nft).into_iter().map(|effect| effect.map(Change::Nft));
        Effects::ordered([marks.collect(), nft.collect()])
    }
}

pub(crate) fn states() -> impl Strategy<Value = State> {
    let nft = Universe::on_paper().plans().prop_map(|plan| compile(&plan, &table_names(None)));
    (prop::collection::btree_set(OURS, 0..4), nft).prop_map(|(marks, nft)| State { marks, nft })
}

/// What holds the parts.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) marks: Refusing<FakeMarks>,
    pub(crate) nft: Refusing<FakeKernel>,
}

impl Node {
    /// As a process left it.
    pub(crate) fn left(maker: MarkOwner, state: &State) -> Self {
        let nft = FakeKernel { ruleset: state.nft.clone(), generation: 0 };
        Self { marks: Refusing::nothing(FakeMarks::left(maker, &state.marks)), nft: Refusing::nothing(nft) }
    }

    pub(crate) fn adopt(&mut self) -> Result<(), Refused> {
        self.marks.adopt(&OURS)?;
        self.nft.adopt(&table_names(None))
    }

    /// Without what another program put there, which is removed.
    pub(crate) fn read_back(&mut self) -> Result<State, Refused> {
        let marks = self.marks.read(&OURS)?;
        for removal in marks.foreign.iter().filter_map(|foreign| foreign.removal) {
            self.marks.commit(&removal)?;
        }
        let nft = self.nft.read(&table_names(None))?;
        assert_eq!(nft.foreign, []);
        Ok(State { marks: marks.state, nft: nft.state })
    }

    pub(crate) fn commit(&mut self, effect: &Effect<Change>) -> Result<(), Refused> {
        match &effect.change {
            Change::Marks(change) => self.marks.commit(change),
            Change::Nft(batch) => self.nft.commit(batch),
        }
    }

    /// As the loop does it.
    pub(crate) fn carry_out(&mut self, effects: Effects<Change>) -> Result<(), Refused> {
        effects.into_iter().try_for_each(|effect| self.commit(&effect))
    }

    /// Lets the effect of this number fail.
    pub(crate) fn fail(&mut self, effects: &Effects<Change>, number: usize, failure: Failure) {
        let is_mark = |effect: &&Effect<Change>| matches!(effect.change, Change::Marks(_));
        let before = effects.iter().take(number);
        match effects.iter().nth(number).map(|effect| &effect.change) {
            Some(Change::Marks(_)) => self.marks.fail(before.filter(is_mark).count(), failure),
            Some(Change::Nft(_)) => self.nft.fail(before.filter(|effect| !is_mark(effect)).count(), failure),
            None => {}
        }
    }
}
