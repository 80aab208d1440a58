//! Kubernetes objects → the nouns of the core. The only file that sees both; it fills in what plain YAML leaves
//! out, and names what it cannot read.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use egressd_core::model::{
    AnnotationPrefix, Endpoint, KubeVipWrote, Labels, Node, ObjectReference, PolicyMark, PolicyObject, Readiness,
    Service, ServiceKey, ServiceKind, ServicePort, Slice, TrafficPolicy, Uid, active_endpoint,
};
use egressd_core::net::{Family, Protocol};
use egressd_core::policy;
use egressd_core::text::cut;
use ipnet::IpNet;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::api::networking::v1 as networking;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use uuid::Uuid;

use crate::moment::Moment;

/// The label by which an EndpointSlice names its Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// How much of a value a sentence quotes.
const LONGEST_VALUE: usize = 128;

/// The longest name that Kubernetes takes.
const LONGEST_NAME: usize = 253;

/// What is wrong with an object: the field, what it says, what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing to call it by.
    #[error("metadata.name is missing")]
    NoName,
    /// An EndpointSlice of no Service.
    #[error("label {SERVICE_NAME} is missing, so it belongs to no Service")]
    NoService,
    /// A field that cannot be read.
    #[error("{field} {value:?} is not {expected}")]
    Field {
        /// Its path.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// A Service; without a uid it gets one from its name, so that plain YAML has an identity that lasts.
///
/// # Errors
/// When a field cannot be read.
pub fn service(object: core::Service) -> Result<Service, Error> {
    let key = key(&object.metadata)?;
    let kube_vip_wrote = kube_vip_wrote(&object.metadata);
    let spec = object.spec.unwrap_or_default();
    let ingress = object.status.and_then(|s| s.load_balancer).and_then(|l| l.ingress).unwrap_or_default();
    let status_addresses: Vec<String> = ingress.iter().filter_map(|i| i.ip.clone()).collect();
    Ok(Service {
        uid: uid(&object.metadata, &key)?,
        created: object.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
        kind: kind(spec.type_.as_deref())?,
        labels: object.metadata.labels.unwrap_or_default(),
        annotations: object.metadata.annotations.unwrap_or_default(),
        load_balancer_class: spec.load_balancer_class,
        status_addresses: addresses("status.loadBalancer.ingress[].ip", &status_addresses)?,
        status_hostnames: ingress.into_iter().filter_map(|i| i.hostname).collect(),
        spec_address: spec.load_balancer_ip.filter(|text| !text.is_empty()),
        cluster_addresses: cluster_addresses(&spec.cluster_ips.unwrap_or_default())?,
        traffic_policy: traffic_policy(spec.external_traffic_policy.as_deref())?,
        families: spec.ip_families.unwrap_or_default().iter().map(|f| family(f)).collect::<Result<_, _>>()?,
        ports: spec.ports.unwrap_or_default().iter().map(port).collect::<Result<_, _>>()?,
        kube_vip_wrote,
        key,
    }
    .within_bounds())
}

/// How kube-vip is called where it writes: its program's name, as clients without a wish are called. egressd's own name
/// begins otherwise.
const KUBE_VIP: &str = "kube-vip";

/// Whether an active endpoint that stands on the Service is kube-vip's.
fn kube_vip_wrote(metadata: &ObjectMeta) -> Option<KubeVipWrote> {
    let annotations = metadata.annotations.as_ref()?;
    let name = |family| AnnotationPrefix::default().name(active_endpoint(family));
    let standing = |family: &Family| annotations.get(&name(*family)).is_some_and(|value| !value.is_empty());
    let is_its = |family: Family, entry: &ManagedFieldsEntry| {
        let owned = entry.fields_v1.as_ref().map(|fields| &fields.0["f:metadata"]["f:annotations"]);
        entry.manager.as_deref() == Some(KUBE_VIP)
            && owned.is_some_and(|owned| owned.get(format!("f:{}", name(family))).is_some())
    };
    let entries = || metadata.managed_fields.iter().flatten();
    let wrote = |family: &Family| entries().any(|entry| is_its(*family, entry));
    let families: Vec<Family> = Family::ALL.into_iter().filter(standing).filter(wrote).collect();
    let its = entries().filter(|entry| families.iter().any(|family| is_its(*family, entry)));
    let last = its.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?;
    let at = last.time.as_ref().map(|time| Moment::from(time.0).to_string().into());
    Some(KubeVipWrote { families, at })
}

/// An EndpointSlice and its name. An endpoint without a node is on `default_node`, if there is one.
///
/// # Errors
/// When it names no Service, or an address cannot be read.
pub fn slice(object: discovery::EndpointSlice, default_node: Option<&str>) -> Result<(String, Slice), Error> {
    let name = name(&object.metadata)?;
    let labels = object.metadata.labels.clone().unwrap_or_default();
    let service = labels.get(SERVICE_NAME).filter(|name| !name.is_empty()).ok_or(Error::NoService)?;
    let namespace = checked("metadata.namespace", namespace(&object.metadata))?;
    let service = ServiceKey::new(namespace, checked("label kubernetes.io/service-name", service.clone())?);
    if object.address_type == "FQDN" {
        return Ok((name, Slice { service, endpoints: vec![] }));
    }
    let endpoints: Vec<Vec<Endpoint>> =
        object.endpoints.into_iter().flatten().map(|e| endpoint(e, default_node)).collect::<Result<_, _>>()?;
    Ok((name, Slice { service, endpoints: endpoints.concat() }))
}

/// A node and its name.
///
/// # Errors
/// When a network cannot be read. Addresses of type `Hostname` or `*DNS` are passed over.
pub fn node(object: core::Node) -> Result<(String, Arc<Node>), Error> {
    let name = name(&object.metadata)?;
    let spec = object.spec.unwrap_or_default();
    let networks = match spec.pod_cidrs {
        Some(networks) if !networks.is_empty() => networks,
        Some(_) | None => spec.pod_cidr.into_iter().collect(),
    };
    let status = object.status.unwrap_or_default();
    let readiness = readiness(&status.conditions.unwrap_or_default());
    let written = status.addresses.unwrap_or_default();
    let addresses = written.into_iter().filter(|a| a.type_.ends_with("IP")).map(|a| a.address).collect::<Vec<_>>();
    let node = Node {
        addresses: self::addresses("status.addresses[].address", &addresses)?,
        pod_networks: all("spec.podCIDRs", "a network like 10.244.1.0/24", &networks)?,
        labels: object.metadata.labels.unwrap_or_default(),
        readiness,
    };
    Ok((name, Arc::new(node)))
}

/// A namespace's name and labels.
///
/// # Errors
/// When it has no name.
pub fn namespace_labels(object: core::Namespace) -> Result<(String, Arc<Labels>), Error> {
    let name = name(&object.metadata)?;
    Ok((name, Arc::new(object.metadata.labels.unwrap_or_default())))
}

/// A ServiceCIDR's name and networks.
///
/// # Errors
/// When a network cannot be read.
pub fn service_networks(object: networking::ServiceCIDR) -> Result<(String, Arc<Vec<IpNet>>), Error> {
    let name = name(&object.metadata)?;
    let networks = object.spec.and_then(|spec| spec.cidrs).unwrap_or_default();
    Ok((name, Arc::new(all("spec.cidrs", "a network like 10.96.0.0/12", &networks)?)))
}

/// The namespace of a ConfigMap that is a policy, and what it says; none when it is another ConfigMap.
///
/// # Errors
/// When it has no name.
pub fn policy(object: core::ConfigMap) -> Result<Option<(String, Arc<PolicyObject>)>, Error> {
    let labels = object.metadata.labels.as_ref();
    if labels.and_then(|labels| labels.get(policy::LABEL)).is_none_or(|value| value != "true") {
        return Ok(None);
    }
    let (name, namespace) = (name(&object.metadata)?, checked("metadata.namespace", namespace(&object.metadata))?);
    let mut binary = object.binary_data.unwrap_or_default();
    let mut bytes = |name: &str| binary.remove(name).map(|bytes| Arc::from(bytes.0));
    let mut annotations = object.metadata.annotations.unwrap_or_default();
    let mark = PolicyMark { uid: object.metadata.uid, status: annotations.remove(policy::STATUS) };
    let policy = PolicyObject {
        name,
        annotations,
        settings: object.data.and_then(|mut data| data.remove("settings")),
        wasm: bytes("policy.wasm"),
        gzip: bytes("policy.wasm.gz"),
        mark,
    };
    Ok(Some((namespace, Arc::new(policy))))
}

pub(super) fn key(metadata: &ObjectMeta) -> Result<ServiceKey, Error> {
    Ok(ServiceKey::new(checked("metadata.namespace", namespace(metadata))?, name(metadata)?))
}

fn name(metadata: &ObjectMeta) -> Result<String, Error> {
    checked("metadata.name", metadata.name.clone().ok_or(Error::NoName)?)
}

/// An API server takes nothing else; files may say anything, and names are printed as they are.
fn checked(name: &'static str, text: String) -> Result<String, Error> {
    let good = !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(text) } else { Err(field(name, &text, "a name of 1 to 253 letters, digits and signs of ASCII")) }
}

fn namespace(metadata: &ObjectMeta) -> String {
    metadata.namespace.clone().unwrap_or_else(|| "default".to_owned())
}

/// UUIDv5 of `namespace/name` where there is none (`--manifests`).
pub(super) fn uid(metadata: &ObjectMeta, key: &ServiceKey) -> Result<Uid, Error> {
    let text = match &metadata.uid {
        Some(uid) => uid.clone(),
        None => Uuid::new_v5(&Uuid::NAMESPACE_URL, key.to_string().as_bytes()).to_string(),
    };
    Uid::new(&text).map_err(|_| field("metadata.uid", &text, "1 to 64 letters, digits or dashes"))
}

fn kind(text: Option<&str>) -> Result<ServiceKind, Error> {
    match text {
        None | Some("ClusterIP") => Ok(ServiceKind::ClusterIp),
        Some("NodePort") => Ok(ServiceKind::NodePort),
        Some("LoadBalancer") => Ok(ServiceKind::LoadBalancer),
        Some("ExternalName") => Ok(ServiceKind::ExternalName),
        Some(other) => Err(field("spec.type", other, "ClusterIP, NodePort, LoadBalancer or ExternalName")),
    }
}

fn traffic_policy(text: Option<&str>) -> Result<TrafficPolicy, Error> {
    match text {
        None | Some("Cluster" | "") => Ok(TrafficPolicy::Cluster),
        Some("Local") => Ok(TrafficPolicy::Local),
        Some(other) => Err(field("spec.externalTrafficPolicy", other, "Cluster or Local")),
    }
}

fn family(text: &str) -> Result<Family, Error> {
    match text {
        "IPv4" => Ok(Family::Ipv4),
        "IPv6" => Ok(Family::Ipv6),
        other => Err(field("spec.ipFamilies[]", other, "IPv4 or IPv6")),
    }
}

fn port(port: &core::ServicePort) -> Result<ServicePort, Error> {
    let protocol = match port.protocol.as_deref() {
        None | Some("TCP") => Protocol::Tcp,
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        Some(other) => return Err(field("spec.ports[].protocol", other, "TCP, UDP or SCTP")),
    };
    let number = u16::try_from(port.port).map_err(|_| field("spec.ports[].port", port.port, "1 to 65535"))?;
    Ok(ServicePort { name: port.name.clone(), protocol, port: number })
}

fn readiness(conditions: &[core::NodeCondition]) -> Readiness {
    match conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.status.as_str()) {
        None | Some("True") => Readiness::Ready,
        Some(_) => Readiness::NotReady,
    }
}

/// A headless Service says `None`.
fn cluster_addresses(texts: &[String]) -> Result<Vec<IpAddr>, Error> {
    let texts: Vec<String> = texts.iter().filter(|text| *text != "None" && !text.is_empty()).cloned().collect();
    addresses("spec.clusterIPs[]", &texts)
}

/// Kubernetes says that all addresses of one endpoint mean the same pod.
fn endpoint(endpoint: discovery::Endpoint, default_node: Option<&str>) -> Result<Vec<Endpoint>, Error> {
    let conditions = endpoint.conditions.unwrap_or_default();
    let node = endpoint.node_name.or_else(|| default_node.map(str::to_owned));
    let reference = endpoint.target_ref.filter(|reference| reference.kind.as_deref() == Some("Pod"));
    let pod =
        reference.and_then(|r| Some(ObjectReference { namespace: r.namespace.unwrap_or_default(), name: r.name? }));
    let one = |address| Endpoint {
        address,
        node: node.clone(),
        pod: pod.clone(),
        ready: conditions.ready,
        serving: conditions.serving,
        terminating: conditions.terminating,
    };
    Ok(addresses("endpoints[].addresses[]", &endpoint.addresses)?.into_iter().map(one).collect())
}

pub(super) fn addresses(name: &'static str, texts: &[String]) -> Result<Vec<IpAddr>, Error> {
    all(name, "an address like 192.0.2.10 or 2001:db8::10", texts)
}

fn all<T: FromStr>(name: &'static str, expected: &'static str, texts: &[String]) -> Result<Vec<T>, Error> {
    texts.iter().map(|text| text.parse().map_err(|_| field(name, text, expected))).collect()
}

fn field(field: &'static str, value: impl Display, expected: &'static str) -> Error {
    let mut value = value.to_string();
    cut(&mut value, LONGEST_VALUE);
    Error::Field { field, value, expected }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    const ACTIVE: &str = "kube-vip.io/active-endpoint";

    /// The Service `web` with these annotations, which managers wrote as this says.
    fn wrote(annotations: Value, managers: &[(&str, &str, &str)]) -> Option<Option<String>> {
        let entry = |(manager, annotation, second): &(&str, &str, &str)| {
            let time = format!("2026-08-23T16:46:{second}Z");
            let fields = json!({"f:metadata": {"f:annotations": {".": {}, (format!("f:{annotation}")): {}}}});
            json!({"manager": manager, "operation": "Update", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields})
        };
        let entries: Vec<Value> = managers.iter().map(entry).collect();
        let metadata = json!({"name": "web", "annotations": annotations, "managedFields": entries});
        let object =
            serde_json::from_value(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata})).unwrap();
        service(object).unwrap().kube_vip_wrote.map(|wrote| wrote.at.map(|at| at.to_string()))
    }

    #[test]
    fn an_active_endpoint_that_kube_vip_wrote_is_its_with_the_time() {
        let managers = [("kube-vip", ACTIVE, "16"), ("kube-vip", ACTIVE, "15"), ("egressd-node-1", "a", "20")];
        assert_eq!(wrote(json!({ACTIVE: "10.0.0.1"}), &managers), Some(Some("2026-08-23T16:46:16Z".to_owned())));
        let ipv6 = "kube-vip.io/active-endpoint-ipv6";
        assert!(wrote(json!({ACTIVE: "", (ipv6): "fd00::1"}), &[("kube-vip", ipv6, "16")]).is_some());
    }

    #[test]
    fn what_others_wrote_or_kube_vip_beside_it_is_not_its() {
        let there = || json!({ACTIVE: "10.0.0.1"});
        for manager in ["egressd-node-1", "egressd-kube-vip", "kubectl-edit", "kube-vip-cloud-provider", "kube-vip-x"] {
            assert_eq!(wrote(there(), &[(manager, ACTIVE, "16")]), None, "{manager}");
        }
        assert_eq!(wrote(there(), &[("kube-vip", "kube-vip.io/vipHost", "16")]), None);
        assert_eq!(wrote(json!({ACTIVE: ""}), &[("kube-vip", ACTIVE, "16")]), None, "it says that there is none");
        assert_eq!(wrote(json!({}), &[("kube-vip", ACTIVE, "16")]), None, "it is gone");
        assert_eq!(wrote(there(), &[]), None);
    }

    fn named(name: &str, annotations: Value) -> k8s_openapi::api::core::v1::Service {
        let metadata = json!({"name": name, "annotations": annotations});
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata})).unwrap()
    }

    #[test]
    fn a_name_that_acts_on_a_terminal_is_refused_in_a_short_sentence() {
        for bad in
            ["", "a b", "a\nb", "\u{1b}[2J", "a\u{202e}b", "a\u{2028}", &"x".repeat(254), &"\u{1b}".repeat(100_000)]
        {
            let error = service(named(bad, json!({}))).unwrap_err().to_string();
            assert!(error.starts_with("metadata.name ") && error.len() < 1000, "{error}");
        }
        assert_eq!(service(named(&"x".repeat(253), json!({}))).unwrap().key.name.len(), 253);
    }

    #[test]
    fn what_is_kept_of_a_cluster_ip_service_has_a_bound() {
        let fat = named("web", json!({"a": "x".repeat(262_144), "kube-vip.io/egress": "true"}));
        let kept = service(fat).unwrap().annotations;
        assert_eq!(kept, [("kube-vip.io/egress".to_owned(), "true".to_owned())].into());
    }
}
