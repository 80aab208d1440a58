//! The core's Services for a native policy: what the WASM room does by way of the contract, done without it. Drafts and
//! answers have the same types on both sides.

use egressd_core::decision as core;
use egressd_core::model::{Context, Endpoint, ObjectReference, ServiceKind, ServicePort, SubjectView, TrafficPolicy};
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
    testkit::evaluate_on::<P>(settings, &sdk_context(context), &service, draft.clone())
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
    service.families = from.families.clone();
    service.ports = from.ports.iter().map(service_port).collect();
    service.endpoints = view.subject.endpoints.iter().map(endpoint).collect();
    service
}

fn labels(from: &egressd_core::model::Labels) -> sdk::Labels {
    from.iter().collect()
}

fn service_port(port: &ServicePort) -> sdk::ServicePort {
    sdk::ServicePort { name: port.name.as_deref().map(str::to_owned), protocol: port.protocol, port: port.port }
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
