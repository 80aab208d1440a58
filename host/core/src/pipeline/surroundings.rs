//! What is inside the cluster, from this node's interfaces and the newest state.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::places::Indexed;
use super::{Pipeline, Question, RestoredState};
use crate::model::{
    AffectedSubjects, ClusterFacts, Connected, Endpoint, Listing, ManagedBy, Placement, PrivateDestinations, Selection,
    ServiceType, Snapshot, SubjectKey,
};
use crate::net::AddressRange;
use crate::owner::LocalAddresses;

impl Pipeline {
    /// Takes in what this node's interfaces have now; returns what has to be asked. Policies know nothing of
    /// interfaces, but where a Service has several addresses they see the one first that is used here.
    pub fn set_local_addresses(&mut self, held: LocalAddresses) -> Vec<Question> {
        self.around.interfaces = held.keys().copied().collect();
        let other = self.ownership.set_local_addresses(held);
        self.guard_selected_beside(&other);
        // A pod that no slice lists has no place before it is translated.
        let ranges: Vec<AddressRange> = other.iter().copied().map(AddressRange::from).collect();
        let mut concerned = self.early_within(&ranges);
        concerned.extend(other.into_iter().flat_map(|address| self.places.of(address)).cloned());
        concerned.extend(self.gather());
        self.look_at(concerned)
    }

    /// Takes in what this node's interfaces are connected to; returns what has to be asked.
    pub fn connect(&mut self, connected: Vec<Connected>) -> Vec<Question> {
        self.around.connected = connected;
        let concerned = self.gather();
        self.look_at(concerned)
    }

    fn look_at(&mut self, mut keys: BTreeSet<SubjectKey>) -> Vec<Question> {
        keys.extend(self.sharing_pods(&keys));
        let newest = self.newest.clone();
        keys.into_iter().filter_map(|key| self.look(&newest, key, false)).collect()
    }

    /// Takes in what became of private destinations before (P6).
    pub fn went_on_with(&mut self, private: PrivateDestinations) {
        self.around.private = private;
        let concerned = self.gather();
        // Policies are shown nothing of it.
        self.subjects.touch(&concerned);
    }

    /// What is in force in the kernel follows from something that is not remembered any more.
    pub fn lost_memory(&mut self) {
        self.memory = RestoredState::Partial;
        self.subjects.touch_all();
    }

    /// What becomes of private destinations where pods of unknown networks may be.
    pub fn private_destinations(&self) -> PrivateDestinations {
        self.around.private
    }

    /// Puts together anew what is inside; returns the Services that this concerns, to be looked at.
    pub(super) fn gather(&mut self) -> BTreeSet<SubjectKey> {
        self.nodes.follow(&self.newest.nodes);
        self.further.follow(&self.newest.nodes, &self.newest.egress_nodes.by_name);
        let tunnelled = self.take_tunnels();
        let index = Indexed {
            places: &self.places,
            nodes: &self.nodes,
            further: &self.further,
            outside: &self.outside,
            before: &self.facts.excluded,
        };
        let facts = ClusterFacts::gather_by(&index, &self.newest, &self.settings.cluster, &self.around);
        self.outside = index.outside(&facts.excluded);
        self.outside.retain(|key| self.places.has_inner(key, |address| !facts.is_excluded(address)));
        if facts == *self.facts {
            return tunnelled;
        }
        let before = std::mem::replace(&mut self.facts, Arc::new(facts));
        match before.concerned(&self.facts) {
            AffectedSubjects::All => {
                self.subjects.touch_all();
                self.subjects.keys().cloned().collect()
            }
            AffectedSubjects::These(ranges) => {
                let early = self.early_within(&ranges);
                // Pods may be guarded that no slice lists.
                let of = |range| self.places.within(range).chain(self.derived.pods.within(range));
                ranges.into_iter().flat_map(of).cloned().chain(early).chain(tunnelled).collect()
            }
        }
    }

    /// Ends what goes on as before an update, where no packet depends on it any more: then none changes.
    pub(super) fn settle_private(&mut self) {
        let of_private = |pod| matches!(self.facts.placement(pod), Placement::Elsewhere(PrivateDestinations::AsBefore));
        match self.around.private {
            PrivateDestinations::AsBefore
                if !self.facts.is_as_before() && !self.derived.pods.pods().any(of_private) =>
            {
                self.went_on_with(PrivateDestinations::Withheld);
            }
            PrivateDestinations::AsBefore | PrivateDestinations::Withheld => {}
        }
    }
}

impl Pipeline {
    /// Whether what is new of a Service can change what is inside. The ClusterIPs and pods of most are in known
    /// networks, before and after: of those nothing has to be gathered anew.
    pub(super) fn is_about_inside(&self, snapshot: &Snapshot, key: &SubjectKey) -> bool {
        self.shows_inside(&self.newest, key) != self.shows_inside(snapshot, key)
    }

    /// What a Service says that can be inside: addresses that no known network has, and pods near an interface, with
    /// all on which it depends whether they count.
    fn shows_inside<'a>(&self, state: &'a Snapshot, key: &SubjectKey) -> Vec<InsideSource<'a>> {
        let is_unknown = |address: IpAddr| !self.facts.is_excluded(address);
        let is_near = |address: IpAddr| is_unknown(address) || self.around.is_connected_to(address);
        let service = state.services.get(key).map(|service| &**service);
        let addresses = service.into_iter().flat_map(|service| service.cluster_addresses.iter().copied());
        let addresses = addresses.filter(|address| is_unknown(*address));
        let of_service = service.map(|service| (&service.selection, service.kind));
        let slices = state.slices.get(key).into_iter().flat_map(|slices| slices.values());
        let pods = slices.flat_map(|slice| slice.endpoints.iter().map(move |endpoint| (slice.made_by, endpoint)));
        let pods = pods.filter(|(_, endpoint)| is_near(endpoint.address));
        let shows = pods.map(|(made_by, endpoint)| InsideSource::Pod(of_service, made_by, endpoint));
        addresses.map(|address| InsideSource::Address(address, of_service)).chain(shows).collect()
    }
}

/// Something that can be inside.
#[derive(Debug, PartialEq)]
enum InsideSource<'a> {
    Address(IpAddr, Option<(&'a Selection, ServiceType)>),
    Pod(Option<(&'a Selection, ServiceType)>, ManagedBy, &'a Endpoint),
}
