//! The types of contract 0.1.0 to the core's and back: the only file that sees both. What comes from a policy is
//! checked here value by value; it never narrows or widens an answer, it refuses it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_core::decision::{Decision, Diagnostic, Draft, OnChange, OnUnavailable, Outcome, Rule, RuleParts};
use egressd_core::finding::{Finding, Severity, Span, at_most};
use egressd_core::model::{
    Context, Endpoint, EndpointScope, ServicePort, ServiceType, SubjectKind, SubjectView, TrafficPolicy,
};
use egressd_core::net::{Family, PortRange, Protocol};
use egressd_core::text::{Text, quoted};
use egressd_vocabulary::ContractError;
use ipnet::IpNet;

use super::super::description::Description;
use super::super::invalid_answer::{InvalidAnswer, check_span};
use super::super::named;
use super::bindings::types as wit;

/// The longest id of a rule, in bytes: it stands in tables.
const MAX_RULE_ID: usize = 256;

pub(super) fn context(context: &Context, settings: &str) -> wit::Context {
    wit::Context {
        node_name: context.node.clone(),
        node_labels: named::all(&context.node_labels),
        settings: settings.to_owned(),
        extra: Vec::new(),
    }
}

/// The subject in the contract's types; none where it is no Service, which is all that this version knows.
pub(super) fn service(view: &SubjectView, description: &Description) -> Option<wit::Service> {
    let service = view.subject.service()?;
    Some(wit::Service {
        namespace: service.key.namespace.to_string(),
        namespace_labels: named::all(&view.namespace.labels),
        name: service.key.name.to_string(),
        uid: service.uid.as_str().to_owned(),
        kind: service_kind(service.kind),
        labels: named::labels(&service.labels, &description.label_prefixes),
        annotations: named::annotations(&service.annotations, &description.annotation_prefixes),
        load_balancer_class: service.load_balancer_class.as_deref().map(str::to_owned),
        addresses: view.subject.addresses.iter().copied().map(address).collect(),
        cluster_addresses: service.cluster_addresses.iter().copied().map(address).collect(),
        external_traffic_policy: match service.traffic_policy {
            TrafficPolicy::Cluster => wit::TrafficPolicy::Cluster,
            TrafficPolicy::Local => wit::TrafficPolicy::Local,
        },
        families: service.families.iter().copied().map(family).collect(),
        ports: service.ports.iter().map(service_port).collect(),
        endpoints: view.subject.endpoints.iter().map(endpoint).collect(),
        extra: Vec::new(),
    })
}

pub(super) fn draft(draft: &Draft) -> wit::Draft {
    wit::Draft {
        rules: draft.rules().iter().map(rule).collect(),
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

/// What the policy says about itself is text for people, and prefixes: there is nothing to refuse.
pub(super) fn description(description: wit::Description) -> Description {
    Description {
        name: Text::new(description.name).into(),
        version: Text::new(description.version).into(),
        summary: Text::new(description.summary).into(),
        settings_schema: description.settings_schema,
        annotation_prefixes: description.annotation_prefixes,
        label_prefixes: description.label_prefixes,
        subject_kinds: vec![SubjectKind::Service.to_string()],
        namespace_annotation_prefixes: Vec::new(),
        endpoints: EndpointScope::All,
    }
}

/// Settings are no annotation, so their findings have no span.
pub(super) fn settings_findings(diagnostics: Vec<wit::Diagnostic>) -> Result<Vec<Finding>, InvalidAnswer> {
    let checked = diagnostics.into_iter().map(|one| diagnostic(one, None)).collect::<Result<Vec<_>, _>>()?;
    Ok(at_most(checked.into_iter().map(Finding::from)))
}

/// The policy's answer about the Service that was `sent` with a draft.
pub(super) fn outcome(
    outcome: wit::Outcome,
    sent: &wit::Service,
    sent_draft: &Draft,
) -> Result<Outcome, InvalidAnswer> {
    let decision = match outcome.decision {
        wit::Decision::Pass => Decision::Pass,
        wit::Decision::Plan(draft) => Decision::Plan(checked_draft(draft, sent_draft)?),
        wit::Decision::Invalid => Decision::Invalid,
        wit::Decision::Deny => Decision::Deny,
    };
    Ok(Outcome { decision, diagnostics: diagnostics(outcome.diagnostics, sent)? })
}

/// What is reported about the Service that was `sent`: a validator's whole answer.
pub(super) fn diagnostics(
    reported: Vec<wit::Diagnostic>,
    sent: &wit::Service,
) -> Result<Vec<Diagnostic>, InvalidAnswer> {
    let checked = |mut one: wit::Diagnostic| {
        let span = one.span.take().map(|span| checked_span(span, sent)).transpose()?;
        diagnostic(one, span)
    };
    reported.into_iter().map(checked).collect()
}

/// This version cannot leave open what happens to connections: where an answer says what it was shown, it is as it was.
fn checked_draft(draft: wit::Draft, sent: &Draft) -> Result<Draft, InvalidAnswer> {
    let rules: Vec<Rule> = draft.rules.into_iter().map(checked_rule).collect::<Result<_, _>>()?;
    let mut checked = Draft::default().with_rules(rules).map_err(|error| InvalidAnswer(error.to_string()))?;
    let on_change = match draft.on_change {
        wit::OnChange::Keep => OnChange::Keep,
        wit::OnChange::Sever => OnChange::Sever,
    };
    let on_unavailable = match draft.on_unavailable {
        wit::OnUnavailable::Pass => OnUnavailable::Pass,
        wit::OnUnavailable::Drop => OnUnavailable::Drop,
    };
    checked.on_change = explicit(on_change, sent.on_change);
    checked.on_unavailable = explicit(on_unavailable, sent.on_unavailable);
    Ok(checked.with_extra(draft.extra))
}

fn explicit<T: Copy + Default + PartialEq>(answer: T, sent: Option<T>) -> Option<T> {
    if answer == sent.unwrap_or_default() { sent } else { Some(answer) }
}

fn checked_rule(rule: wit::Rule) -> Result<Rule, InvalidAnswer> {
    let id = rule.id;
    let about = |InvalidAnswer(what)| InvalidAnswer(format!("rule {id:?}: {what}"));
    if id.is_empty() {
        return Err(InvalidAnswer("a rule has an empty id".to_owned()));
    }
    if id.len() > MAX_RULE_ID {
        return Err(InvalidAnswer(format!("a rule's id is longer than {MAX_RULE_ID} bytes: {}", quoted(&id))));
    }
    let to = checked_address(rule.address);
    let networks = |networks: Vec<wit::Network>| -> Result<Vec<IpNet>, InvalidAnswer> {
        networks.into_iter().map(|n| checked_network(n, Family::of(to)).map_err(about)).collect()
    };
    let ports = |ranges: Vec<wit::PortRange>| -> Result<Vec<PortRange>, InvalidAnswer> {
        ranges.into_iter().map(|r| checked_ports(r).map_err(about)).collect()
    };
    let (include, exclude) = (networks(rule.include)?, networks(rule.exclude)?);
    let (source_ports, destination_ports) = (ports(rule.source_ports)?, ports(rule.destination_ports)?);
    let sources = rule.sources.into_iter().map(|s| checked_source(s, Family::of(to)).map_err(about));
    let sources = sources.collect::<Result<_, _>>()?;
    let parts = RuleParts { sources, include, exclude, source_ports, destination_ports, ..Rule::new(&id, to).into() };
    parts.checked().map_err(|error| InvalidAnswer(error.to_string()))
}

fn checked_source(source: wit::IpAddress, expected: Family) -> Result<IpAddr, InvalidAnswer> {
    let source = checked_address(source);
    let found = Family::of(source);
    if found != expected {
        return Err(InvalidAnswer(format!("source {source} is {found}, and its address is {expected}")));
    }
    Ok(source)
}

fn checked_network(network: wit::Network, expected: Family) -> Result<IpNet, InvalidAnswer> {
    let (address, length) = (checked_address(network.address), network.prefix_length);
    let parsed = IpNet::new(address, length)
        .map_err(|_| InvalidAnswer(format!("network {address}/{length} has a prefix that is too long")))?;
    if parsed.trunc() != parsed {
        let right = parsed.trunc();
        return Err(InvalidAnswer(format!("network {parsed} has host bits set; {right} has not")));
    }
    let found = Family::of_network(parsed);
    if found != expected {
        return Err(InvalidAnswer(format!("network {parsed} is {found}, and its address is {expected}")));
    }
    Ok(parsed)
}

fn checked_ports(range: wit::PortRange) -> Result<PortRange, InvalidAnswer> {
    let protocol = match range.protocol {
        wit::Protocol::Tcp => Protocol::Tcp,
        wit::Protocol::Udp => Protocol::Udp,
        wit::Protocol::Sctp => Protocol::Sctp,
    };
    PortRange::new(protocol, range.first, range.last)
        .map_err(|error| InvalidAnswer(format!("ports {protocol}:{}-{}: {error}", range.first, range.last)))
}

fn checked_address(address: wit::IpAddress) -> IpAddr {
    match address {
        wit::IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
        wit::IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => Ipv6Addr::new(a, b, c, d, e, f, g, h).into(),
    }
}

fn checked_span(span: wit::Span, sent: &wit::Service) -> Result<Span, InvalidAnswer> {
    let wit::Span { annotation, offset, length } = span;
    let span = Span { annotation, offset: offset as usize, length: length as usize };
    check_span(&span, &sent.annotations).map(|()| span)
}

fn diagnostic(diagnostic: wit::Diagnostic, span: Option<Span>) -> Result<Diagnostic, InvalidAnswer> {
    let severity = match diagnostic.severity {
        wit::Severity::Info => Severity::Info,
        wit::Severity::Warning => Severity::Warning,
        wit::Severity::Error => Severity::Error,
    };
    ContractError::check_code(&diagnostic.code)?;
    // Hosts of this version never looked at it: one that names no rule is left out, as it always was.
    let rule = diagnostic.rule_id.filter(|id| ContractError::check_id(id).is_ok());
    Ok(Diagnostic { span, rule, ..Diagnostic::new(severity, diagnostic.code, diagnostic.message) })
}

fn rule(rule: &Rule) -> wit::Rule {
    wit::Rule {
        id: rule.id().to_owned(),
        sources: rule.sources().iter().copied().map(address).collect(),
        include: rule.include().iter().copied().map(network).collect(),
        exclude: rule.exclude().iter().copied().map(network).collect(),
        source_ports: rule.source_ports().iter().copied().map(port_range).collect(),
        destination_ports: rule.destination_ports().iter().copied().map(port_range).collect(),
        address: address(rule.address()),
        extra: rule.extra().to_vec(),
    }
}

fn endpoint(endpoint: &Endpoint) -> wit::Endpoint {
    let Endpoint { address: from, node, pod, ready, serving, terminating } = endpoint;
    let pod = pod
        .as_ref()
        .map(|pod| wit::ObjectReference { namespace: pod.namespace.to_string(), name: pod.name.to_string() });
    wit::Endpoint {
        address: address(*from),
        node: node.as_deref().map(str::to_owned),
        pod,
        ready: *ready,
        serving: *serving,
        terminating: *terminating,
        extra: Vec::new(),
    }
}

fn service_port(port: &ServicePort) -> wit::ServicePort {
    wit::ServicePort {
        name: port.name.as_deref().map(str::to_owned),
        protocol: protocol(port.protocol),
        port: port.port,
    }
}

fn service_kind(kind: ServiceType) -> wit::ServiceKind {
    match kind {
        ServiceType::ClusterIp => wit::ServiceKind::ClusterIp,
        ServiceType::NodePort => wit::ServiceKind::NodePort,
        ServiceType::LoadBalancer => wit::ServiceKind::LoadBalancer,
        ServiceType::ExternalName => wit::ServiceKind::ExternalName,
    }
}

fn family(family: Family) -> wit::IpFamily {
    match family {
        Family::Ipv4 => wit::IpFamily::Ipv4,
        Family::Ipv6 => wit::IpFamily::Ipv6,
    }
}

fn address(address: IpAddr) -> wit::IpAddress {
    match address {
        IpAddr::V4(address) => wit::IpAddress::Ipv4(address.octets().into()),
        IpAddr::V6(address) => wit::IpAddress::Ipv6(address.segments().into()),
    }
}

fn network(network: IpNet) -> wit::Network {
    wit::Network { address: address(network.addr()), prefix_length: network.prefix_len() }
}

fn port_range(range: PortRange) -> wit::PortRange {
    wit::PortRange { protocol: protocol(range.protocol()), first: range.first(), last: range.last() }
}

fn protocol(protocol: Protocol) -> wit::Protocol {
    match protocol {
        Protocol::Tcp => wit::Protocol::Tcp,
        Protocol::Udp => wit::Protocol::Udp,
        Protocol::Sctp => wit::Protocol::Sctp,
    }
}
