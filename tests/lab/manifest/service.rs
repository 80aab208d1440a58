//! Services with egress.

use std::net::IpAddr;

use super::{Manifest, Yaml};

/// A Service of type LoadBalancer in the namespace `default`, without egress by default.
pub fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        namespace: "default".to_owned(),
        uid: None,
        created: None,
        labels: Vec::new(),
        annotations: Vec::new(),
        addresses: Vec::new(),
        selector: Vec::new(),
        families: Vec::new(),
        kind: "LoadBalancer".to_owned(),
    }
}

#[derive(Clone, Debug)]
pub struct Service {
    name: String,
    namespace: String,
    uid: Option<String>,
    created: Option<String>,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    addresses: Vec<IpAddr>,
    selector: Vec<(String, String)>,
    families: Vec<&'static str>,
    kind: String,
}

impl Service {
    /// Of this type, such as `ClusterIP`.
    pub fn of_type(self, kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..self }
    }

    pub fn namespace(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    /// With this uid; without one, egressd derives one from the name.
    pub fn uid(self, uid: &str) -> Self {
        Self { uid: Some(uid.to_owned()), ..self }
    }

    /// Created at this time, like `2026-01-31T12:00:00Z`.
    pub fn created(self, time: &str) -> Self {
        Self { created: Some(time.to_owned()), ..self }
    }

    /// Selecting pods by this label.
    pub fn selecting(mut self, name: &str, value: &str) -> Self {
        self.selector.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With these `ipFamilies`.
    pub fn families(self, families: &[&'static str]) -> Self {
        Self { families: families.to_vec(), ..self }
    }

    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With an annotation `kube-vip.io/<name>`.
    pub fn annotation(self, name: &str, value: &str) -> Self {
        self.annotation_of("kube-vip.io", name, value)
    }

    /// With an annotation `<prefix>/<name>`.
    pub fn annotation_of(mut self, prefix: &str, name: &str, value: &str) -> Self {
        self.annotations.push((format!("{prefix}/{name}"), value.to_owned()));
        self
    }

    /// Requests egress with its IPv4 address.
    pub fn egress(self) -> Self {
        self.annotation("egress", "true")
    }

    /// Requests egress with its IPv6 address as well.
    pub fn egress_ipv6(self) -> Self {
        self.annotation("egress-ipv6", "true")
    }

    /// With `kube-vip.io/vipHost` for a node.
    pub fn vip_host(self, node: &str) -> Self {
        self.annotation("vipHost", node)
    }

    /// With addresses that a load balancer gave it (`status.loadBalancer.ingress`).
    pub fn addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { addresses: addresses.into_iter().collect(), ..self }
    }

    /// With addresses that it asks for itself (`kube-vip.io/loadbalancerIPs`).
    pub fn asks_for(self, addresses: &[IpAddr]) -> Self {
        let list: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        self.annotation("loadbalancerIPs", &list.join(","))
    }
}

impl Manifest for Service {
    fn file_name(&self) -> String {
        format!("{}-{}.yaml", self.namespace, self.name)
    }

    fn yaml(&self) -> Yaml {
        let ingress = self.addresses.iter().map(|a| Yaml::map([("ip", a.to_string().as_str().into())])).collect();
        let mut metadata = vec![
            ("name".to_owned(), self.name.as_str().into()),
            ("namespace".to_owned(), self.namespace.as_str().into()),
        ];
        metadata.extend(self.uid.as_ref().map(|uid| ("uid".to_owned(), Yaml::Text(uid.clone()))));
        metadata.extend(self.created.as_ref().map(|time| ("creationTimestamp".to_owned(), Yaml::Text(time.clone()))));
        if !self.labels.is_empty() {
            metadata.push(("labels".to_owned(), Yaml::table(&self.labels)));
        }
        if !self.annotations.is_empty() {
            metadata.push(("annotations".to_owned(), Yaml::table(&self.annotations)));
        }
        let port = [("name", "http".into()), ("port", Yaml::Number(80)), ("targetPort", Yaml::Number(8080))];
        let mut spec = vec![
            ("type".to_owned(), self.kind.as_str().into()),
            ("ports".to_owned(), Yaml::List(vec![Yaml::map(port)])),
        ];
        if !self.families.is_empty() {
            spec.push(("ipFamilies".to_owned(), Yaml::texts(&self.families)));
        }
        if !self.selector.is_empty() {
            spec.push(("selector".to_owned(), Yaml::table(&self.selector)));
        }
        Yaml::map([
            ("apiVersion", "v1".into()),
            ("kind", "Service".into()),
            ("metadata", Yaml::Map(metadata)),
            ("spec", Yaml::Map(spec)),
            ("status", Yaml::map([("loadBalancer", Yaml::map([("ingress", Yaml::List(ingress))]))])),
        ])
    }
}
