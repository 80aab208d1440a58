//! A part that exists here only: a set of numbers, each of which has to be there before packets go the new way, and
//! until no connection of the old way is left. It is what ARCHITECTURE.md, "To add a part", asks for and nothing more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

use egressd_core::effect::{Effect, Phase};
use egressd_core::node::{Adapter, Certainty, Foreign, Part, Readback};
use egressd_core::testkit::Refused;

/// Numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkChange {
    Set(u8),
    Clear(u8),
}

impl Display for MarkChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(mark) => writeln!(f, "set mark {mark}"),
            Self::Clear(mark) => writeln!(f, "clear mark {mark}"),
        }
    }
}

impl Part for Marks {
    const NAME: &'static str = "marks";

    type State = BTreeSet<u8>;
    type Change = MarkChange;

    fn diff(applied: &BTreeSet<u8>, desired: &BTreeSet<u8>) -> Vec<Effect<MarkChange>> {
        let effect = |phase, change| Effect { phase, change };
        let come = desired.difference(applied).map(|mark| effect(Phase::Arm, MarkChange::Set(*mark)));
        let go = applied.difference(desired).map(|mark| effect(Phase::Disarm, MarkChange::Clear(*mark)));
        come.chain(go).collect()
    }

    fn text(state: &BTreeSet<u8>) -> String {
        state.iter().map(|mark| format!("mark {mark}\n")).collect()
    }
}

/// Who made a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkOwner {
    /// This process.
    Us,
    /// An egressd that is gone.
    Earlier,
    /// An egressd that lives.
    Living,
    /// Another program.
    Another,
}

/// What holds marks, and refuses what a kernel would.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeMarks {
    pub(crate) marks: BTreeMap<u8, MarkOwner>,
    /// How many changes it made.
    pub(crate) made: usize,
}

impl FakeMarks {
    /// As a process left them.
    pub(crate) fn left(maker: MarkOwner, marks: &BTreeSet<u8>) -> Self {
        Self { marks: marks.iter().map(|mark| (*mark, maker)).collect(), made: 0 }
    }

    fn among(&self, ours: &RangeInclusive<u8>) -> impl Iterator<Item = (u8, MarkOwner)> {
        self.marks.range(ours.clone()).map(|(mark, maker)| (*mark, *maker))
    }

    fn check(&self, change: MarkChange) -> Result<(), &'static str> {
        let (MarkChange::Set(mark) | MarkChange::Clear(mark)) = change;
        match (change, self.marks.get(&mark)) {
            (MarkChange::Set(_), None) | (MarkChange::Clear(_), Some(MarkOwner::Us | MarkOwner::Another)) => Ok(()),
            (MarkChange::Set(_), Some(_)) => Err("File exists"),
            (MarkChange::Clear(_), None) => Err("No such file or directory"),
            (MarkChange::Clear(_), Some(MarkOwner::Earlier | MarkOwner::Living)) => Err("Operation not permitted"),
        }
    }
}

impl Adapter for FakeMarks {
    type Part = Marks;
    type OwnObjects = RangeInclusive<u8>;
    type Error = Refused;

    fn adopt(&mut self, ours: &RangeInclusive<u8>) -> Result<(), Refused> {
        if let Some((mark, _)) = self.among(ours).find(|(_, maker)| *maker == MarkOwner::Living) {
            return Err(Refused { change: format!("adopt mark {mark}"), why: "Operation not permitted" });
        }
        self.marks.values_mut().filter(|maker| **maker == MarkOwner::Earlier).for_each(|maker| *maker = MarkOwner::Us);
        Ok(())
    }

    fn read(&mut self, ours: &RangeInclusive<u8>) -> Result<Readback<Marks>, Refused> {
        let (theirs, state): (Vec<_>, Vec<_>) = self.among(ours).partition(|(_, maker)| *maker == MarkOwner::Another);
        let foreign = |(mark, _)| Foreign { what: format!("mark {mark}"), removal: Some(MarkChange::Clear(mark)) };
        Ok(Readback {
            state: state.into_iter().map(|(mark, _)| mark).collect(),
            foreign: theirs.into_iter().map(foreign).collect(),
            certainty: Certainty::Settled,
        })
    }

    fn commit(&mut self, change: &MarkChange) -> Result<(), Refused> {
        self.check(*change).map_err(|why| Refused { change: change.to_string(), why })?;
        match *change {
            MarkChange::Set(mark) => drop(self.marks.insert(mark, MarkOwner::Us)),
            MarkChange::Clear(mark) => drop(self.marks.remove(&mark)),
        }
        self.made += 1;
        Ok(())
    }
}
