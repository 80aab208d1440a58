//! The facts that hold for the whole cluster: which destinations stay inside it (P2).

mod concerned;
mod exact;
mod listing;
mod networks;
mod reason;
mod refusal;
mod sentences;
mod settings;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use imbl::OrdSet;
use ipnet::IpNet;

pub use concerned::AffectedSubjects;
pub use exact::MOST_ENDPOINTS;
pub use listing::Listing;
pub use reason::{AddressReason, Reason};
pub use settings::{ClusterSettings, InsideNetworks, Origin};

use self::exact::{ExactAddresses, cluster_addresses, listed_pods};
use self::networks::{Certainty, Named, NetworkSources, Networks};
use super::nodes::{NodeNetworks, believed_pod_networks, primary_addresses};
use super::{Connected, Endpoint, Snapshot, SubjectKey, Unusable};
use crate::finding::Finding;
use crate::net::{AddressRange, Family, is_within, merge_ranges, private_destinations};

/// Destinations that never leave a link or that have no single receiver; no source NAT makes sense for them.
const NEVER: [&str; 6] =
    ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8"];

/// Those of a family.
fn never(family: Family) -> impl Iterator<Item = IpNet> {
    let all = NEVER.iter().filter_map(|text| text.parse().ok());
    all.filter(move |network| Family::of_network(*network) == family)
}

fn own_pods(of_node: &[IpNet], of_settings: &[IpNet]) -> BTreeMap<Family, Vec<AddressRange>> {
    let of = |family: Family| {
        let of_family = |networks: &[IpNet]| {
            let networks = networks.iter().filter(|network| Family::of_network(**network) == family);
            merge_ranges(networks.copied().map(AddressRange::from))
        };
        let own = of_family(of_node);
        let networks = if own.is_empty() { of_family(of_settings) } else { own };
        (!networks.is_empty()).then_some((family, networks))
    };
    Family::ALL.into_iter().filter_map(of).collect()
}

/// This node, as far as what is inside depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub node: String,
    /// The addresses of its interfaces.
    pub interfaces: Vec<IpAddr>,
    /// The networks that its interfaces are connected to.
    pub connected: Vec<Connected>,
    /// What becomes of private destinations where pods may be there.
    pub private: PrivateDestinations,
}

/// The network of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In a network that is known, or nothing depends on it.
    Known,
    /// In none of the known networks, and what becomes of its packets to private destinations.
    Elsewhere(PrivateDestinations),
}

impl Surroundings {
    /// Whether an interface is connected to a network with this address.
    pub fn is_connected_to(&self, address: IpAddr) -> bool {
        self.connected.iter().any(|connected| connected.network.contains(&address))
    }
}

/// What becomes of packets to private destinations where it is not known that no pod is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrivateDestinations {
    /// Nothing is translated.
    #[default]
    Withheld,
    /// They are translated, as by an earlier release whose rules were in force here: an update takes no rule away.
    AsBefore,
}

/// Which destinations stay in the cluster, by family. A family whose networks are unknown is absent, and
/// nothing of it is translated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Destinations that are never translated: sorted, merged.
    pub excluded: BTreeMap<Family, Vec<AddressRange>>,
    /// Single ones beside them, of which many come and go: ClusterIPs and pods that none of those networks has.
    pub exact: BTreeSet<IpAddr>,
    /// All known pod networks: sorted, merged.
    pods: BTreeMap<Family, Vec<AddressRange>>,
    /// Those of them that Nodes have.
    of_nodes: BTreeMap<Family, NodeNetworks>,
    /// Pod networks from other sources.
    pod_networks: Vec<IpNet>,
    /// Where no address to translate to can lie: the networks of ServiceCIDRs and of this node's pods. Not what is
    /// assumed; not what settings name, which may be wide, since it is about destinations; and not what other Nodes
    /// claim, or they could switch off each other's translation.
    named_networks: Vec<AddressRange>,
    /// This node's own pod networks; where its Node has none, those of all nodes as the settings name them.
    pub own_pods: BTreeMap<Family, Vec<AddressRange>>,
    /// The nodes' own addresses, as far as Nodes are believed.
    pub node_addresses: OrdSet<IpAddr>,
    /// What nodes have beside those, as they publish it: as destinations alone.
    further: OrdSet<IpAddr>,
    /// The first address of each family of this node.
    primary_addresses: Vec<IpAddr>,
    /// Findings about networks that are assumed.
    pub findings: Vec<Finding>,
    /// Why each network is inside that is no Node's.
    networks: Vec<Named>,
    /// Why each address is, where no network has it, and beside those of Nodes.
    addresses: BTreeMap<IpAddr, AddressReason>,
    certainty: BTreeMap<Family, Certainty>,
    private: PrivateDestinations,
}

impl ClusterFacts {
    /// Puts together what the settings say and what the snapshot shows, on this node.
    pub fn gather(snapshot: &Snapshot, settings: &ClusterSettings, around: &Surroundings) -> Self {
        Self::gather_by(snapshot, snapshot, settings, around)
    }

    /// The same, of an index of the snapshot.
    pub fn gather_by(
        listing: &impl Listing,
        snapshot: &Snapshot,
        settings: &ClusterSettings,
        around: &Surroundings,
    ) -> Self {
        let here = snapshot.nodes.get(&around.node);
        let nodes = listing.nodes();
        let connected = connected(listing, snapshot, settings, around);
        // Who sets what is inside has answered the question.
        let private = match settings.inside {
            InsideNetworks::NotSet => around.private,
            InsideNetworks::Nothing | InsideNetworks::These(_) => PrivateDestinations::Withheld,
        };
        let places = NetworkSources { snapshot, settings, nodes: &nodes, connected: &connected, private };
        let of_families = Family::ALL.map(|family| (family, places.networks(family)));
        let mut facts = Self { findings: nodes.findings, node_addresses: nodes.addresses, private, ..Self::default() };
        for (family, networks) in of_families {
            facts.take(family, networks);
        }
        let further = listing.further();
        facts.findings.extend(further.findings);
        facts.further = further.addresses;
        facts.add_machines(settings, around);
        facts.add_exact(snapshot, &listing.outside(&facts.excluded));
        let of_services = snapshot.service_networks.values().flat_map(|networks| networks.iter().copied());
        let of_here: Vec<IpNet> = here.into_iter().flat_map(|node| believed_pod_networks(node)).collect();
        facts.findings.extend(here.and_then(|node| sentences::own_networks_kept(&around.node, node)));
        facts.own_pods = own_pods(&of_here, &settings.pod_networks);
        facts.named_networks = merge_ranges(of_here.into_iter().chain(of_services).map(AddressRange::from));
        facts.primary_addresses = here.into_iter().flat_map(|node| primary_addresses(node)).collect();
        facts
    }

    /// Whether what all pods have in common is the same by both.
    pub(crate) fn says_the_same_of_all_pods(&self, other: &Self) -> bool {
        (&self.excluded, &self.exact, &self.own_pods) == (&other.excluded, &other.exact, &other.own_pods)
    }

    /// What may be inside in a family of which nothing is known, sorted and merged.
    pub fn inside_while_unknown(family: Family) -> Vec<AddressRange> {
        let never = never(family).map(AddressRange::from);
        merge_ranges(never.chain(private_destinations(family).iter().copied()))
    }

    /// What the snapshot alone shows, of all nodes alike.
    pub fn detected(snapshot: &Snapshot) -> Self {
        Self::gather(snapshot, &ClusterSettings::default(), &Surroundings::default())
    }

    fn take(&mut self, family: Family, networks: Networks) {
        let Networks { of_nodes, pods, services, certainty, findings } = networks;
        self.findings.extend(findings);
        let Some(certainty) = certainty else { return };
        self.pod_networks.extend(pods.iter().map(|(network, _)| *network));
        let of_pods = of_nodes.keys().copied().chain(pods.iter().map(|(network, _)| *network));
        let of_pods = merge_ranges(of_pods.map(AddressRange::from));
        let never = never(family).map(|network| (network, Reason::Never));
        let mut all: Vec<Named> = pods.into_iter().chain(services).chain(never).collect();
        if let Certainty::Withheld(_) = certainty {
            all.extend(private_destinations(family).iter().filter_map(|r| Some((r.network()?, Reason::Private))));
        }
        self.excluded.insert(family, all.iter().map(|(network, _)| AddressRange::from(*network)).collect());
        self.pods.insert(family, of_pods);
        self.of_nodes.insert(family, of_nodes);
        self.networks.extend(all);
        self.certainty.insert(family, certainty);
    }

    /// Addresses of machines go to the networks, since they seldom change; and all of them are merged.
    fn add_machines(&mut self, settings: &ClusterSettings, around: &Surroundings) {
        let mut machines = ExactAddresses::default();
        let has = |address: IpAddr| self.networks.iter().any(|(network, _)| network.contains(&address));
        let is_of_pods = |address| self.pods.get(&Family::of(address)).is_none_or(|pods| is_within(pods, address));
        let is_known = |address| is_of_pods(address) || has(address);
        machines.add(around.interfaces.iter().copied(), AddressReason::Interface, is_known);
        machines.add(settings.api_server.iter().copied(), AddressReason::ApiServer, is_known);
        self.addresses = machines.addresses;
        for (family, ranges) in &mut self.excluded {
            let of_nodes = self.node_addresses.iter().filter(|address| Unusable::of(**address).is_none());
            let all = of_nodes.chain(&self.further).chain(self.addresses.keys());
            let singles = all.filter(|address| Family::of(**address) == *family).copied().map(AddressRange::from);
            let pods = self.pods.get(family).into_iter().flatten().copied();
            // All at once: there may be thousands of each.
            *ranges = merge_ranges(pods.chain(singles).chain(std::mem::take(ranges)));
        }
    }

    /// Those of which many come and go are kept apart.
    fn add_exact(&mut self, snapshot: &Snapshot, keys: &BTreeSet<SubjectKey>) {
        let mut exact = ExactAddresses::default();
        let is_known = |address| self.is_excluded(address);
        exact.add(cluster_addresses(snapshot, keys), AddressReason::ClusterIp, is_known);
        exact.add_pods(snapshot, keys, is_known);
        self.findings.extend(exact.findings);
        self.exact = exact.addresses.keys().copied().collect();
        self.addresses.extend(exact.addresses);
    }

    /// Whether nothing is translated towards an address, as one of a network or a machine; nothing of an unknown family
    /// is.
    pub fn is_excluded(&self, address: IpAddr) -> bool {
        self.excluded.get(&Family::of(address)).is_none_or(|ranges| is_within(ranges, address))
    }

    /// Whether a pod is where pods are known to be. One that is elsewhere shows that there are networks which are not
    /// known, so nothing of it is translated towards private destinations.
    pub fn placement(&self, pod: IpAddr) -> Placement {
        let is_known = || self.pods.get(&Family::of(pod)).is_some_and(|pods| is_within(pods, pod));
        match self.certainty.get(&Family::of(pod)) {
            Some(Certainty::Known) if !is_known() => Placement::Elsewhere(self.private),
            // Nothing private is translated to by anybody, or the administrator says that all is known.
            Some(Certainty::Known | Certainty::Withheld(_) | Certainty::AsBefore(_) | Certainty::Stated) | None => {
                Placement::Known
            }
        }
    }

    /// Whether a family is translated towards private destinations only because an earlier release did.
    pub fn is_as_before(&self) -> bool {
        let as_before = |certainty: &Certainty| matches!(certainty, Certainty::AsBefore(_));
        self.certainty.values().any(as_before)
    }

    /// What a Service with rules of this family is to know about its networks.
    pub fn doubt(&self, family: Family) -> Option<Finding> {
        match self.certainty.get(&family)? {
            Certainty::Known | Certainty::Stated => None,
            Certainty::Withheld(doubt) => Some(sentences::withheld(family, doubt)),
            Certainty::AsBefore(doubt) => Some(sentences::as_before(family, doubt)),
        }
    }
}

/// The networks in which this node has pods by an interface of its own. In a cluster only what the endpoint-slice
/// controller says is taken for a pod, since a tenant could list an address of any network that the node is connected
/// to.
fn connected(
    listing: &impl Listing,
    snapshot: &Snapshot,
    settings: &ClusterSettings,
    around: &Surroundings,
) -> Vec<Named> {
    let near: Vec<AddressRange> = around.connected.iter().map(|connected| connected.network.into()).collect();
    let keys = if near.is_empty() { BTreeSet::new() } else { listing.within(&near) };
    let is_near = |address: IpAddr| around.is_connected_to(address);
    let is_here = |endpoint: &&Endpoint| endpoint.node.as_deref() == Some(&*around.node) && is_near(endpoint.address);
    let slices = || keys.iter().filter_map(|key| snapshot.slices.get(key)).flat_map(|slices| slices.values());
    let listed: Vec<IpAddr> = match (settings.origin, &*around.connected) {
        (_, []) => Vec::new(),
        (Origin::Manifests, _) if snapshot.nodes.is_empty() => {
            slices().flat_map(|slice| slice.endpoints.iter()).filter(is_here).map(|pod| pod.address).collect()
        }
        (Origin::Manifests | Origin::Cluster, _) => {
            listed_pods(snapshot, &keys, is_near).map(|(_, pod)| pod).filter(is_here).map(|pod| pod.address).collect()
        }
    };
    let has_a_pod = |network: &IpNet| listed.iter().any(|address| network.contains(address));
    let with_pods = around.connected.iter().filter(|connected| has_a_pod(&connected.network));
    with_pods.map(|connected| (connected.network, Reason::Connected(connected.interface.clone()))).collect()
}
