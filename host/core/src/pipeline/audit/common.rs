//! What all Services have in common, once a cycle. It is gathered from the whole snapshot, since the index by which a Node that
//! changes costs less is held against it: some 20 ms at 30,000 Services.

use super::{Disagreement, Part, Subject};
use crate::check::Networks;
use crate::diff::{Applied, Common, Scope};
use crate::model::ClusterFacts;
use crate::pipeline::Pipeline;
use crate::pipeline::updating::{marks_of, ready_of};

impl Pipeline {
    pub(super) fn audit_common(&self, applied: &Applied) -> Vec<Disagreement> {
        let common = || Scope::Pods(Default::default(), Common::Changed);
        let parts = [
            (Part::Surroundings, self.is_surrounded()),
            (Part::Inside, self.knows_what_is_inside()),
            (Part::Limits, self.is_limited_as_a_node()),
            (Part::Rules, applied.is_counted() && !self.differs(applied, common())),
        ];
        let wrong = parts.into_iter().filter(|(_, holds)| !holds);
        wrong.map(|(part, _)| Disagreement { subject: Subject::Node, part }).collect()
    }

    fn is_surrounded(&self) -> bool {
        let newest = &self.newest;
        let same_context = *self.context == self.context_of(newest);
        same_context && ready_of(newest).eq(&self.ready) && *self.policies == marks_of(newest)
    }

    fn knows_what_is_inside(&self) -> bool {
        let derived = &self.derived;
        let facts = ClusterFacts::gather(&self.newest, &self.settings.cluster, &self.around);
        *self.facts == facts && *derived.facts == facts && derived.networks == Networks::of(&facts.excluded)
    }
}
