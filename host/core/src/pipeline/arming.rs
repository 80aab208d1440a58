//! The guard that holds before policies have answered for the first time (P12): their loading takes seconds, in which pods
//! send.

use super::Pipeline;
use crate::model::{ClusterFacts, Snapshot};
use crate::plan::Plan;
use crate::ruleset::TableNames;

impl Pipeline {
    /// The names of the tables, and what they mark packets with now.
    pub fn tables(&self) -> &TableNames {
        &self.settings.tables
    }

    /// What is to be guarded as far as annotations, earlier answers and EndpointSlices show. Of its rules only the sources
    /// matter that they give to guarded pods.
    pub fn arming(&self) -> Plan {
        // Where nothing asks for `drop`, as in most clusters, a start pays nothing for it.
        let asks = self.subjects.iter().any(|(_, entry)| self.may_drop(&entry.view));
        if !asks && self.own_networks(&self.facts).is_empty() {
            return Plan::default();
        }
        let sharing = self.sharing_of_all();
        let here = self.here(&sharing);
        Plan { tunnel: None, ..self.plan_of(here, &self.all_newest(here)) }
    }

    /// The same before any object was read: this node's pod networks, where unknown pods are dropped. Nothing that an
    /// earlier process knew of pods counts, since after a start of the machine other pods have their addresses.
    pub fn arming_without_objects(&self) -> Plan {
        let nothing = self.with_last_networks(&Snapshot::default());
        let facts = ClusterFacts::gather(&nothing, &self.settings.cluster, &self.around);
        let own_networks = self.own_networks(&facts);
        Plan { own_networks, excluded: facts.excluded, ..Plan::default() }
    }
}
