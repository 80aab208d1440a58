//! The size of a change, in numbers.

use super::{Changes, Verb};

/// The size of some changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of commits.
    pub batches: usize,
    /// Map elements that come; a replaced element comes and goes.
    pub elements_added: usize,
    /// Map elements that go one by one, not with their table.
    pub elements_removed: usize,
}

impl Changes {
    /// The number of commits and of changes.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { batches: self.effects.len(), ..Summary::default() };
        for change in self.batches().flat_map(|batch| &batch.changes) {
            match &change.verb {
                Verb::AddElements(_, _, elements) => summary.elements_added += elements.len(),
                Verb::DeleteElements(_, _, keys) => summary.elements_removed += keys.len(),
                Verb::AddTable(_)
                | Verb::DeleteTable
                | Verb::WakeTable
                | Verb::AddSet(..)
                | Verb::DeleteSet(_)
                | Verb::RefillSet(..)
                | Verb::AddRanges(..)
                | Verb::DeleteRanges(..)
                | Verb::AddMembers(..)
                | Verb::DeleteMembers(..)
                | Verb::AddKeys(..)
                | Verb::DeleteKeys(..)
                | Verb::AddTimed(..)
                | Verb::AddCounter(_)
                | Verb::DeleteCounter(_)
                | Verb::AddMap(..)
                | Verb::DeleteMap(_)
                | Verb::AddChain(..)
                | Verb::DeleteChain(_)
                | Verb::AddRules(..)
                | Verb::FlushRules(_) => {}
            }
        }
        summary
    }
}
