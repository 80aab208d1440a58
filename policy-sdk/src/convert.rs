//! What a policy is shown and says about itself, from contract 0.2.0 and to it. Drafts and answers are in the
//! vocabulary, which the host has too.

use crate::bindings::egressd::policy::types as wit;
use crate::description::Description;
use crate::labels::Labels;
use crate::subject::{Context, Endpoint, Namespace, ObjectReference, Service, ServicePort, Subject};
use crate::{Draft, Extra};

/// The context, and the settings that the contract puts into it.
pub(crate) fn context(context: wit::Context) -> (Context, String) {
    let wit::Context { node_name, node_labels, settings, extra } = context;
    (Context { node_name, node_labels: Labels(node_labels), extra }, settings)
}

pub(crate) fn subject(subject: wit::Subject) -> Subject {
    Subject {
        kind: subject.kind,
        namespace: namespace(subject.namespace),
        name: subject.name,
        uid: subject.uid,
        labels: Labels(subject.labels),
        annotations: Labels(subject.annotations),
        addresses: subject.addresses.into_iter().map(Into::into).collect(),
        endpoints: subject.endpoints.into_iter().map(endpoint).collect(),
        endpoints_not_shown: subject.endpoints_not_shown as usize,
        service: subject.service.map(service),
        extra: subject.extra,
    }
}

/// A draft that cannot be read must not become a wider one, so there is no way on.
pub(crate) fn draft(draft: wit::Draft) -> Draft {
    draft.try_into().unwrap_or_else(|error| panic!("cannot read the host's draft: {error}"))
}

pub(crate) fn description(description: Description, settings_schema: &str) -> wit::Description {
    wit::Description {
        name: description.name,
        version: description.version,
        summary: description.summary,
        settings_schema: settings_schema.to_owned(),
        subject_kinds: description.subject_kinds,
        annotation_prefixes: description.annotation_prefixes,
        label_prefixes: description.label_prefixes,
        namespace_annotation_prefixes: description.namespace_annotation_prefixes,
        endpoints: description.endpoints.into(),
        extra: Extra::new(),
    }
}

fn namespace(namespace: wit::Namespace) -> Namespace {
    let wit::Namespace { name, labels, annotations } = namespace;
    Namespace { name, labels: Labels(labels), annotations: Labels(annotations) }
}

fn endpoint(endpoint: wit::Endpoint) -> Endpoint {
    let wit::Endpoint { address, node, here, pod, ready, serving, terminating, extra } = endpoint;
    let pod = pod.map(|pod| ObjectReference { namespace: pod.namespace, name: pod.name });
    Endpoint { address: address.into(), node, here, pod, ready, serving, terminating, extra }
}

fn service(service: wit::Service) -> Service {
    Service {
        service_type: service.type_.into(),
        load_balancer_class: service.load_balancer_class,
        cluster_addresses: service.cluster_addresses.into_iter().map(Into::into).collect(),
        external_traffic_policy: service.external_traffic_policy.into(),
        families: service.families.into_iter().map(Into::into).collect(),
        ports: service.ports.into_iter().map(service_port).collect(),
    }
}

fn service_port(port: wit::ServicePort) -> ServicePort {
    ServicePort { name: port.name, protocol: port.protocol.into(), port: port.port }
}
