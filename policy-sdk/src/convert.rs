//! The contract's types to ours and back. The host has checked what it sends, and checks what it gets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::Family;
use crate::bindings::egressd::policy::types as wit;
use crate::description::Description;
use crate::labels::Labels;
use crate::service::{Context, Endpoint, ObjectReference, Service, ServiceKind, ServicePort, TrafficPolicy};
use crate::{Decision, Outcome};
use crate::{Diagnostic, Severity, Span};
use crate::{Draft, OnChange, OnUnavailable};
use crate::{Extra, Rule};
use crate::{PortRange, Protocol};
use egressd_vocabulary::RuleParts;

/// The context, and the settings that the contract puts into it.
pub(crate) fn context(context: wit::Context) -> (Context, String) {
    let wit::Context { node_name, node_labels, settings, extra } = context;
    (Context { node_name, node_labels: Labels(node_labels), extra }, settings)
}

pub(crate) fn service(service: wit::Service) -> Service {
    Service {
        namespace: service.namespace,
        namespace_labels: Labels(service.namespace_labels),
        name: service.name,
        uid: service.uid,
        kind: service_kind(service.kind),
        labels: Labels(service.labels),
        annotations: Labels(service.annotations),
        load_balancer_class: service.load_balancer_class,
        addresses: service.addresses.into_iter().map(address).collect(),
        cluster_addresses: service.cluster_addresses.into_iter().map(address).collect(),
        external_traffic_policy: traffic_policy(service.external_traffic_policy),
        families: service.families.into_iter().map(family).collect(),
        ports: service.ports.into_iter().map(service_port).collect(),
        endpoints: service.endpoints.into_iter().map(endpoint).collect(),
        extra: service.extra,
    }
}

/// A draft that cannot be read must not become a wider one, so there is no way on.
pub(crate) fn draft(draft: wit::Draft) -> Draft {
    let rules = draft.rules.into_iter().map(rule).collect();
    let mut read = Draft::default().with_rules(rules).unwrap_or_else(|error| panic!("the host sent a draft: {error}"));
    read.on_change = match draft.on_change {
        wit::OnChange::Keep => None,
        wit::OnChange::Sever => Some(OnChange::Sever),
    };
    read.on_unavailable = match draft.on_unavailable {
        wit::OnUnavailable::Pass => None,
        wit::OnUnavailable::Drop => Some(OnUnavailable::Drop),
    };
    read.with_extra(draft.extra)
}

pub(crate) fn outcome(outcome: Outcome) -> wit::Outcome {
    let decision = match outcome.decision {
        Decision::Pass => wit::Decision::Pass,
        Decision::Plan(draft) => wit::Decision::Plan(draft_out(&draft)),
        Decision::Invalid => wit::Decision::Invalid,
        Decision::Deny => wit::Decision::Deny,
    };
    wit::Outcome { decision, diagnostics: outcome.diagnostics.into_iter().map(diagnostic).collect() }
}

pub(crate) fn diagnostic(diagnostic: Diagnostic) -> wit::Diagnostic {
    let Diagnostic { severity, code, message, span, rule } = diagnostic;
    let severity = match severity {
        Severity::Info => wit::Severity::Info,
        Severity::Warning => wit::Severity::Warning,
        Severity::Error => wit::Severity::Error,
    };
    wit::Diagnostic { severity, code, message, span: span.map(span_out), rule_id: rule, extra: Extra::new() }
}

pub(crate) fn description(description: Description, settings_schema: &str) -> wit::Description {
    let Description { name, version, summary, annotation_prefixes, label_prefixes } = description;
    let (settings_schema, extra) = (settings_schema.to_owned(), Extra::new());
    wit::Description { name, version, summary, settings_schema, annotation_prefixes, label_prefixes, extra }
}

fn rule(rule: wit::Rule) -> Rule {
    let parts = RuleParts {
        sources: rule.sources.into_iter().map(address).collect(),
        include: rule.include.into_iter().map(network).collect(),
        exclude: rule.exclude.into_iter().map(network).collect(),
        source_ports: rule.source_ports.into_iter().map(port_range).collect(),
        destination_ports: rule.destination_ports.into_iter().map(port_range).collect(),
        extra: rule.extra,
        ..Rule::new(rule.id, address(rule.address)).into()
    };
    parts.checked().unwrap_or_else(|error| panic!("the host sent a rule: {error}"))
}

fn endpoint(endpoint: wit::Endpoint) -> Endpoint {
    let wit::Endpoint { address: from, node, pod, ready, serving, terminating, extra } = endpoint;
    let pod = pod.map(|pod| ObjectReference { namespace: pod.namespace, name: pod.name });
    Endpoint { address: address(from), node, pod, ready, serving, terminating, extra }
}

fn service_port(port: wit::ServicePort) -> ServicePort {
    ServicePort { name: port.name, protocol: protocol(port.protocol), port: port.port }
}

fn service_kind(kind: wit::ServiceKind) -> ServiceKind {
    match kind {
        wit::ServiceKind::ClusterIp => ServiceKind::ClusterIp,
        wit::ServiceKind::NodePort => ServiceKind::NodePort,
        wit::ServiceKind::LoadBalancer => ServiceKind::LoadBalancer,
        wit::ServiceKind::ExternalName => ServiceKind::ExternalName,
    }
}

fn traffic_policy(policy: wit::TrafficPolicy) -> TrafficPolicy {
    match policy {
        wit::TrafficPolicy::Cluster => TrafficPolicy::Cluster,
        wit::TrafficPolicy::Local => TrafficPolicy::Local,
    }
}

fn family(family: wit::IpFamily) -> Family {
    match family {
        wit::IpFamily::Ipv4 => Family::Ipv4,
        wit::IpFamily::Ipv6 => Family::Ipv6,
    }
}

fn address(address: wit::IpAddress) -> IpAddr {
    match address {
        wit::IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
        wit::IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => Ipv6Addr::new(a, b, c, d, e, f, g, h).into(),
    }
}

/// As for a draft: a network that is cut would be a wider one.
fn network(network: wit::Network) -> IpNet {
    IpNet::new(address(network.address), network.prefix_length)
        .unwrap_or_else(|error| panic!("the host sent a network that is none: {error}"))
}

/// As for a network: a rule without ports would match all of them.
fn port_range(range: wit::PortRange) -> PortRange {
    PortRange::new(protocol(range.protocol), range.first, range.last)
        .unwrap_or_else(|error| panic!("the host sent a port range that is none: {error}"))
}

fn protocol(protocol: wit::Protocol) -> Protocol {
    match protocol {
        wit::Protocol::Tcp => Protocol::Tcp,
        wit::Protocol::Udp => Protocol::Udp,
        wit::Protocol::Sctp => Protocol::Sctp,
    }
}

fn draft_out(draft: &Draft) -> wit::Draft {
    wit::Draft {
        rules: draft.rules().iter().map(rule_out).collect(),
        on_change: match draft.on_change.unwrap_or_default() {
            OnChange::Keep => wit::OnChange::Keep,
            OnChange::Sever => wit::OnChange::Sever,
        },
        on_unavailable: match draft.on_unavailable.unwrap_or_default() {
            OnUnavailable::Pass => wit::OnUnavailable::Pass,
            OnUnavailable::Drop => wit::OnUnavailable::Drop,
        },
        extra: draft.extra().to_vec(),
    }
}

fn rule_out(rule: &Rule) -> wit::Rule {
    wit::Rule {
        id: rule.id().to_owned(),
        sources: rule.sources().iter().copied().map(address_out).collect(),
        include: rule.include().iter().copied().map(network_out).collect(),
        exclude: rule.exclude().iter().copied().map(network_out).collect(),
        source_ports: rule.source_ports().iter().copied().map(port_range_out).collect(),
        destination_ports: rule.destination_ports().iter().copied().map(port_range_out).collect(),
        address: address_out(rule.address()),
        extra: rule.extra().to_vec(),
    }
}

fn address_out(address: IpAddr) -> wit::IpAddress {
    match address {
        IpAddr::V4(address) => wit::IpAddress::Ipv4(address.octets().into()),
        IpAddr::V6(address) => wit::IpAddress::Ipv6(address.segments().into()),
    }
}

fn network_out(network: IpNet) -> wit::Network {
    wit::Network { address: address_out(network.addr()), prefix_length: network.prefix_len() }
}

fn port_range_out(range: PortRange) -> wit::PortRange {
    let protocol = match range.protocol() {
        Protocol::Tcp => wit::Protocol::Tcp,
        Protocol::Udp => wit::Protocol::Udp,
        Protocol::Sctp => wit::Protocol::Sctp,
    };
    wit::PortRange { protocol, first: range.first(), last: range.last() }
}

/// Values of annotations are at most 256 KiB, so nothing is lost in a span that means anything.
fn span_out(span: Span) -> wit::Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    wit::Span { annotation: span.annotation, offset: number(span.offset), length: number(span.length) }
}
