//! The core's Services for the native policy, and its answers in the core's words: what the WASM room does by
//! way of the contract, done without it.

use egressd_core::decision as core;
use egressd_core::finding as told;
use egressd_core::model::{Context, Endpoint, ServiceKind, ServiceView, TrafficPolicy};
use egressd_core::net::{Family, PortMatch, Protocol};
use egressd_policy_annotations::Annotations;
use egressd_policy_sdk as sdk;
use egressd_policy_sdk::{Policy, testkit};

/// The native policy's word.
pub(crate) fn evaluate(context: &Context, view: &ServiceView) -> core::Outcome {
    let mut sdk_context = testkit::context();
    sdk_context.node_name.clone_from(&context.node);
    outcome(Annotations::evaluate(&sdk_context, &service(view), sdk::Draft::default()))
}

fn service(view: &ServiceView) -> sdk::Service {
    let from = &view.service;
    let mut service = testkit::load_balancer(&from.key.namespace, &from.key.name).build();
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
    service.annotations.clone_from(&from.annotations);
    service.addresses.clone_from(&view.addresses);
    service.families = from.families.iter().map(family).collect();
    service.endpoints = view.endpoints.iter().map(endpoint).collect();
    service
}

fn family(family: &Family) -> sdk::Family {
    match family {
        Family::Ipv4 => sdk::Family::Ipv4,
        Family::Ipv6 => sdk::Family::Ipv6,
    }
}

fn endpoint(from: &Endpoint) -> sdk::Endpoint {
    let mut endpoint = sdk::Endpoint::new(from.address);
    endpoint.node.clone_from(&from.node);
    endpoint
}

fn outcome(outcome: sdk::Outcome) -> core::Outcome {
    let decision = match outcome.decision {
        sdk::Decision::Pass => core::Decision::Pass,
        sdk::Decision::Plan(plan) => core::Decision::Plan(draft(plan)),
        sdk::Decision::Invalid => core::Decision::Invalid,
        sdk::Decision::Deny => core::Decision::Deny,
    };
    core::Outcome { decision, diagnostics: outcome.diagnostics.into_iter().map(finding).collect() }
}

fn draft(draft: sdk::Draft) -> core::Draft {
    core::Draft {
        rules: draft.rules.into_iter().map(rule).collect(),
        on_change: match draft.on_change {
            sdk::OnChange::Keep => core::OnChange::Keep,
            sdk::OnChange::Sever => core::OnChange::Sever,
        },
        on_unavailable: match draft.on_unavailable {
            sdk::OnUnavailable::Pass => core::OnUnavailable::Pass,
            sdk::OnUnavailable::Drop => core::OnUnavailable::Drop,
        },
    }
}

fn rule(rule: sdk::Rule) -> core::Rule {
    core::Rule {
        id: rule.id,
        sources: rule.sources,
        include: rule.include,
        exclude: rule.exclude,
        source_ports: rule.source_ports.into_iter().map(ports).collect(),
        destination_ports: rule.destination_ports.into_iter().map(ports).collect(),
        address: rule.address,
    }
}

fn ports(range: sdk::PortRange) -> PortMatch {
    let protocol = match range.protocol() {
        sdk::Protocol::Tcp => Protocol::Tcp,
        sdk::Protocol::Udp => Protocol::Udp,
        sdk::Protocol::Sctp => Protocol::Sctp,
    };
    PortMatch::new(protocol, range.first(), range.last()).unwrap()
}

fn finding(diagnostic: sdk::Diagnostic) -> told::Finding {
    told::Finding {
        severity: match diagnostic.severity {
            sdk::Severity::Info => told::Severity::Info,
            sdk::Severity::Warning => told::Severity::Warning,
            sdk::Severity::Error => told::Severity::Error,
        },
        code: diagnostic.code,
        message: diagnostic.message,
        span: diagnostic.span.map(|span| told::Span {
            annotation: span.annotation,
            offset: span.offset,
            length: span.length,
        }),
    }
}
