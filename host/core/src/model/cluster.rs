//! The facts that hold for the whole cluster: which destinations stay inside it (P2).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Snapshot;
use crate::finding::Finding;
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
    /// What had to be assumed.
    pub findings: Vec<Finding>,
}

impl ClusterFacts {
    /// Puts together what the settings say and what the snapshot shows.
    pub fn gather(snapshot: &Snapshot, settings: &ClusterSettings) -> Self {
        let detected_pods: Vec<IpNet> = snapshot.nodes.values().flat_map(|n| n.pod_networks.iter().copied()).collect();
        let detected_services: Vec<IpNet> =
            snapshot.service_networks.values().flat_map(|n| n.iter().copied()).collect();
        let nodes: Vec<IpAddr> = snapshot.nodes.values().flat_map(|n| n.addresses.iter().copied()).collect();
        let mut facts = Self::default();
        for family in Family::ALL {
            let pods = POD.known(family, &settings.pod_networks, &detected_pods, &mut facts.findings);
            let services = SERVICE.known(family, &settings.service_networks, &detected_services, &mut facts.findings);
            let (Some(pods), Some(services)) = (pods, services) else { continue };
            let hosts = nodes.iter().chain(&settings.api_server).copied().filter(|a| Family::of(*a) == family);
            let networks = pods.iter().chain(&services).copied().chain(never(family)).map(AddressRange::from);
            facts.excluded.insert(family, merge_ranges(networks.chain(hosts.map(AddressRange::from))));
            facts.pod_networks.extend(pods);
        }
        facts
    }
}

/// One kind of network: how it is called, and what is assumed.
struct Kind {
    name: &'static str,
    source: &'static str,
    setting: &'static str,
    default: &'static str,
}

const POD: Kind =
    Kind { name: "pod", source: "Node's spec.podCIDRs", setting: "egress_podcidr", default: DEFAULT_POD_NETWORK };
const SERVICE: Kind = Kind {
    name: "service",
    source: "ServiceCIDR object",
    setting: "egress_servicecidr",
    default: DEFAULT_SERVICE_NETWORK,
};

impl Kind {
    /// The networks of a family: what is set, else what was detected, else for IPv4 the default, said aloud.
    fn known(
        &self,
        family: Family,
        set: &[IpNet],
        detected: &[IpNet],
        findings: &mut Vec<Finding>,
    ) -> Option<Vec<IpNet>> {
        let of_family = |networks: &[IpNet]| -> Vec<IpNet> {
            networks.iter().copied().filter(|n| Family::of_network(*n) == family).collect()
        };
        let known = [of_family(set), of_family(detected)].into_iter().find(|networks| !networks.is_empty());
        if known.is_none() {
            findings.push(self.unknown(family));
        }
        match family {
            Family::Ipv4 => Some(known.unwrap_or_else(|| self.default.parse().into_iter().collect())),
            Family::Ipv6 => known,
        }
    }

    fn unknown(&self, family: Family) -> Finding {
        let Self { name, source, setting, default } = self;
        let missing = format!("no {family} {name} network is known: no {source} says one");
        match family {
            Family::Ipv4 => Finding::warning(
                format!("{name}-network-assumed"),
                format!("{missing}, so {default} is assumed; set {setting}"),
            ),
            Family::Ipv6 => Finding::new(
                crate::finding::Severity::Info,
                format!("{name}-network-unknown"),
                format!("{missing}, so nothing {family} is translated; set {setting}"),
            ),
        }
    }
}

fn never(family: Family) -> impl Iterator<Item = IpNet> {
    let parse = move |text: &str| match family {
        Family::Ipv4 => text.parse::<Ipv4Net>().ok().map(IpNet::V4),
        Family::Ipv6 => text.parse::<Ipv6Net>().ok().map(IpNet::V6),
    };
    NEVER.into_iter().filter_map(parse)
}
