//! Services.

use egressd_core::model::{
    AnnotationPrefix, KubeVipEndpoint, Labels, Selection, Service, ServicePort, ServiceType, TrafficPolicy,
    active_endpoint,
};
use egressd_core::net::{Family, Protocol};

use super::address::address;
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;
use crate::clock::Moment;

/// A Service. Its labels and annotations have to be right as a whole, since leaving one out could widen.
pub(super) fn service(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Service, Unreadable> {
    let key = metadata::key(root)?;
    let (spec, ingress) = (root.object("spec")?, root.object("status")?.object("loadBalancer")?.get("ingress"));
    let annotations = metadata::annotations(root)?;
    Ok(Service {
        uid: metadata::uid(root, &key)?,
        created: metadata::created(root, faults),
        kind: kind(&spec.get("type"))?,
        labels: metadata::labels(root)?,
        load_balancer_class: kept(text(&spec.get("loadBalancerClass")), faults),
        status_addresses: ingress.all(faults, given_address)?,
        status_hostnames: ingress.all_if_any(&mut Vec::new(), |item| text(&item.get("hostname"))),
        spec_address: kept(text(&spec.get("loadBalancerIP")), faults).filter(|text: &String| !text.is_empty()),
        selection: selection(&spec.get("selector")),
        cluster_addresses: cluster_addresses(&spec, faults),
        traffic_policy: kept(traffic_policy(&spec.get("externalTrafficPolicy")), faults).unwrap_or_default(),
        families: spec.get("ipFamilies").all_if_any(faults, family),
        ports: spec.get("ports").all_if_any(faults, port),
        kube_vip_wrote: kube_vip_wrote(root, &annotations),
        annotations,
        key,
    })
}

fn text<T: for<'t> From<&'t str>>(field: &Field<'_>) -> Result<Option<T>, Fault> {
    Ok(field.text()?.map(T::from))
}

/// What a load balancer gives is an address or a hostname. Where both are missing it has another name, or is no object, and
/// the Service would seem to have none.
fn given_address(item: &Field<'_>) -> Result<Option<std::net::IpAddr>, Fault> {
    let (ip, hostname) = (item.get("ip"), item.get("hostname"));
    if ip.is_absent() && hostname.is_absent() {
        return Err(item.fault("an item with ip or hostname, as in {ip: 192.0.2.10}"));
    }
    address(&ip)
}

/// An empty type is the default, as for the API server.
fn kind(field: &Field<'_>) -> Result<ServiceType, Fault> {
    let spelled = ServiceType::spelled(field.text()?.unwrap_or_default());
    spelled.ok_or_else(|| field.fault("ClusterIP, NodePort, LoadBalancer or ExternalName"))
}

/// What cannot be read selects nothing: then no endpoint counts as one that Kubernetes looked for.
fn selection(field: &Field<'_>) -> Selection {
    Selection::of(field.labels().unwrap_or_default())
}

fn traffic_policy(field: &Field<'_>) -> Result<Option<TrafficPolicy>, Fault> {
    let spelled = TrafficPolicy::spelled(field.text()?.unwrap_or_default());
    spelled.map(Some).ok_or_else(|| field.fault("Cluster or Local"))
}

fn family(field: &Field<'_>) -> Result<Option<Family>, Fault> {
    match field.text()? {
        None => Ok(None),
        Some("IPv4") => Ok(Some(Family::Ipv4)),
        Some("IPv6") => Ok(Some(Family::Ipv6)),
        Some(_) => Err(field.fault("IPv4 or IPv6")),
    }
}

/// The first of them has a field of its own, which older servers and manifests have alone.
fn cluster_addresses(spec: &Field<'_>, faults: &mut Vec<Fault>) -> Vec<std::net::IpAddr> {
    let all = spec.get("clusterIPs").all_if_any(faults, cluster_address);
    if all.is_empty() { kept(cluster_address(&spec.get("clusterIP")), faults).into_iter().collect() } else { all }
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

/// How kube-vip is called where it writes: its program's name, as clients without a name of their own are called. egressd's
/// own name begins otherwise.
const KUBE_VIP: &str = "kube-vip";

/// Whether an active endpoint that stands on the Service is kube-vip's. Who wrote what is a hint: what cannot be read of it
/// says nothing.
fn kube_vip_wrote(root: &Field<'_>, annotations: &Labels) -> Option<KubeVipEndpoint> {
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
    Some(KubeVipEndpoint { families, at: last.map(|time| time.to_string().into()) })
}

/// Of these families, those whose annotation an entry of managed fields owns.
fn owned(entry: &Field<'_>, families: &[Family], name: impl Fn(Family) -> String) -> Vec<Family> {
    let fields = entry.get("fieldsV1").get("f:metadata").get("f:annotations");
    // An empty set, which is what such a member is, is there.
    let owns =
        |family: &Family| fields.value().is_some_and(|owned| owned.get(format!("f:{}", name(*family))).is_some());
    families.iter().copied().filter(owns).collect()
}

fn time(entry: &Field<'_>) -> Option<Moment> {
    entry.get("time").parsed("a time").ok().flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn service(object: &Value) -> Result<Service, Unreadable> {
        super::service(&Field::root(object), &mut Vec::new()).map(Service::within_bounds)
    }

    #[test]
    fn what_the_status_gives_without_ip_and_hostname_is_named_with_its_place() {
        let right = "is not an item with ip or hostname, as in {ip: 192.0.2.10}";
        for (item, shown) in [
            (json!("192.0.2.10"), "\"192.0.2.10\""),
            (json!({"IP": "192.0.2.10"}), "{...}"),
            (json!({}), "{...}"),
            (json!({"ip": null}), "{...}"),
            (json!(null), "null"),
            (json!(["192.0.2.10"]), "[...]"),
        ] {
            let status = json!({"loadBalancer": {"ingress": [{"hostname": "a"}, item, {"ip": "192.0.2.11"}]}});
            let object = json!({"metadata": {"name": "web"}, "status": status});
            let mut faults = Vec::new();
            let read = super::service(&Field::root(&object), &mut faults).unwrap();
            assert_eq!(read.status_addresses, ["192.0.2.11".parse::<std::net::IpAddr>().unwrap()]);
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            assert_eq!(faults, [format!("status.loadBalancer.ingress[1] {shown} {right}")]);
        }
    }

    #[test]
    fn a_selector_is_read_as_labels_and_one_that_cannot_be_read_selects_nothing() {
        let selects = |selector: Value, labels: &[(&str, &str)]| {
            let object = json!({"metadata": {"name": "web"}, "spec": {"selector": selector}});
            let labels: Labels = labels.iter().copied().collect();
            let selection = service(&object).unwrap().selection;
            selection.selector().map(|selector| selector.selects(&labels))
        };
        let web = json!({"app": "web", "tier": null});
        assert_eq!(selects(web.clone(), &[("app", "web"), ("tier", ""), ("other", "x")]), Some(true));
        assert_eq!(selects(web, &[("app", "web")]), Some(false));
        for none in [json!({}), json!(null), json!("app=web"), json!({"app": 5}), json!(["app"])] {
            assert_eq!(selects(none.clone(), &[]), None, "{none}");
        }
        let many: serde_json::Map<String, Value> =
            (0..500).map(|number| (format!("label-{number}"), json!("x"))).collect();
        assert_eq!(selects(many.into(), &[]), Some(false));
    }

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
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata});
        service(&object).unwrap().kube_vip_wrote.map(|wrote| wrote.at.map(|at| at.to_string()))
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

    fn named(name: &str, annotations: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "annotations": annotations}})
    }

    #[test]
    fn a_name_that_acts_on_a_terminal_is_refused_in_a_short_sentence() {
        for bad in
            ["", "a b", "a\nb", "\u{1b}[2J", "a\u{202e}b", "a\u{2028}", &"x".repeat(254), &"\u{1b}".repeat(100_000)]
        {
            let error = service(&named(bad, json!({}))).unwrap_err().to_string();
            assert!(error.starts_with("metadata.name ") && error.len() < 1000, "{error}");
        }
        assert_eq!(service(&named(&"x".repeat(253), json!({}))).unwrap().key.name.len(), 253);
    }

    #[test]
    fn what_is_kept_of_a_cluster_ip_service_has_a_bound() {
        let fat = named("web", json!({"a": "x".repeat(262_144), "kube-vip.io/egress": "true"}));
        let kept = service(&fat).unwrap().annotations;
        assert_eq!(kept, [("kube-vip.io/egress".to_owned(), "true".to_owned())].into());
    }
}
