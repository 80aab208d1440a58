//! Services.

use egressd_core::model::{
    AnnotationPrefix, KubeVipWrote, Labels, Service, ServiceKind, ServicePort, TrafficPolicy, active_endpoint,
};
use egressd_core::net::{Family, Protocol};
use jiff::Timestamp;

use super::address::address;
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;
use crate::moment::Moment;

/// A Service. Its labels and annotations have to be right as a whole, since leaving one out could widen.
pub(super) fn service(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Service, Unreadable> {
    let key = metadata::key(root)?;
    let (spec, ingress) = (root.get("spec"), root.get("status").get("loadBalancer").get("ingress"));
    let annotations = metadata::annotations(root)?;
    Ok(Service {
        uid: metadata::uid(root, &key)?,
        created: metadata::created(root, faults),
        kind: kind(&spec.get("type"))?,
        labels: metadata::labels(root)?,
        load_balancer_class: kept(text(&spec.get("loadBalancerClass")), faults),
        status_addresses: ingress.all(faults, |item| address(&item.get("ip"))),
        status_hostnames: ingress.all(&mut Vec::new(), |item| text(&item.get("hostname"))),
        spec_address: kept(text(&spec.get("loadBalancerIP")), faults).filter(|text| !text.is_empty()),
        cluster_addresses: spec.get("clusterIPs").all(faults, cluster_address),
        traffic_policy: kept(traffic_policy(&spec.get("externalTrafficPolicy")), faults)
            .unwrap_or(TrafficPolicy::Cluster),
        families: spec.get("ipFamilies").all(faults, family),
        ports: spec.get("ports").all(faults, port),
        kube_vip_wrote: kube_vip_wrote(root, &annotations),
        annotations,
        key,
    })
}

fn text(field: &Field<'_>) -> Result<Option<String>, Fault> {
    Ok(field.text()?.map(str::to_owned))
}

/// An empty type is the default, as for the API server.
fn kind(field: &Field<'_>) -> Result<ServiceKind, Fault> {
    match field.text()? {
        None | Some("" | "ClusterIP") => Ok(ServiceKind::ClusterIp),
        Some("NodePort") => Ok(ServiceKind::NodePort),
        Some("LoadBalancer") => Ok(ServiceKind::LoadBalancer),
        Some("ExternalName") => Ok(ServiceKind::ExternalName),
        Some(_) => Err(field.fault("ClusterIP, NodePort, LoadBalancer or ExternalName")),
    }
}

fn traffic_policy(field: &Field<'_>) -> Result<Option<TrafficPolicy>, Fault> {
    match field.text()? {
        None | Some("") => Ok(None),
        Some("Cluster") => Ok(Some(TrafficPolicy::Cluster)),
        Some("Local") => Ok(Some(TrafficPolicy::Local)),
        Some(_) => Err(field.fault("Cluster or Local")),
    }
}

fn family(field: &Field<'_>) -> Result<Option<Family>, Fault> {
    match field.text()? {
        None => Ok(None),
        Some("IPv4") => Ok(Some(Family::Ipv4)),
        Some("IPv6") => Ok(Some(Family::Ipv6)),
        Some(_) => Err(field.fault("IPv4 or IPv6")),
    }
}

/// A headless Service says `None`.
fn cluster_address(field: &Field<'_>) -> Result<Option<std::net::IpAddr>, Fault> {
    match field.text()? {
        Some("None" | "") => Ok(None),
        Some(_) | None => address(field),
    }
}

fn port(field: &Field<'_>) -> Result<Option<ServicePort>, Fault> {
    let (name, number) = (field.get("name"), field.get("port"));
    let protocol = protocol(&field.get("protocol"))?;
    let port = number.value().and_then(serde_json::Value::as_u64).and_then(|port| u16::try_from(port).ok());
    let port = port.filter(|port| *port != 0).ok_or_else(|| number.fault("1 to 65535"))?;
    Ok(Some(ServicePort { name: text(&name)?, protocol, port }))
}

fn protocol(field: &Field<'_>) -> Result<Protocol, Fault> {
    match field.text()? {
        None | Some("" | "TCP") => Ok(Protocol::Tcp),
        Some("UDP") => Ok(Protocol::Udp),
        Some("SCTP") => Ok(Protocol::Sctp),
        Some(_) => Err(field.fault("TCP, UDP or SCTP")),
    }
}

/// How kube-vip is called where it writes: its program's name, as clients without a wish are called. egressd's own name
/// begins otherwise.
const KUBE_VIP: &str = "kube-vip";

/// Whether an active endpoint that stands on the Service is kube-vip's. Who wrote what is a hint: what cannot be read of it
/// says nothing.
fn kube_vip_wrote(root: &Field<'_>, annotations: &Labels) -> Option<KubeVipWrote> {
    let name = |family| AnnotationPrefix::default().name(active_endpoint(family));
    let standing = |family: &Family| annotations.get(&name(*family)).is_some_and(|value| !value.is_empty());
    let standing: Vec<Family> = Family::ALL.into_iter().filter(standing).collect();
    if standing.is_empty() {
        return None;
    }
    let managed = root.get("metadata").get("managedFields").items(&mut Vec::new());
    let its = managed.iter().filter(|entry| entry.get("manager").text() == Ok(Some(KUBE_VIP)));
    let its: Vec<(&Field<'_>, Vec<Family>)> = its.map(|entry| (entry, owned(entry, &standing, name))).collect();
    let families: Vec<Family> =
        standing.into_iter().filter(|family| its.iter().any(|(_, owned)| owned.contains(family))).collect();
    let last = its.iter().filter(|(_, owned)| !owned.is_empty()).map(|(entry, _)| time(entry)).max()?;
    Some(KubeVipWrote { families, at: last.map(|time| Moment::from(time).to_string().into()) })
}

/// Of these families, those whose annotation an entry of managed fields owns.
fn owned(entry: &Field<'_>, families: &[Family], name: impl Fn(Family) -> String) -> Vec<Family> {
    let fields = entry.get("fieldsV1").get("f:metadata").get("f:annotations");
    // An empty set, which is what such a member is, is there.
    let owns =
        |family: &Family| fields.value().is_some_and(|owned| owned.get(format!("f:{}", name(*family))).is_some());
    families.iter().copied().filter(owns).collect()
}

fn time(entry: &Field<'_>) -> Option<Timestamp> {
    entry.get("time").parsed("a time").ok().flatten()
}
