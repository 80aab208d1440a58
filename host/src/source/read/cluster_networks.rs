//! What network plugins and installers say about the cluster's networks: pools, nodes of Cilium, ConfigMaps, and the
//! arguments of k3s and RKE2 in a Node's annotations.

use std::sync::Arc;

use egressd_core::model::{ClusterNetworks, Completeness};
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
pub const MAX_NODE_NETWORKS: usize = 16;
/// The widest network that counts of such. A wider one would declare much of the world a part of the cluster.
const WIDEST_V4: u8 = 8;
/// The same, IPv6.
const WIDEST_V6: u8 = 16;

/// The use of a pool of Calico's whose addresses Services have, and no pod.
const LOAD_BALANCER: &str = "LoadBalancer";

/// What is wrong with an object.
#[derive(Default)]
struct NetworkFault {
    /// With this, pods may be anywhere.
    unread: Vec<Fault>,
    others: Vec<Fault>,
}

impl NetworkFault {
    fn networks(&self, pods: Vec<IpNet>, services: Vec<IpNet>) -> ClusterNetworks {
        let completeness = if self.unread.is_empty() { Completeness::Whole } else { Completeness::Partial };
        ClusterNetworks { pods, services, completeness }
    }

    fn all(self) -> impl Iterator<Item = Fault> {
        self.unread.into_iter().chain(self.others)
    }

    /// A network that could be read, and that is not too wide to be believed.
    fn believed(&mut self, network: Result<Option<IpNet>, Fault>, field: &Field<'_>) -> Option<IpNet> {
        let network = kept(network, &mut self.unread)?;
        kept(narrow(network, field).map(Some), &mut self.others)
    }
}

/// What an object says; unreadable where nothing can be made of the place that it says it in.
pub(super) fn networks(
    kind: NetworkKind,
    root: &Field<'_>,
    faults: &mut Vec<Fault>,
) -> Result<(Identity, ClusterNetworks), Unreadable> {
    let (name, mut wrong) = (metadata::name(root)?, NetworkFault::default());
    let (pods, services) = match kind {
        NetworkKind::CalicoPools => (calico_pool(&root.object("spec")?)?, vec![]),
        NetworkKind::CiliumNodes => {
            let networks = root.object("spec")?.object("ipam")?.get("podCIDRs");
            (of_a_node(networks.list()?, pod_network, &mut wrong), vec![])
        }
        NetworkKind::CiliumPools => (cilium_pool(&root.object("spec")?, &mut wrong)?, vec![]),
        NetworkKind::Flannel | NetworkKind::OlderFlannel => (flannel(&root.object("data")?, &mut wrong)?, vec![]),
        NetworkKind::Kubeadm => kubeadm(&root.object("data")?, &mut wrong)?,
    };
    let networks = wrong.networks(pods, services);
    faults.extend(wrong.all());
    Ok(((Kind::Networks(kind), kind.called(name)), networks))
}

/// A disabled pool counts too: pods that have their addresses of it keep them.
fn calico_pool(spec: &Field<'_>) -> Result<Vec<IpNet>, Fault> {
    let cidr = spec.get("cidr");
    let network = pod_network(&cidr)?.ok_or_else(|| cidr.fault("a network like 10.244.0.0/16"))?;
    let uses = spec.get("allowedUses").items(&mut Vec::new());
    let is_for_services = !uses.is_empty() && uses.iter().all(|used| used.text() == Ok(Some(LOAD_BALANCER)));
    Ok(if is_for_services { vec![] } else { vec![network] })
}

fn cilium_pool(spec: &Field<'_>, wrong: &mut NetworkFault) -> Result<Vec<IpNet>, Fault> {
    let mut pods = Vec::new();
    for family in ["ipv4", "ipv6"] {
        let networks = spec.object(family)?.get("cidrs");
        pods.extend(networks.all(&mut wrong.unread, pod_network)?);
    }
    Ok(pods)
}

/// Whether a family is switched on says little: pods that have an address of it keep it.
fn flannel(data: &Field<'_>, wrong: &mut NetworkFault) -> Result<Vec<IpNet>, Fault> {
    let place = data.get("net-conf.json");
    let parsed = place.text()?.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let settings = parsed.filter(Value::is_object).ok_or_else(|| place.fault("a JSON object, flannel's settings"))?;
    let settings = place.within(&settings);
    // The namespace is flannel's by its name alone, so it is not believed to say anything.
    let networks = ["Network", "IPv6Network"].map(|name| settings.get(name));
    Ok(networks.iter().filter_map(|network| wrong.believed(pod_network(network), network)).collect())
}

fn kubeadm(data: &Field<'_>, wrong: &mut NetworkFault) -> Result<(Vec<IpNet>, Vec<IpNet>), Fault> {
    let place = data.get("ClusterConfiguration");
    let parsed = place.text()?.and_then(|text| serde_saphyr::from_str::<Value>(text).ok());
    let settings = parsed.filter(Value::is_object).ok_or_else(|| place.fault("YAML, a ClusterConfiguration"))?;
    let networking = place.within(&settings).object("networking")?;
    let subnets = |name: &str, read: Read, faults: &mut Vec<Fault>| {
        let subnets = networking.get(name);
        let parts = separated(subnets.text()?.unwrap_or_default());
        Ok::<_, Fault>(parts.iter().filter_map(|part| kept(read(&subnets.within(part)), faults)).collect())
    };
    let pods = subnets("podSubnet", pod_network, &mut wrong.unread)?;
    Ok((pods, subnets("serviceSubnet", service_network, &mut wrong.others)?))
}

/// The networks in the arguments of a Node's installer.
pub(super) fn arguments(root: &Field<'_>, faults: &mut Vec<Fault>) -> Arguments {
    let annotations = root.get("metadata").object("annotations");
    let Some(annotations) = kept(annotations.map(Some), faults) else { return Arguments::new() };
    let mut arguments = Arguments::new();
    for annotation in ANNOTATIONS {
        let networks = in_arguments(&annotations.get(annotation), faults);
        if networks != ClusterNetworks::default() {
            arguments.insert(annotation, Arc::new(networks));
        }
    }
    arguments
}

/// `["server","--cluster-cidr","10.42.0.0/16","--service-cidr=10.43.0.0/16"]`: each may stand there several times.
fn in_arguments(field: &Field<'_>, faults: &mut Vec<Fault>) -> ClusterNetworks {
    let (mut wrong, mut of_services) = <(NetworkFault, NetworkFault)>::default();
    let arguments = kept(list_of_texts(field), &mut wrong.unread).unwrap_or_default();
    let named = |name: &str, read: Read, wrong: &mut NetworkFault| {
        let values = values(&arguments, name);
        of_a_node(values.iter().map(|value| field.within(value)), read, wrong)
    };
    let pods = named("--cluster-cidr", pod_network, &mut wrong);
    let services = named("--service-cidr", service_network, &mut of_services);
    let networks = wrong.networks(pods, services);
    faults.extend(wrong.all().chain(of_services.all()));
    networks
}

/// A JSON list; what is no text in it is an empty one.
fn list_of_texts(field: &Field<'_>) -> Result<Option<Vec<String>>, Fault> {
    let Some(text) = field.text()? else { return Ok(None) };
    let parsed = serde_json::from_str::<Vec<Value>>(text).map_err(|_| field.fault("a JSON list of arguments"))?;
    Ok(Some(parsed.iter().map(|argument| argument.as_str().unwrap_or_default().to_owned()).collect()))
}

/// The values of an argument, each of which may be several.
fn values(arguments: &[String], name: &str) -> Vec<Value> {
    let value = |place: usize| match arguments.get(place)?.strip_prefix(name)? {
        "" => arguments.get(place + 1).map(String::as_str),
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
fn of_a_node<'a>(items: impl IntoIterator<Item = Field<'a>>, read: Read, wrong: &mut NetworkFault) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        if place == MAX_NODE_NETWORKS {
            wrong.others.push(item.fault("one of the first 16 networks, which alone count of a node"));
            break;
        }
        networks.extend(wrong.believed(read(&item), &item));
    }
    networks
}

/// A network that is not too wide to be believed.
fn narrow(network: IpNet, field: &Field<'_>) -> Result<IpNet, Fault> {
    let widest = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    if network.prefix_len() < widest {
        return Err(field.fault("narrow enough to be a network of pods or Services: /8 (IPv4) or /16 (IPv6) at least"));
    }
    Ok(network)
}

#[cfg(test)]
#[path = "cluster_networks_tests.rs"]
mod tests;
