//! The facts that hold for the whole cluster: which destinations stay inside it (P2).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::nodes::{believed, is_too_wide, own_pod_networks, primary_addresses};
use super::{Snapshot, Unusable};
use crate::finding::{Finding, Severity};
use crate::net::{AddressRange, Family, merge_ranges};

/// Where pods live when nothing says so (kube-vip's default of `egress_podcidr`).
const DEFAULT_POD_NETWORK: &str = "10.0.0.0/16";
/// Where Services live when nothing says so (kube-vip's and Kubernetes' default).
const DEFAULT_SERVICE_NETWORK: &str = "10.96.0.0/12";
/// Destinations that never leave a link or that have no single receiver; no source NAT makes sense for them.
const NEVER: [&str; 6] =
    ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8"];

/// What the administrator says about the cluster; what is empty is detected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterSettings {
    /// `egress_podcidr`: replaces the detected pod networks of each family it names.
    pub pod_networks: Vec<IpNet>,
    /// `egress_servicecidr`: replaces the detected service networks of each family it names.
    pub service_networks: Vec<IpNet>,
    /// The API server's addresses, where known.
    pub api_server: Vec<IpAddr>,
}

/// Which destinations stay in the cluster, by family. A family whose networks are unknown is absent, and
/// nothing of it is translated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Destinations that are never translated: sorted, merged.
    pub excluded: BTreeMap<Family, Vec<AddressRange>>,
    /// All known pod networks.
    pub pod_networks: Vec<IpNet>,
    /// Where no address to translate to can lie: the networks of ServiceCIDRs and of this node's pods. Not what is assumed;
    /// not what settings name, which may be wide, since it is about destinations; and not what other Nodes claim, or they
    /// could switch off each other's translation.
    named_networks: Vec<AddressRange>,
    /// The nodes' own addresses, as far as Nodes are believed.
    pub node_addresses: BTreeSet<IpAddr>,
    /// The first address of each family of this node.
    primary_addresses: Vec<IpAddr>,
    /// What had to be assumed.
    pub findings: Vec<Finding>,
}

impl ClusterFacts {
    /// Puts together what the settings say and what the snapshot shows, on the node of this name.
    pub fn gather(snapshot: &Snapshot, settings: &ClusterSettings, node: &str) -> Self {
        let here = snapshot.nodes.get(node);
        let of_here: Vec<IpNet> =
            here.into_iter().flat_map(own_pod_networks).filter(|network| !is_too_wide(*network)).collect();
        let nodes = believed(&snapshot.nodes);
        let of_services: Vec<IpNet> = snapshot.service_networks.values().flat_map(|n| n.iter().copied()).collect();
        let mut facts = Self { findings: nodes.findings, ..Self::default() };
        for family in Family::ALL {
            let pods = known(family, [&settings.pod_networks, &nodes.pod_networks]);
            let services = known(family, [&settings.service_networks, &of_services]);
            let missing: Vec<&Kind> = [(&pods, &POD), (&services, &SERVICE)]
                .into_iter()
                .filter(|(n, _)| n.is_empty())
                .map(|(_, k)| k)
                .collect();
            facts.findings.extend(unknown(family, &missing));
            if family == Family::Ipv6 && !missing.is_empty() {
                continue;
            }
            let pods = POD.or_default(pods);
            let services = SERVICE.or_default(services);
            let hosts = nodes.addresses.iter().chain(&settings.api_server).filter(|a| Family::of(**a) == family);
            let networks = pods.iter().chain(&services).copied().chain(never(family)).map(AddressRange::from);
            facts.excluded.insert(family, merge_ranges(networks.chain(hosts.copied().map(AddressRange::from))));
            facts.pod_networks.extend(pods);
        }
        facts.named_networks = merge_ranges(of_here.into_iter().chain(of_services).map(AddressRange::from));
        facts.node_addresses = nodes.addresses;
        facts.primary_addresses = here.into_iter().flat_map(|node| primary_addresses(node)).collect();
        facts
    }

    /// What the snapshot alone shows, of all nodes alike.
    pub fn detected(snapshot: &Snapshot) -> Self {
        Self::gather(snapshot, &ClusterSettings::default(), "")
    }

    /// Why no packet of this node may get this address as its source, whoever gave it to a Service; none when one may.
    pub fn refusal(&self, address: IpAddr) -> Option<Finding> {
        if let Some(unusable) = Unusable::of(address) {
            return Some(refused("address-unusable", address, &format!("it is {unusable}")));
        }
        if self.names(address) {
            let because = "it lies in a pod or service network, where answers would not come back to this node; give the \
                           Service an address outside of them";
            return Some(refused("address-in-cluster-network", address, because));
        }
        let because = "it is this node's own address, which packets of its pods mostly have anyway (masquerade)";
        let is_a_nodes = self.primary_addresses.contains(&address);
        let finding = || Finding::new(Severity::Info, "address-is-a-nodes", not_translated(address, because));
        is_a_nodes.then(finding)
    }

    fn names(&self, address: IpAddr) -> bool {
        let after = self.named_networks.partition_point(|range| range.first() <= address);
        after.checked_sub(1).and_then(|at| self.named_networks.get(at)).is_some_and(|range| range.contains(address))
    }
}

fn refused(code: &'static str, address: IpAddr, because: &str) -> Finding {
    Finding::error(code, not_translated(address, because))
}

fn not_translated(address: IpAddr, because: &str) -> String {
    format!("nothing is translated to {address}: {because}")
}

/// One kind of network: how it is called, where it is looked for, and what is assumed for IPv4.
struct Kind {
    name: &'static str,
    source: &'static str,
    setting: &'static str,
    default: &'static str,
}

const POD: Kind =
    Kind { name: "pod", source: "Node's spec.podCIDRs", setting: "egress_podcidr", default: DEFAULT_POD_NETWORK };
const SERVICE: Kind =
    Kind { name: "service", source: "ServiceCIDR", setting: "egress_servicecidr", default: DEFAULT_SERVICE_NETWORK };

impl Kind {
    fn or_default(&self, networks: Vec<IpNet>) -> Vec<IpNet> {
        if networks.is_empty() { self.default.parse().into_iter().collect() } else { networks }
    }
}

/// The networks of a family from the first place that names any.
fn known(family: Family, places: [&Vec<IpNet>; 2]) -> Vec<IpNet> {
    let of_family = |networks: &Vec<IpNet>| -> Vec<IpNet> {
        networks.iter().copied().filter(|n| Family::of_network(*n) == family).collect()
    };
    places.into_iter().map(of_family).find(|networks| !networks.is_empty()).unwrap_or_default()
}

/// IPv4 is assumed, one finding a kind; IPv6 is not translated, one finding for both.
fn unknown(family: Family, missing: &[&Kind]) -> Vec<Finding> {
    match (family, missing) {
        (_, []) => vec![],
        (Family::Ipv4, missing) => missing.iter().map(|kind| assumed(kind)).collect(),
        (Family::Ipv6, missing) => {
            let list =
                |part: fn(&Kind) -> &'static str| missing.iter().map(|k| part(k)).collect::<Vec<_>>().join(" and ");
            let (names, sources, settings) = (list(|k| k.name), list(|k| k.source), list(|k| k.setting));
            let message = format!(
                "no IPv6 {names} network is known (no {sources} says one), so nothing IPv6 is translated; set {settings}"
            );
            vec![Finding::new(Severity::Info, "ipv6-networks-unknown", message)]
        }
    }
}

fn assumed(kind: &Kind) -> Finding {
    let Kind { name, source, setting, default } = kind;
    Finding::warning(
        format!("{name}-network-assumed"),
        format!("no IPv4 {name} network is known (no {source} says one), so {default} is assumed; set {setting}"),
    )
}

fn never(family: Family) -> impl Iterator<Item = IpNet> {
    let parse = move |text: &str| match family {
        Family::Ipv4 => text.parse::<Ipv4Net>().ok().map(IpNet::V4),
        Family::Ipv6 => text.parse::<Ipv6Net>().ok().map(IpNet::V6),
    };
    NEVER.into_iter().filter_map(parse)
}
