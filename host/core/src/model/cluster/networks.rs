//! The networks of one family that are inside the cluster, and whether they are certainly all of them.

use ipnet::IpNet;

use super::reason::Reason;
use super::settings::{ClusterSettings, InsideNetworks, Origin};
use super::{PrivateDestinations, sentences};
use crate::finding::Finding;
use crate::model::nodes::{NodeFacts, NodeNetworks};
use crate::model::{Completeness, Snapshot};
use crate::net::Family;

/// Where pods live when nothing says so (kube-vip's default).
const DEFAULT_POD_NETWORK: &str = "10.0.0.0/16";
/// Where Services live when nothing says so (kube-vip's and Kubernetes' default).
const DEFAULT_SERVICE_NETWORK: &str = "10.96.0.0/12";

/// A network, and why it is inside.
pub(super) type Named = (IpNet, Reason);

/// How sure it is that all pods are where pods are known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// All networks are known. A pod outside of them shows that there are more.
    Known,
    /// All networks are known, and the administrator says so.
    Stated,
    /// There may be pods at private destinations, so nothing is translated towards those.
    Withheld(Doubt),
    /// The same, but an earlier release translated, and goes on with that.
    AsBefore(Doubt),
}

/// Why there may be pods elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// No source names pod networks.
    Unsaid,
    /// What this object says cannot be read.
    Unreadable(String),
    /// This one says nothing, though others of its kind do.
    Lacking(String),
}

/// The networks of one family.
#[derive(Debug, Default)]
pub(super) struct Networks {
    /// Pod networks of Nodes.
    pub(super) of_nodes: NodeNetworks,
    /// Where pods live, as all else says.
    pub(super) pods: Vec<Named>,
    /// Service networks.
    pub(super) services: Vec<Named>,
    /// None where nothing of the family is translated.
    pub(super) certainty: Option<Certainty>,
    pub(super) findings: Vec<Finding>,
}

/// The sources that networks are read from.
pub(super) struct NetworkSources<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) settings: &'a ClusterSettings,
    /// What all Nodes say, as far as they are believed.
    pub(super) nodes: &'a NodeFacts,
    /// What this node's pods are connected to.
    pub(super) connected: &'a [Named],
    pub(super) private: PrivateDestinations,
}

impl NetworkSources<'_> {
    /// The networks of a family, from all sources.
    pub(super) fn networks(&self, family: Family) -> Networks {
        let ((of_nodes, pods), services) = (self.pods(family), self.services(family));
        let further = self.further(family);
        let mut networks = Networks { of_nodes, pods: [pods, further].concat(), services, ..Networks::default() };
        networks.certainty = self.certainty(family, &networks);
        match (&networks.certainty, family) {
            (None, _) => networks.findings.push(sentences::ipv6_unknown()),
            (Some(Certainty::Withheld(doubt)), _) => networks.findings.push(sentences::withheld(family, doubt)),
            (Some(Certainty::AsBefore(doubt)), _) => networks.findings.push(sentences::as_before(family, doubt)),
            (Some(Certainty::Stated | Certainty::Known), _) => {}
        }
        self.assume(family, &mut networks);
        networks.pods.extend(of_family(family, self.connected.iter().cloned()));
        networks
    }

    /// As Nodes say, and as all else does.
    fn pods(&self, family: Family) -> (NodeNetworks, Vec<Named>) {
        let set = setting(family, "--pod-networks (EGRESSD_POD_NETWORKS)", &self.settings.pod_networks);
        if !set.is_empty() {
            return (NodeNetworks::new(), set);
        }
        let others =
            self.snapshot.cluster_networks.iter().flat_map(|(name, networks)| {
                networks.pods.iter().map(|network| (*network, Reason::Object(name.clone())))
            });
        (self.nodes.pod_networks.get(&family).cloned().unwrap_or_default(), of_family(family, others))
    }

    fn services(&self, family: Family) -> Vec<Named> {
        let set = setting(family, "--service-networks (EGRESSD_SERVICE_NETWORKS)", &self.settings.service_networks);
        if !set.is_empty() {
            return set;
        }
        let cidrs = self.snapshot.service_networks.iter().flat_map(|(name, networks)| {
            networks.iter().map(move |network| (*network, Reason::Object(format!("ServiceCIDR {name}"))))
        });
        let others = self.snapshot.cluster_networks.iter().flat_map(|(name, networks)| {
            networks.services.iter().map(|network| (*network, Reason::Object(name.clone())))
        });
        of_family(family, cidrs.chain(others))
    }

    fn further(&self, family: Family) -> Vec<Named> {
        setting(family, "--inside-networks (EGRESSD_INSIDE_NETWORKS)", self.settings.inside.named())
    }

    /// No family is half known by a setting: who names networks of it says that these and the detected ones are all.
    fn certainty(&self, family: Family, networks: &Networks) -> Option<Certainty> {
        let is_unsaid = networks.is_unsaid();
        let is_named = !setting(family, "", &self.settings.pod_networks).is_empty() || !self.further(family).is_empty();
        let unsaid = is_unsaid.then_some(Doubt::Unsaid);
        let doubt = unsaid.or_else(|| self.unreadable()).or_else(|| self.lacking(family));
        match (family, &self.settings.inside) {
            (Family::Ipv6, _) if is_unsaid => None,
            (_, InsideNetworks::Nothing) => Some(Certainty::Stated),
            (_, InsideNetworks::NotSet | InsideNetworks::These(_)) if is_named => Some(Certainty::Known),
            (_, InsideNetworks::NotSet | InsideNetworks::These(_)) if self.is_no_cluster() => Some(Certainty::Stated),
            (_, InsideNetworks::NotSet | InsideNetworks::These(_)) => {
                Some(doubt.map_or(Certainty::Known, |doubt| self.private.certainty(doubt)))
            }
        }
    }

    /// A Node, or an object of a network plugin or an installer, of which it is not known where it says that pods live.
    fn unreadable(&self) -> Option<Doubt> {
        let others = self.snapshot.cluster_networks.iter();
        let mut others = others.filter(|(_, networks)| networks.completeness == Completeness::Partial);
        let node = self.nodes.partial.as_ref().map(|name| format!("Node {name}"));
        node.or_else(|| others.next().map(|(name, _)| name.clone())).map(Doubt::Unreadable)
    }

    /// A Node whose pods are in no network that is named, where those of others are. Pools of a plugin are for all
    /// Nodes; and one that only joins gets its network before it is ready. One with a network of the other family alone
    /// has no pods of this one.
    fn lacking(&self, family: Family) -> Option<Doubt> {
        let is_of_family = |network: &IpNet| Family::of_network(*network) == family;
        let mut pools = self.snapshot.cluster_networks.values().flat_map(|networks| &networks.pods);
        if pools.any(is_of_family) {
            return None;
        }
        let name = self.nodes.lacking.as_ref()?;
        Some(Doubt::Lacking(format!("Node {name}")))
    }

    /// Files without a Node describe one machine, and what kube-vip assumes is all that is inside.
    fn is_no_cluster(&self) -> bool {
        match self.settings.origin {
            Origin::Manifests => self.snapshot.nodes.is_empty() && self.unreadable().is_none(),
            Origin::Cluster => false,
        }
    }

    /// kube-vip's networks, where nothing names any of a kind.
    fn assume(&self, family: Family, networks: &mut Networks) {
        if family == Family::Ipv6 || self.settings.inside == InsideNetworks::Nothing {
            return;
        }
        if networks.is_unsaid() {
            networks.pods.extend(assumed(DEFAULT_POD_NETWORK, "pod"));
            if networks.certainty == Some(Certainty::Stated) {
                networks.findings.push(sentences::pods_assumed(DEFAULT_POD_NETWORK));
            }
        }
        if networks.services.is_empty() {
            networks.services.extend(assumed(DEFAULT_SERVICE_NETWORK, "service"));
            networks.findings.push(sentences::services_assumed(DEFAULT_SERVICE_NETWORK, self.settings.origin));
        }
    }
}

impl Networks {
    /// Whether no source names pod networks.
    fn is_unsaid(&self) -> bool {
        self.of_nodes.is_empty() && self.pods.is_empty()
    }
}

impl PrivateDestinations {
    fn certainty(self, doubt: Doubt) -> Certainty {
        match self {
            Self::Withheld => Certainty::Withheld(doubt),
            Self::AsBefore => Certainty::AsBefore(doubt),
        }
    }
}

fn assumed(network: &str, kind: &'static str) -> Option<Named> {
    Some((network.parse().ok()?, Reason::Assumed(kind)))
}

fn setting(family: Family, name: &'static str, networks: &[IpNet]) -> Vec<Named> {
    of_family(family, networks.iter().map(|network| (*network, Reason::Setting(name))))
}

pub(super) fn of_family(family: Family, networks: impl Iterator<Item = Named>) -> Vec<Named> {
    networks.filter(|(network, _)| Family::of_network(*network) == family).collect()
}
