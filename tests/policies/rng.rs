//! Random Services and drafts, the same on every machine, so that failures are reproducible.

use std::net::IpAddr;

use egressd_core::testkit::RuleParts;
use std::sync::Arc;

use egressd_core::decision::{Draft, OnChange, OnUnavailable, Rule};
use egressd_core::model::{
    Endpoint, Labels, ObjectReference, ServicePort, ServiceType, SubjectKey, SubjectView, TrafficPolicy,
};
use egressd_core::net::{Family, PortRange, Protocol};

use crate::views::{changed, context, ip, view};

const NAMES: [&str; 12] = [
    "egress",
    "egress-ipv6",
    "egress-internal",
    "egress-source-ports",
    "egress-destination-ports",
    "egress-allowed-networks",
    "egress-denied-networks",
    "egress-no-internal-traffic",
    "egress-detect-api-server",
    "egress-nftables-table",
    "egress-allowed-network",
    "flush-conntrack",
];

/// What values are made of: whole items that are right, and pieces that are right or wrong in company.
const ITEMS: [&str; 30] = [
    "tcp:80",
    "udp:53",
    "sctp:1-65535",
    "tcp:90-80",
    "tcp:0",
    "tcp:65536",
    "TCP:80",
    "5060",
    "tcp:80:90",
    "192.0.2.0/24",
    "192.0.2.7",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8::7",
    "10.0.0.1/8",
    "::ffff:192.0.2.1",
    "192.0.2.0/33",
    "fe80::1%eth0",
    "true",
    "false",
    "True",
    "",
    " ",
    "\u{a0}",
    "ä",
    "-",
    ":",
    "/",
    "8०",
];

/// The addresses of which a Service gets some.
const ADDRESSES: [&str; 5] = ["192.0.2.10", "2001:db8::10", "192.0.2.11", "192.0.2.12", "2001:db8::11"];

/// Networks that overlap.
const NETWORKS: [&str; 8] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "198.51.100.0/24",
    "198.51.100.7/32",
    "::/0",
    "fc00::/7",
    "2001:db8:7::/48",
];

/// Ports that overlap.
const PORTS: [(Protocol, u16, u16); 6] = [
    (Protocol::Tcp, 443, 443),
    (Protocol::Tcp, 8000, 8999),
    (Protocol::Tcp, 8080, 9000),
    (Protocol::Udp, 53, 53),
    (Protocol::Sctp, 1, 65535),
    (Protocol::Tcp, 80, 80),
];

/// Types of Services. A load balancer, most often: only it has addresses of its own.
const KINDS: [ServiceType; 6] = [
    ServiceType::LoadBalancer,
    ServiceType::LoadBalancer,
    ServiceType::LoadBalancer,
    ServiceType::NodePort,
    ServiceType::ClusterIp,
    ServiceType::ExternalName,
];

/// A pseudo-random generator.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// A number below `sides` (xorshift64).
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    pub(crate) fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn some<T: Copy>(&mut self, items: &[T]) -> Vec<T> {
        items.iter().copied().filter(|_| self.below(2) == 0).collect()
    }

    /// Networks of a family; in half of all cases none.
    fn networks(&mut self, family: Family) -> Vec<ipnet::IpNet> {
        if self.below(2) == 0 {
            return Vec::new();
        }
        let some = self.some(&NETWORKS).into_iter().map(|text| text.parse().unwrap());
        some.filter(|network| Family::of_network(*network) == family).collect()
    }

    fn ports(&mut self) -> Vec<PortRange> {
        if self.below(2) == 0 {
            return Vec::new();
        }
        let some = self.some(&PORTS).into_iter();
        some.map(|(protocol, first, last)| PortRange::new(protocol, first, last).unwrap()).collect()
    }

    /// One value in two is likely to be valid.
    fn value(&mut self, name: &str) -> String {
        if self.below(2) == 0 {
            let separator = self.of(&[",", ", ", " ,", ":", ""]);
            let count = self.below(4);
            return (0..=count).map(|_| self.of(&ITEMS)).collect::<Vec<_>>().join(separator);
        }
        let good: &[&str] = match name {
            "egress-source-ports" | "egress-destination-ports" => &ITEMS[..3],
            "egress-allowed-networks" | "egress-denied-networks" => &ITEMS[9..15],
            _ => return self.of(&["true", "true ", "false"]).to_owned(),
        };
        let count = self.below(4);
        (0..=count).map(|_| self.of(good)).collect::<Vec<_>>().join(self.of(&[",", " , "]))
    }

    /// A Service with annotations; `egress` on most of them.
    pub(crate) fn annotated(&mut self) -> SubjectView {
        let names = [vec!["egress"], self.some(&NAMES[1..])].concat();
        let few: Vec<&str> = names.into_iter().filter(|name| *name == "egress" || self.below(2) == 0).collect();
        let values: Vec<(String, String)> = few
            .iter()
            .map(|name| {
                let value = if *name == "egress" && self.below(8) > 0 { "true".to_owned() } else { self.value(name) };
                (format!("kube-vip.io/{name}"), value)
            })
            .collect();
        let pairs: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.of_some_kind(view("web", &pairs))
    }

    /// A Service in one of two namespaces, with and without labels, annotations and pods.
    pub(crate) fn labelled(&mut self) -> SubjectView {
        let annotations: &[(&str, &str)] = match self.below(6) {
            0 => &[("kube-vip.io/egress", "false")],
            1 => &[("kube-vip.io/egress-destination-ports", "tcp:443"), ("kube-vip.io/egress-nftables-table", "a")],
            _ => &[],
        };
        let mut view = self.of_some_kind(view("web", annotations));
        let mut labels = |pairs: &[(&str, &str)]| -> Labels { self.some(pairs).into_iter().collect() };
        view.namespace = Arc::new(labels(&[("team", "web"), ("egress", "static")]).into());
        let labels = labels(&[("tier", "front"), ("example.com/egress", "spread"), ("app", "web")]);
        let namespace = self.of(&["shop", "attic"]);
        for endpoint in Arc::make_mut(&mut view.subject.endpoints) {
            let pod = ObjectReference::new(namespace, format!("web-{}", self.below(1000)));
            endpoint.pod = (self.below(3) > 0).then_some(pod);
        }
        changed(view, |service| (service.key, service.labels) = (SubjectKey::service(namespace, "web"), labels))
    }

    fn of_some_kind(&mut self, view: SubjectView) -> SubjectView {
        let mut view = changed(view, |service| {
            service.kind = self.of(&KINDS);
            service.load_balancer_class = self.of(&[None, Some("example.com/class")]).map(Into::into);
            service.ports = self.some(&PORTS).into_iter().map(service_port).collect();
            service.traffic_policy = self.of(&[TrafficPolicy::Cluster, TrafficPolicy::Local]);
            service.families = self.some(&[Family::Ipv4, Family::Ipv6]);
        });
        view.subject.addresses = self.some(&ADDRESSES.map(ip));
        view.subject.endpoints = view.subject.endpoints.iter().filter(|_| self.below(4) > 0).cloned().collect();
        for endpoint in Arc::make_mut(&mut view.subject.endpoints) {
            self.unsettle(endpoint);
        }
        view
    }

    /// Kubernetes may omit an endpoint's node and conditions.
    fn unsettle(&mut self, endpoint: &mut Endpoint) {
        if self.below(8) == 0 {
            endpoint.node = None;
        }
        let state = [None, Some(true), Some(true), Some(false)];
        (endpoint.ready, endpoint.serving, endpoint.terminating) = (self.of(&state), self.of(&state), self.of(&state));
    }

    /// What earlier policies could have left for a Service; one time in four nothing. Its sources are on this node: the
    /// guard refuses a draft with others before a policy is shown it.
    pub(crate) fn draft(&mut self, view: &SubjectView) -> Draft {
        let count = self.below(4);
        let addresses = [view.subject.addresses.clone(), vec![ip("192.0.2.99")]].concat();
        let rules = (0..count).map(|number| {
            let address = self.of(&addresses);
            self.rule(number, address, view)
        });
        let mut draft = Draft::of(rules.collect());
        draft.on_change = self.of(&[None, Some(OnChange::Sever)]);
        draft.on_unavailable = self.of(&[None, Some(OnUnavailable::Drop)]);
        draft
    }

    fn rule(&mut self, number: usize, address: IpAddr, view: &SubjectView) -> Rule {
        let family = Family::of(address);
        let endpoints = view.local_endpoints(&context()).map(|endpoint| endpoint.address).collect::<Vec<_>>();
        RuleParts {
            sources: endpoints
                .into_iter()
                .filter(|source| Family::of(*source) == family && self.below(4) > 0)
                .collect(),
            include: self.networks(family),
            exclude: self.networks(family),
            source_ports: self.ports(),
            destination_ports: self.ports(),
            ..Rule::new(format!("rule-{number}"), address).into()
        }
        .rule()
    }
}

fn service_port((protocol, port, _): (Protocol, u16, u16)) -> ServicePort {
    ServicePort { name: None, protocol, port }
}
