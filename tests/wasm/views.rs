//! Services as a source would show them.

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{
    Context, Endpoint, Labels, Selection, Service, ServiceType, Subject, SubjectKey, SubjectObject, SubjectView,
    TrafficPolicy, Uid,
};
use egressd_core::net::Family;

pub(crate) fn context() -> Context {
    Context { node: "node-a".to_owned(), node_labels: Arc::default() }
}

/// A dual-stack Service of type LoadBalancer with an endpoint of each family on each node.
pub(crate) fn view(name: &str, annotations: &[(&str, &str)]) -> SubjectView {
    let service = Service {
        key: SubjectKey::service("shop", name),
        uid: Uid::new("5d0c5b1a-0000-4000-8000-000000000001").unwrap(),
        created: 0,
        kind: ServiceType::LoadBalancer,
        labels: Labels::new(),
        annotations: annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        load_balancer_class: None,
        status_addresses: Vec::new(),
        status_hostnames: Vec::new(),
        spec_address: None,
        selection: Selection::of([("app", "web")].into()),
        cluster_addresses: vec![ip("10.96.0.7")],
        traffic_policy: TrafficPolicy::Local,
        families: vec![Family::Ipv4, Family::Ipv6],
        ports: Vec::new(),
        kube_vip_wrote: None,
    };
    let subject = Subject {
        object: SubjectObject::Service(Arc::new(service)),
        addresses: vec![ip("192.0.2.10"), ip("2001:db8::10")],
        endpoints: [
            endpoint("10.244.1.7", "node-a"),
            endpoint("10.244.2.8", "node-b"),
            endpoint("fd00:244:1::7", "node-a"),
            endpoint("fd00:244:2::8", "node-b"),
        ]
        .into(),
    };
    SubjectView {
        subject,
        namespace: Arc::default(),
        withheld: Box::default(),
        held_back: Default::default(),
        remote: Default::default(),
        gateways: Default::default(),
        findings: Vec::new(),
    }
}

/// The same with changes to the Service.
pub(crate) fn changed(mut view: SubjectView, change: impl FnOnce(&mut Service)) -> SubjectView {
    let SubjectObject::Service(service) = &mut view.subject.object else { panic!("a Service") };
    change(Arc::make_mut(service));
    view
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn endpoint(address: &str, node: &str) -> Endpoint {
    Endpoint {
        address: ip(address),
        node: Some(node.into()),
        pod: None,
        ready: Some(true),
        serving: Some(true),
        terminating: Some(false),
    }
}
