//! What network plugins and installers say about the cluster's networks: pools, nodes of Cilium, ConfigMaps, and the
//! arguments of k3s and RKE2 in a Node's annotations.

use std::sync::Arc;

use egressd_core::model::ClusterNetworks;
use ipnet::IpNet;
use serde_json::Value;

use super::address::{pod_network, service_network};
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;
use crate::source::documents::Identity;
use crate::source::kind::{Kind, NetworkKind};
use crate::source::networks::{ANNOTATIONS, Arguments};

/// How many networks count that one node's agent writes, as its CiliumNode or its Node's annotations, of pods and of
/// Services each. Cilium gives a node one at a time, and a second one when that is full.
pub const MOST_OF_A_NODE: usize = 16;
/// The widest network that counts of such. A wider one would declare much of the world a part of the cluster.
const WIDEST_V4: u8 = 8;
/// The same, IPv6.
const WIDEST_V6: u8 = 16;

/// The use of a pool of Calico's whose addresses Services have, and no pod.
const LOAD_BALANCER: &str = "LoadBalancer";

/// What an object says; unreadable where nothing can be made of the place that it says it in.
pub(super) fn networks(
    kind: NetworkKind,
    root: &Field<'_>,
    faults: &mut Vec<Fault>,
) -> Result<(Identity, ClusterNetworks), Unreadable> {
    let name = metadata::name(root)?;
    let said = match kind {
        NetworkKind::CalicoPools => calico_pool(&root.object("spec")?)?,
        NetworkKind::CiliumNodes => {
            let networks = root.object("spec")?.object("ipam")?.get("podCIDRs");
            ClusterNetworks { pods: of_a_node(networks.list()?, pod_network, faults), services: vec![] }
        }
        NetworkKind::CiliumPools => cilium_pool(&root.object("spec")?, faults)?,
        NetworkKind::Flannel | NetworkKind::OlderFlannel => flannel(&root.object("data")?, faults)?,
        NetworkKind::Kubeadm => kubeadm(&root.object("data")?, faults)?,
    };
    Ok(((Kind::Networks(kind), kind.called(name)), said))
}

/// A disabled pool counts too: pods that have their addresses of it keep them.
fn calico_pool(spec: &Field<'_>) -> Result<ClusterNetworks, Fault> {
    let cidr = spec.get("cidr");
    let network = pod_network(&cidr)?.ok_or_else(|| cidr.fault("a network like 10.244.0.0/16"))?;
    let uses = spec.get("allowedUses").items(&mut Vec::new());
    let is_for_services = !uses.is_empty() && uses.iter().all(|used| used.text() == Ok(Some(LOAD_BALANCER)));
    Ok(ClusterNetworks { pods: if is_for_services { vec![] } else { vec![network] }, services: vec![] })
}

fn cilium_pool(spec: &Field<'_>, faults: &mut Vec<Fault>) -> Result<ClusterNetworks, Fault> {
    let mut pods = Vec::new();
    for family in ["ipv4", "ipv6"] {
        let networks = spec.object(family)?.get("cidrs");
        pods.extend(networks.all(faults, pod_network)?);
    }
    Ok(ClusterNetworks { pods, services: vec![] })
}

/// Whether a family is switched on says little: pods that have an address of it keep it.
fn flannel(data: &Field<'_>, faults: &mut Vec<Fault>) -> Result<ClusterNetworks, Fault> {
    let place = data.get("net-conf.json");
    let parsed = place.text()?.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let settings = parsed.filter(Value::is_object).ok_or_else(|| place.fault("a JSON object, flannel's settings"))?;
    let settings = place.within(&settings);
    // The namespace is flannel's by its name alone, so it is not believed to say anything.
    let network = |name: &str| narrow(pod_network(&settings.get(name)), &settings.get(name));
    let pods = ["Network", "IPv6Network"].map(|name| kept(network(name), faults));
    Ok(ClusterNetworks { pods: pods.into_iter().flatten().collect(), services: vec![] })
}

fn kubeadm(data: &Field<'_>, faults: &mut Vec<Fault>) -> Result<ClusterNetworks, Fault> {
    let place = data.get("ClusterConfiguration");
    let parsed = place.text()?.and_then(|text| serde_saphyr::from_str::<Value>(text).ok());
    let settings = parsed.filter(Value::is_object).ok_or_else(|| place.fault("YAML, a ClusterConfiguration"))?;
    let networking = place.within(&settings).object("networking")?;
    let mut subnets = |name: &str, read: Read| {
        let subnets = networking.get(name);
        let parts = separated(subnets.text()?.unwrap_or_default());
        Ok::<_, Fault>(parts.iter().filter_map(|part| kept(read(&subnets.within(part)), faults)).collect())
    };
    let (pods, services) = (subnets("podSubnet", pod_network)?, subnets("serviceSubnet", service_network)?);
    Ok(ClusterNetworks { pods, services })
}

/// The networks in the arguments of a Node's installer.
pub(super) fn arguments(root: &Field<'_>, faults: &mut Vec<Fault>) -> Arguments {
    let annotations = root.get("metadata").object("annotations");
    let Some(annotations) = kept(annotations.map(Some), faults) else { return Arguments::new() };
    let mut arguments = Arguments::new();
    for annotation in ANNOTATIONS {
        let said = in_arguments(&annotations.get(annotation), faults);
        let networks = kept(said, faults).unwrap_or_default();
        if networks != ClusterNetworks::default() {
            arguments.insert(annotation, Arc::new(networks));
        }
    }
    arguments
}

/// `["server","--cluster-cidr","10.42.0.0/16","--service-cidr=10.43.0.0/16"]`: each may stand there several times.
fn in_arguments(field: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Option<ClusterNetworks>, Fault> {
    let Some(text) = field.text()? else { return Ok(None) };
    let parsed = serde_json::from_str::<Vec<Value>>(text).map_err(|_| field.fault("a JSON list of arguments"))?;
    let arguments: Vec<&str> = parsed.iter().map(|argument| argument.as_str().unwrap_or_default()).collect();
    let mut networks = |name: &str, read: Read| {
        let values = values(&arguments, name);
        of_a_node(values.iter().map(|value| field.within(value)), read, faults)
    };
    let pods = networks("--cluster-cidr", pod_network);
    Ok(Some(ClusterNetworks { pods, services: networks("--service-cidr", service_network) }))
}

/// The values of an argument, each of which may be several.
fn values(arguments: &[&str], name: &str) -> Vec<Value> {
    let value = |place: usize| match arguments.get(place)?.strip_prefix(name)? {
        "" => arguments.get(place + 1).copied(),
        rest => rest.strip_prefix('='),
    };
    (0..arguments.len()).filter_map(value).flat_map(separated).collect()
}

fn separated(text: &str) -> Vec<Value> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect()
}

/// How a network is read.
type Read = fn(&Field<'_>) -> Result<Option<IpNet>, Fault>;

/// Those that count of what one node's agent writes.
fn of_a_node<'a>(items: impl IntoIterator<Item = Field<'a>>, read: Read, faults: &mut Vec<Fault>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        if place == MOST_OF_A_NODE {
            faults.push(item.fault("one of the first 16 networks, which alone count of a node"));
            break;
        }
        networks.extend(kept(narrow(read(&item), &item), faults));
    }
    networks
}

/// A network that is not too wide to be believed.
fn narrow(network: Result<Option<IpNet>, Fault>, field: &Field<'_>) -> Result<Option<IpNet>, Fault> {
    let is_too_wide = |network: &IpNet| match network {
        IpNet::V4(network) => network.prefix_len() < WIDEST_V4,
        IpNet::V6(network) => network.prefix_len() < WIDEST_V6,
    };
    match network? {
        Some(network) if is_too_wide(&network) => {
            Err(field.fault("narrow enough to be a network of pods or Services: /8 (IPv4) or /16 (IPv6) at least"))
        }
        network => Ok(network),
    }
}

#[cfg(test)]
#[path = "cluster_networks_tests.rs"]
mod tests;
