//! A subject as contract 0.2.0 shows it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::model::{Context, Endpoint, EndpointScope, Service, ServicePort, SubjectView};

use super::super::description::Description;
use super::super::named;
use super::types;

/// Whom it is shown to.
#[derive(Clone, Copy)]
pub(super) struct Viewer<'a> {
    /// The node of the context.
    pub(super) node: &'a str,
    /// What the policy wants to see.
    pub(super) description: &'a Description,
}

pub(super) fn context(context: &Context, settings: &str) -> types::Context {
    types::Context {
        node_name: context.node.clone(),
        node_labels: named::all(&context.node_labels),
        settings: settings.to_owned(),
        extra: Vec::new(),
    }
}

impl Viewer<'_> {
    pub(super) fn subject(self, view: &SubjectView) -> types::Subject {
        let (subject, wants) = (&view.subject, self.description);
        let endpoints = self.endpoints(&subject.endpoints, &view.remote);
        let elsewhere = subject.endpoints.len() - endpoints.len();
        types::Subject {
            kind: subject.kind().to_string(),
            namespace: self.namespace(view),
            name: subject.key().name.to_string(),
            uid: subject.uid().as_str().to_owned(),
            labels: named::labels(subject.labels(), &wants.label_prefixes),
            annotations: named::annotations(subject.annotations(), &wants.annotation_prefixes),
            addresses: subject.addresses.iter().copied().map(Into::into).collect(),
            endpoints,
            endpoints_not_shown: u32::try_from(elsewhere).unwrap_or(u32::MAX),
            service: subject.object.service().map(|of| service(of)),
            extra: Vec::new(),
        }
    }

    fn namespace(self, view: &SubjectView) -> types::Namespace {
        types::Namespace {
            name: view.subject.key().namespace.to_string(),
            labels: named::all(&view.namespace.labels),
            annotations: named::annotations(
                &view.namespace.annotations,
                &self.description.namespace_annotation_prefixes,
            ),
        }
    }

    /// One look at each, and nothing is made of those that are not shown: a subject can have thousands on other nodes.
    /// Those of other nodes that leave by this one are here.
    fn endpoints(self, all: &[Endpoint], remote: &BTreeSet<IpAddr>) -> Vec<types::Endpoint> {
        let is_here = |endpoint: &Endpoint| endpoint.is_on(self.node) || remote.contains(&endpoint.address);
        let is_shown = |endpoint: &&Endpoint| match self.description.endpoints {
            EndpointScope::All => true,
            EndpointScope::Here => is_here(endpoint),
        };
        all.iter().filter(is_shown).map(|of| endpoint(of, is_here(of))).collect()
    }
}

fn endpoint(endpoint: &Endpoint, here: bool) -> types::Endpoint {
    let Endpoint { address, node, pod, ready, serving, terminating } = endpoint;
    let pod = pod
        .as_ref()
        .map(|pod| types::ObjectReference { namespace: pod.namespace.to_string(), name: pod.name.to_string() });
    types::Endpoint {
        address: (*address).into(),
        node: node.as_deref().map(str::to_owned),
        here,
        pod,
        ready: *ready,
        serving: *serving,
        terminating: *terminating,
        extra: Vec::new(),
    }
}

fn service(service: &Service) -> types::Service {
    types::Service {
        type_: service.kind.into(),
        load_balancer_class: service.load_balancer_class.as_deref().map(str::to_owned),
        cluster_addresses: service.cluster_addresses.iter().copied().map(Into::into).collect(),
        external_traffic_policy: service.traffic_policy.into(),
        families: service.families.iter().copied().map(Into::into).collect(),
        ports: service.ports.iter().map(port).collect(),
    }
}

fn port(port: &ServicePort) -> types::ServicePort {
    let ServicePort { name, protocol, port } = port;
    types::ServicePort { name: name.as_deref().map(str::to_owned), protocol: (*protocol).into(), port: *port }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn on(node: &str, number: u32) -> Endpoint {
        Endpoint {
            address: Ipv4Addr::from(0x0a00_0001 + number).into(),
            node: Some(node.into()),
            pod: None,
            ready: Some(true),
            serving: Some(true),
            terminating: Some(false),
        }
    }

    fn shown(scope: EndpointScope, endpoints: &[Endpoint], remote: &BTreeSet<IpAddr>) -> Vec<types::Endpoint> {
        let description = Description {
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            settings_schema: String::new(),
            subject_kinds: Vec::new(),
            annotation_prefixes: Vec::new(),
            label_prefixes: Vec::new(),
            namespace_annotation_prefixes: Vec::new(),
            endpoints: scope,
        };
        Viewer { node: "node-a", description: &description }.endpoints(endpoints, remote)
    }

    #[test]
    fn of_a_thousand_endpoints_those_on_other_nodes_are_not_converted_unless_they_are_asked_for() {
        let endpoints: Vec<Endpoint> =
            (0..1000).map(|number| on(if number % 100 == 7 { "node-a" } else { "node-b" }, number)).collect();
        let none = BTreeSet::new();
        let here = shown(EndpointScope::Here, &endpoints, &none);
        assert!(here.len() == 10 && here.iter().all(|endpoint| endpoint.here));
        let all = shown(EndpointScope::All, &endpoints, &none);
        assert_eq!((all.len(), all.iter().filter(|endpoint| endpoint.here).count()), (1000, 10));
    }

    #[test]
    fn an_endpoint_of_another_node_that_leaves_by_this_one_is_here() {
        let endpoints: Vec<Endpoint> = (0..3).map(|number| on("node-b", number)).collect();
        let here = shown(EndpointScope::Here, &endpoints, &[endpoints[1].address].into());
        assert!(here.len() == 1 && here[0].here && here[0].node.as_deref() == Some("node-b"));
    }
}
