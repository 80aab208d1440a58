//! State that all Services share, once per cycle. It is derived from the whole snapshot, since the index for changes of
//! single Nodes is compared with it: some 20 ms at 30,000 Services, and as much for the claims of 4,000 Nodes.

use super::{AuditSubject, AuditedPart, Disagreement};
use crate::check::Networks;
use crate::diff::{Applied, Common, Scope};
use crate::model::{ClusterFacts, KeptNodes, PublishedIndex, Snapshot};
use crate::pipeline::Pipeline;
use crate::pipeline::updating::{marks_of, ready_of};
use crate::placement::PlacementInput;
use crate::plan::TunnelPlan;

impl Pipeline {
    pub(super) fn audit_common(&self, applied: &Applied) -> Vec<Disagreement> {
        let common = || Scope::Pods(Default::default(), Common::Changed);
        let parts = [
            (AuditedPart::Surroundings, self.is_surrounded()),
            (AuditedPart::Inside, self.knows_what_is_inside()),
            (AuditedPart::Limits, self.is_limited_as_a_node()),
            (AuditedPart::Tunnel, self.is_tunnelled()),
            (AuditedPart::Rules, applied.is_counted() && !self.differs(applied, common())),
        ];
        let wrong = parts.into_iter().filter(|(_, holds)| !holds);
        wrong.map(|(part, _)| Disagreement { subject: AuditSubject::Node, part }).collect()
    }

    fn is_tunnelled(&self) -> bool {
        let Some(settings) = &self.settings.tunnel else { return self.derived.tunnel.is_none() };
        let parts = &self.derived.tunnel_parts;
        let tunnel = TunnelPlan::of(settings, &self.tunnels, parts, &mut self.numbers.clone());
        parts.is_joined() && self.derived.tunnel == Some(tunnel)
    }

    fn is_surrounded(&self) -> bool {
        let newest = &self.newest;
        let same_context = *self.context == self.context_of(newest);
        let same_announced = *self.ownership.seen() == PlacementInput::of(newest);
        let same_known = self.derived.known == self.known_addresses();
        same_context
            && same_announced
            && same_known
            && ready_of(newest).eq(&self.ready)
            && *self.policies == marks_of(newest)
    }

    fn knows_what_is_inside(&self) -> bool {
        let derived = &self.derived;
        let facts = ClusterFacts::gather(&self.newest, &self.settings.cluster, &self.around);
        let same_facts = *self.facts == facts && *derived.facts == facts;
        let Snapshot { nodes, egress_nodes, .. } = &self.newest;
        let same_nodes = self.nodes == KeptNodes::of(nodes);
        let same_further = self.further == PublishedIndex::of(nodes, &egress_nodes.by_name);
        let same_tunnels = self.tunnels == self.tunnels_anew();
        let is_found = self.places.outside(&self.facts.excluded).is_subset(&self.outside);
        same_facts
            && same_nodes
            && same_further
            && same_tunnels
            && is_found
            && derived.networks == Networks::of(&facts.excluded)
    }
}
