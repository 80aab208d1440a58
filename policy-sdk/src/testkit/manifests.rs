//! Kubernetes objects → what a policy is shown: the same as the host does with a folder of manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::str::FromStr;

use super::context_of;
use super::objects::{EndpointObject, Metadata, Objects, ServiceObject, ServiceSpec, SliceObject};
use crate::labels::Labels;
use crate::subject::{Context, Endpoint, Namespace, ObjectReference, SERVICE, Service, ServicePort, Subject};
use crate::{Family, Protocol, ServiceType, TrafficPolicy};

/// kube-vip's annotation that asks for addresses and orders them.
const LOAD_BALANCER_IPS: &str = "kube-vip.io/loadbalancerIPs";

/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What `spec.type` may be.
const TYPES: &str = "ClusterIP, NodePort, LoadBalancer or ExternalName";

/// One subject and the node on which a policy is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The node, with its labels when the manifests say them.
    pub context: Context,
    /// The Service with all its labels, annotations and endpoints; [`shown`](super::shown) leaves out what a policy
    /// does not see.
    pub subject: Subject,
}

/// Reads the YAML of a case's `service.yaml`: one Service, its EndpointSlices, and optionally its Namespace and Nodes.
///
/// As for a folder of manifests: addresses come from the annotation `kube-vip.io/loadbalancerIPs`, else from
/// `status.loadBalancer.ingress`, else from `spec.loadBalancerIP`; an endpoint without a node is on `node`; an endpoint
/// with an address of a Node is left out. A Service without a uid gets `namespace/name` for one, where the host makes
/// a UUID of that.
///
/// # Errors
/// What is wrong, in one sentence.
pub fn case_from_yaml(text: &str, node: &str) -> Result<Case, String> {
    let mut objects = Objects::read(text)?;
    let (Some(written), true) = (objects.services.pop(), objects.services.is_empty()) else {
        return Err("a case needs exactly one Service".to_owned());
    };
    let mut subject = subject(written)?;
    let named = |found: &Metadata| found.name.as_ref() == Some(&subject.namespace.name);
    if let Some(namespace) = objects.namespaces.into_iter().find(named) {
        subject.namespace.labels = labels(namespace.labels);
        subject.namespace.annotations = labels(namespace.annotations);
    }
    let mut own = BTreeSet::new();
    let mut context = context_of(node);
    for object in objects.nodes {
        let addresses = object.status.addresses.into_iter().flatten().filter(|a| a.kind.ends_with("IP"));
        own.extend(all::<IpAddr>("status.addresses[].address", addresses.map(|a| a.address))?);
        if object.metadata.name.as_deref() == Some(node) {
            context.node_labels = labels(object.metadata.labels);
        }
    }
    subject.endpoints = endpoints(objects.slices, &subject, node)?;
    subject.endpoints.retain(|endpoint| !own.contains(&endpoint.address));
    Ok(Case { context, subject })
}

fn subject(object: ServiceObject) -> Result<Subject, String> {
    let ServiceObject { metadata, spec, status } = object;
    let namespace = namespace(&metadata);
    let name = metadata.name.ok_or("the Service has no metadata.name")?;
    let annotations = labels(metadata.annotations);
    let ingress = status.load_balancer.ingress.into_iter().flatten().filter_map(|ingress| ingress.ip);
    let status = all("status.loadBalancer.ingress[].ip", ingress)?;
    Ok(Subject {
        kind: SERVICE.to_owned(),
        uid: metadata.uid.unwrap_or_else(|| format!("{namespace}/{name}")),
        namespace: Namespace { name: namespace, ..Namespace::default() },
        name,
        labels: labels(metadata.labels),
        addresses: own_addresses(status, &annotations, &spec),
        annotations,
        service: Some(service(spec)?),
        ..Subject::default()
    })
}

fn service(spec: ServiceSpec) -> Result<Service, String> {
    let cluster = spec.cluster_ips.into_iter().flatten().filter(|text| *text != "None" && !text.is_empty());
    let (kind, policy) = (spec.kind.unwrap_or_default(), spec.external_traffic_policy.unwrap_or_default());
    Ok(Service {
        service_type: ServiceType::spelled(&kind).ok_or_else(|| wrong("spec.type", &kind, TYPES))?,
        cluster_addresses: all("spec.clusterIPs[]", cluster)?,
        external_traffic_policy: TrafficPolicy::spelled(&policy)
            .ok_or_else(|| wrong("spec.externalTrafficPolicy", &policy, "Cluster or Local"))?,
        families: spec.ip_families.into_iter().flatten().map(|text| family(&text)).collect::<Result<_, _>>()?,
        ports: spec.ports.into_iter().flatten().map(|p| port(p.name, p.protocol, p.port)).collect::<Result<_, _>>()?,
        load_balancer_class: spec.load_balancer_class,
    })
}

fn namespace(metadata: &Metadata) -> String {
    metadata.namespace.clone().unwrap_or_else(|| "default".to_owned())
}

fn labels(written: Option<BTreeMap<String, String>>) -> Labels {
    written.into_iter().flatten().collect()
}

/// The author of manifests is trusted, so the annotation may name any address; what is none is passed over.
fn own_addresses(status: Vec<IpAddr>, annotations: &Labels, spec: &ServiceSpec) -> Vec<IpAddr> {
    let mut requested: Vec<IpAddr> = Vec::new();
    for address in annotations.get(LOAD_BALANCER_IPS).into_iter().flat_map(|value| value.split(',')) {
        let new = address.trim().parse().ok().filter(|address| !requested.contains(address));
        requested.extend(new);
    }
    match (requested.is_empty(), status.is_empty()) {
        (false, _) => requested,
        (true, false) => status,
        (true, true) => spec.load_balancer_ip.iter().filter_map(|text| text.trim().parse().ok()).collect(),
    }
}

/// Of all slices of the Service, each address once, sorted.
fn endpoints(mut slices: Vec<SliceObject>, subject: &Subject, node: &str) -> Result<Vec<Endpoint>, String> {
    slices.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let mut by_address = BTreeMap::new();
    for slice in slices {
        let named = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME));
        let Some(named) = named else { return Err(format!("an EndpointSlice has no label {SERVICE_NAME}")) };
        let ours = *named == subject.name && namespace(&slice.metadata) == subject.namespace.name;
        if ours && slice.address_type != "FQDN" {
            for object in slice.endpoints.into_iter().flatten() {
                by_address.extend(endpoint(object, node)?.into_iter().map(|endpoint| (endpoint.address, endpoint)));
            }
        }
    }
    Ok(by_address.into_values().collect())
}

/// All addresses of one endpoint mean the same pod.
fn endpoint(object: EndpointObject, node: &str) -> Result<Vec<Endpoint>, String> {
    let conditions = object.conditions.unwrap_or_default();
    let reference = object.target_ref.filter(|reference| reference.kind.as_deref() == Some("Pod"));
    let pod = reference
        .and_then(|pod| Some(ObjectReference { namespace: pod.namespace.unwrap_or_default(), name: pod.name? }));
    let on = object.node_name.unwrap_or_else(|| node.to_owned());
    let endpoint = |address| Endpoint {
        here: on == node,
        node: Some(on.clone()),
        pod: pod.clone(),
        ready: conditions.ready,
        serving: conditions.serving,
        terminating: conditions.terminating,
        ..Endpoint::new(address)
    };
    Ok(all("endpoints[].addresses[]", object.addresses)?.into_iter().map(endpoint).collect())
}

fn family(text: &str) -> Result<Family, String> {
    let known = Family::ALL.into_iter().find(|family| family.to_string() == text);
    known.ok_or_else(|| wrong("spec.ipFamilies[]", text, "IPv4 or IPv6"))
}

fn port(name: Option<String>, protocol: Option<String>, port: u16) -> Result<ServicePort, String> {
    let text = protocol.unwrap_or_else(|| "TCP".to_owned());
    let known = Protocol::ALL.into_iter().find(|protocol| protocol.to_string().to_uppercase() == text);
    let protocol = known.ok_or_else(|| wrong("spec.ports[].protocol", &text, "TCP, UDP or SCTP"))?;
    Ok(ServicePort { name, protocol, port })
}

fn all<T: FromStr>(field: &str, texts: impl IntoIterator<Item = String>) -> Result<Vec<T>, String> {
    let read =
        |text: String| text.parse().map_err(|_| wrong(field, &text, "an address like 192.0.2.10 or 2001:db8::10"));
    texts.into_iter().map(read).collect()
}

fn wrong(field: &str, value: &str, right: &str) -> String {
    format!("{field} {value:?} is not {right}")
}

#[cfg(test)]
mod tests {
    use super::case_from_yaml;

    const SERVICE: &str = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: LoadBalancer}}\n";

    #[test]
    fn endpoints_without_a_node_are_here_and_those_of_the_host_network_nowhere() {
        let slice = "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {name: web, labels: {kubernetes.io/service-name: web}}, endpoints: [{addresses: [10.0.0.2]}, {addresses: [10.0.0.1], nodeName: b}, {addresses: [192.168.0.1]}]}\n";
        let node = "---\n{apiVersion: v1, kind: Node, metadata: {name: a, labels: {zone: z}}, status: {addresses: [{type: InternalIP, address: 192.168.0.1}, {type: Hostname, address: a}]}}\n";
        let case = case_from_yaml(&format!("{SERVICE}{slice}{node}"), "a").unwrap_or_else(|error| panic!("{error}"));
        let seen: Vec<_> = case
            .subject
            .endpoints
            .iter()
            .map(|e| (e.address.to_string(), e.node.clone().unwrap_or_default()))
            .collect();
        assert_eq!(seen, [("10.0.0.1".to_owned(), "b".to_owned()), ("10.0.0.2".to_owned(), "a".to_owned())]);
        assert_eq!(case.context.node_labels.get("zone"), Some("z"));
        assert_eq!(case.subject.namespace.name, "default");
    }

    #[test]
    fn the_annotation_orders_the_addresses_and_the_status_comes_before_the_spec() {
        let addresses = |annotation: &str, status: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Service, metadata: {{name: web, annotations: {{kube-vip.io/loadbalancerIPs: '{annotation}'}}}}, spec: {{loadBalancerIP: 192.0.2.3}}, status: {{loadBalancer: {{ingress: [{status}]}}}}}}"
            );
            let case = case_from_yaml(&text, "a").unwrap_or_else(|error| panic!("{error}"));
            case.subject.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(addresses("192.0.2.2, 192.0.2.1,junk,192.0.2.2", "{ip: 192.0.2.1}"), "192.0.2.2 192.0.2.1");
        assert_eq!(addresses("", "{ip: 192.0.2.1}, {hostname: a}"), "192.0.2.1");
        assert_eq!(addresses("", ""), "192.0.2.3");
    }

    #[test]
    fn what_cannot_be_read_is_reported() {
        for (text, part) in [
            ("{kind: Service}", "no apiVersion"),
            ("", "exactly one Service"),
            ("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: Loud}}", "\"Loud\" is not ClusterIP"),
            ("{apiVersion: v1, kind: Service, metadata: []}", "Service without a name cannot be read"),
        ] {
            let message = case_from_yaml(text, "a").err().unwrap_or_default();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
