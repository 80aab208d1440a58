//! The core's Services for a native policy: what the module `wasm` does through the contract, without it. Drafts and
//! answers have the same types on both sides.

use egressd_core::decision as core;
use egressd_core::model::{Context, Endpoint, ObjectReference, Service, ServicePort, SubjectView};
use egressd_policy_sdk as sdk;
use egressd_policy_sdk::{Policy, Settings, testkit};

/// A native policy's answer under these settings (JSON text).
pub(crate) fn evaluate<P: Policy>(
    settings: &str,
    context: &Context,
    view: &SubjectView,
    draft: &core::Draft,
) -> core::Outcome {
    let description = P::describe(&P::Settings::parse(settings).unwrap());
    let subject = testkit::shown(subject(view, context), &description);
    testkit::evaluate_on::<P>(settings, &sdk_context(context), &subject, draft.clone())
}

/// The node in the SDK's types.
pub(crate) fn sdk_context(from: &Context) -> sdk::Context {
    let mut context = testkit::context_of(&from.node);
    context.node_labels = labels(&from.node_labels);
    context
}

/// The Service with all that it has: a policy sees less of it.
pub(crate) fn subject(view: &SubjectView, context: &Context) -> sdk::Subject {
    let from = view.subject.service().unwrap();
    let mut subject = testkit::load_balancer(&from.key.namespace, &from.key.name).build();
    from.uid.as_str().clone_into(&mut subject.uid);
    subject.namespace.labels = labels(&view.namespace.labels);
    subject.namespace.annotations = labels(&view.namespace.annotations);
    subject.labels = labels(&from.labels);
    subject.annotations = labels(&from.annotations);
    subject.addresses.clone_from(&view.subject.addresses);
    subject.endpoints = view.subject.endpoints.iter().map(|from| endpoint(from, context)).collect();
    subject.service.iter_mut().for_each(|service| fill(service, from));
    subject
}

fn fill(service: &mut sdk::Service, from: &Service) {
    (service.service_type, service.external_traffic_policy) = (from.kind, from.traffic_policy);
    service.load_balancer_class = from.load_balancer_class.as_deref().map(str::to_owned);
    service.cluster_addresses.clone_from(&from.cluster_addresses);
    service.families.clone_from(&from.families);
    service.ports = from.ports.iter().map(service_port).collect();
}

fn labels(from: &egressd_core::model::Labels) -> sdk::Labels {
    from.iter().collect()
}

fn service_port(port: &ServicePort) -> sdk::ServicePort {
    sdk::ServicePort { name: port.name.as_deref().map(str::to_owned), protocol: port.protocol, port: port.port }
}

fn endpoint(from: &Endpoint, context: &Context) -> sdk::Endpoint {
    let mut endpoint = sdk::Endpoint::new(from.address);
    endpoint.here = from.node.as_deref() == Some(&*context.node);
    endpoint.node = from.node.as_deref().map(str::to_owned);
    let reference = |pod: &ObjectReference| sdk::ObjectReference {
        namespace: pod.namespace.to_string(),
        name: pod.name.to_string(),
    };
    endpoint.pod = from.pod.as_ref().map(reference);
    (endpoint.ready, endpoint.serving, endpoint.terminating) = (from.ready, from.serving, from.terminating);
    endpoint
}
