//! The core's Services for a native policy, and its answers in the core's words: what the WASM room does by way of
//! the contract, done without it.

use egressd_core::decision as core;
use egressd_core::finding as told;
use egressd_core::model::{Context, Endpoint, ObjectReference, ServiceKind, ServicePort, SubjectView, TrafficPolicy};
use egressd_core::net::{Family, PortRange, Protocol};
use egressd_policy_sdk as sdk;
use egressd_policy_sdk::{Policy, Settings, testkit};

/// A native policy's word under these settings (JSON text).
pub(crate) fn evaluate<P: Policy>(
    settings: &str,
    context: &Context,
    view: &SubjectView,
    draft: &core::Draft,
) -> core::Outcome {
    let description = P::describe(&P::Settings::parse(settings).unwrap());
    let service = testkit::shown(service(view), &description);
    let outcome = testkit::evaluate_on::<P>(settings, &sdk_context(context), &service, draft_in(draft));
    outcome_out(outcome)
}

/// The node as the SDK says it.
pub(crate) fn sdk_context(from: &Context) -> sdk::Context {
    let mut context = testkit::context_of(&from.node);
    context.node_labels = labels(&from.node_labels);
    context
}

/// The Service with all that it has: a policy sees less of it.
pub(crate) fn service(view: &SubjectView) -> sdk::Service {
    let from = view.subject.service().unwrap();
    let mut service = testkit::load_balancer(&from.key.namespace, &from.key.name).build();
    from.uid.as_str().clone_into(&mut service.uid);
    service.kind = match from.kind {
        ServiceKind::ClusterIp => sdk::ServiceKind::ClusterIp,
        ServiceKind::NodePort => sdk::ServiceKind::NodePort,
        ServiceKind::LoadBalancer => sdk::ServiceKind::LoadBalancer,
        ServiceKind::ExternalName => sdk::ServiceKind::ExternalName,
    };
    service.external_traffic_policy = match from.traffic_policy {
        TrafficPolicy::Cluster => sdk::TrafficPolicy::Cluster,
        TrafficPolicy::Local => sdk::TrafficPolicy::Local,
    };
    service.namespace_labels = labels(&view.namespace.labels);
    service.labels = labels(&from.labels);
    service.annotations = labels(&from.annotations);
    service.load_balancer_class = from.load_balancer_class.as_deref().map(str::to_owned);
    service.cluster_addresses.clone_from(&from.cluster_addresses);
    service.addresses.clone_from(&view.subject.addresses);
    service.families = from.families.iter().map(family).collect();
    service.ports = from.ports.iter().map(service_port).collect();
    service.endpoints = view.subject.endpoints.iter().map(endpoint).collect();
    service
}

fn labels(from: &egressd_core::model::Labels) -> sdk::Labels {
    from.iter().collect()
}

fn family(family: &Family) -> sdk::Family {
    match family {
        Family::Ipv4 => sdk::Family::Ipv4,
        Family::Ipv6 => sdk::Family::Ipv6,
    }
}

fn service_port(port: &ServicePort) -> sdk::ServicePort {
    sdk::ServicePort {
        name: port.name.as_deref().map(str::to_owned),
        protocol: protocol_in(port.protocol),
        port: port.port,
    }
}

fn endpoint(from: &Endpoint) -> sdk::Endpoint {
    let mut endpoint = sdk::Endpoint::new(from.address);
    endpoint.node = from.node.as_deref().map(str::to_owned);
    let reference = |pod: &ObjectReference| sdk::ObjectReference {
        namespace: pod.namespace.to_string(),
        name: pod.name.to_string(),
    };
    endpoint.pod = from.pod.as_ref().map(reference);
    (endpoint.ready, endpoint.serving, endpoint.terminating) = (from.ready, from.serving, from.terminating);
    endpoint
}

/// A draft of the core for a native policy.
pub(crate) fn draft_in(from: &core::Draft) -> sdk::Draft {
    let mut draft = testkit::draft(from.rules().iter().map(rule_in));
    draft.on_change = match from.on_change.unwrap_or_default() {
        core::OnChange::Keep => sdk::OnChange::Keep,
        core::OnChange::Sever => sdk::OnChange::Sever,
    };
    draft.on_unavailable = match from.on_unavailable.unwrap_or_default() {
        core::OnUnavailable::Pass => sdk::OnUnavailable::Pass,
        core::OnUnavailable::Drop => sdk::OnUnavailable::Drop,
    };
    draft
}

fn rule_in(from: &core::Rule) -> sdk::Rule {
    let ports = |ports: &[PortRange]| ports.iter().map(port_in).collect::<Vec<_>>();
    let rule = sdk::Rule::new(from.id(), from.address()).from(from.sources().iter().copied()).unwrap();
    let rule = rule.except(from.exclude().iter().copied()).unwrap();
    let rule = if from.include().is_empty() { rule } else { rule.to(from.include().iter().copied()).unwrap() };
    let (source, destination) = (ports(from.source_ports()), ports(from.destination_ports()));
    let rule = if source.is_empty() { rule } else { rule.with_source_ports(source).unwrap() };
    if destination.is_empty() { rule } else { rule.with_destination_ports(destination).unwrap() }
}

fn port_in(port: &PortRange) -> sdk::PortRange {
    sdk::PortRange::new(protocol_in(port.protocol()), port.first(), port.last()).unwrap()
}

fn protocol_in(protocol: Protocol) -> sdk::Protocol {
    match protocol {
        Protocol::Tcp => sdk::Protocol::Tcp,
        Protocol::Udp => sdk::Protocol::Udp,
        Protocol::Sctp => sdk::Protocol::Sctp,
    }
}

fn outcome_out(outcome: sdk::Outcome) -> core::Outcome {
    let decision = match outcome.decision {
        sdk::Decision::Pass => core::Decision::Pass,
        sdk::Decision::Plan(plan) => core::Decision::Plan(draft_out(&plan)),
        sdk::Decision::Invalid => core::Decision::Invalid,
        sdk::Decision::Deny => core::Decision::Deny,
    };
    core::Outcome { decision, diagnostics: outcome.diagnostics.into_iter().map(diagnostic).collect() }
}

fn draft_out(draft: &sdk::Draft) -> core::Draft {
    let mut out = core::Draft::default().with_rules(draft.rules().iter().map(rule_out).collect()).unwrap();
    out.on_change = Some(match draft.on_change {
        sdk::OnChange::Keep => core::OnChange::Keep,
        sdk::OnChange::Sever => core::OnChange::Sever,
    });
    out.on_unavailable = Some(match draft.on_unavailable {
        sdk::OnUnavailable::Pass => core::OnUnavailable::Pass,
        sdk::OnUnavailable::Drop => core::OnUnavailable::Drop,
    });
    out
}

fn rule_out(rule: &sdk::Rule) -> core::Rule {
    let parts = core::RuleParts {
        sources: rule.sources().to_vec(),
        include: rule.include().to_vec(),
        exclude: rule.exclude().to_vec(),
        source_ports: rule.source_ports().iter().map(ports_out).collect(),
        destination_ports: rule.destination_ports().iter().map(ports_out).collect(),
        ..core::Rule::new(rule.id(), rule.address()).into()
    };
    parts.checked().unwrap()
}

fn ports_out(range: &sdk::PortRange) -> PortRange {
    let protocol = match range.protocol() {
        sdk::Protocol::Tcp => Protocol::Tcp,
        sdk::Protocol::Udp => Protocol::Udp,
        sdk::Protocol::Sctp => Protocol::Sctp,
    };
    PortRange::new(protocol, range.first(), range.last()).unwrap()
}

/// A diagnostic of the core.
pub(crate) fn diagnostic(diagnostic: sdk::Diagnostic) -> core::Diagnostic {
    let severity = match diagnostic.severity {
        sdk::Severity::Info => told::Severity::Info,
        sdk::Severity::Warning => told::Severity::Warning,
        sdk::Severity::Error => told::Severity::Error,
    };
    let span = diagnostic.span.map(|span| told::Span {
        annotation: span.annotation,
        offset: span.offset,
        length: span.length,
    });
    core::Diagnostic { span, ..core::Diagnostic::new(severity, diagnostic.code, diagnostic.message) }
}
