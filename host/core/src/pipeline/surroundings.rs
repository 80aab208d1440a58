//! What is inside the cluster, as it follows from this node's surroundings and the newest state.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Memory, Pipeline, Question, choice};
use crate::model::{ClusterFacts, Connected, Key, Placement, PrivateDestinations, ServiceKey, Snapshot};
use crate::owner::Held;
use crate::plan::Plan;

impl Pipeline {
    /// Takes in what this node's interfaces have now; returns what has to be asked. Policies know nothing of interfaces, but
    /// where a Service has several addresses they see the one first that is used here.
    pub fn hold(&mut self, held: Held) -> Vec<Question> {
        self.around.interfaces = held.keys().copied().collect();
        self.holder.hold(held);
        self.gather();
        let newest = self.newest.clone();
        let several = self.services.iter().filter(|(_, entry)| choice::has_several(&entry.view.addresses));
        let several: Vec<ServiceKey> = several.map(|(key, _)| key.clone()).collect();
        several.into_iter().filter_map(|key| self.look(&newest, key, false)).collect()
    }

    /// Takes in what this node's interfaces are connected to.
    pub fn connect(&mut self, connected: Vec<Connected>) {
        self.around.connected = connected;
        self.gather();
    }

    /// Takes in what became of private destinations before (P6).
    pub fn went_on_with(&mut self, private: PrivateDestinations) {
        self.around.private = private;
        self.gather();
    }

    /// What is in force in the kernel follows from something that is not remembered any more.
    pub fn lost_memory(&mut self) {
        self.memory = Memory::Partial;
    }

    /// What becomes of private destinations where pods of unknown networks may be.
    pub fn private_destinations(&self) -> PrivateDestinations {
        self.around.private
    }

    pub(super) fn gather(&mut self) {
        self.facts = Arc::new(ClusterFacts::gather(&self.newest, &self.settings.cluster, &self.around));
    }

    /// Ends what goes on as before an update, where no packet depends on it any more: then none changes.
    pub(super) fn settle_private(&mut self, plan: &Plan) {
        let of_private = |pod| matches!(self.facts.placement(pod), Placement::Elsewhere(PrivateDestinations::AsBefore));
        match self.around.private {
            PrivateDestinations::AsBefore if !self.facts.is_as_before() && !pods(plan).any(of_private) => {
                self.went_on_with(PrivateDestinations::Withheld);
            }
            PrivateDestinations::AsBefore | PrivateDestinations::Withheld => {}
        }
    }
}

impl Pipeline {
    /// Whether news can change what is inside. Most are of Services whose ClusterIPs and pods are in known networks, before and
    /// after: of those nothing has to be gathered anew.
    pub(super) fn is_about_inside(&self, snapshot: &Snapshot, key: &Key) -> bool {
        match key {
            Key::Cluster => true,
            Key::Service(key) => [&self.newest, snapshot].into_iter().any(|state| self.shows_inside(state, key)),
            Key::Namespace(_) | Key::Policy(_) | Key::Pod(_) | Key::Pods => false,
        }
    }

    fn shows_inside(&self, state: &Snapshot, key: &ServiceKey) -> bool {
        let service = state.services.get(key);
        let addresses = service.into_iter().flat_map(|service| service.cluster_addresses.iter().copied());
        let slices = state.slices.get(key).into_iter().flat_map(|slices| slices.values());
        let mut pods = slices.flat_map(|slice| slice.endpoints.iter()).map(|endpoint| endpoint.address);
        let is_unknown = |address: IpAddr| !self.facts.is_excluded(address);
        addresses.into_iter().any(is_unknown) || pods.any(|pod| is_unknown(pod) || self.around.is_connected_to(pod))
    }
}

/// The pods of which nothing is translated towards private destinations.
pub(super) fn elsewhere(facts: &ClusterFacts, plan: &Plan) -> BTreeSet<IpAddr> {
    pods(plan).filter(|pod| facts.placement(*pod) == Placement::Elsewhere(PrivateDestinations::Withheld)).collect()
}

fn pods(plan: &Plan) -> impl Iterator<Item = IpAddr> {
    plan.services.values().flat_map(|service| &service.rules).flat_map(|rule| rule.sources.iter().copied())
}
