//! What all Services have in common, once a cycle. It is gathered from the whole snapshot, since the
//! index by which a Node that changes costs less is what is to be held against it: some 20 ms at 30,000 Services.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Disagreement, Part, Subject};
use crate::check::Networks;
use crate::diff::{Applied, Common, Scope};
use crate::model::{ClusterFacts, Context, PolicyMark, PolicyObject, Readiness, Snapshot};
use crate::pipeline::Pipeline;

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
        let nodes = &self.newest.nodes;
        let ready = nodes.iter().filter(|(_, node)| node.readiness == Readiness::Ready).map(|(name, _)| name);
        let labels = nodes.get(&self.settings.node).map(|node| Arc::new(node.labels.clone()));
        let context = Context { node: self.settings.node.clone(), node_labels: labels.unwrap_or_default() };
        ready.eq(&self.ready) && *self.context == context && *self.policies == self.marks_of(&self.newest)
    }

    pub(super) fn marks_of(&self, snapshot: &Snapshot) -> BTreeMap<String, PolicyMark> {
        let mark = |(name, policy): (&String, &Arc<PolicyObject>)| (name.clone(), policy.mark.clone());
        snapshot.policies.iter().map(mark).collect()
    }

    fn knows_what_is_inside(&self) -> bool {
        let derived = &self.derived;
        let facts = ClusterFacts::gather(&self.newest, &self.settings.cluster, &self.around);
        *self.facts == facts && *derived.facts == facts && derived.networks == Networks::of(&facts.excluded)
    }
}
