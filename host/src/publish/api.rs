//! Writes as requests to the API server.

use std::time::Duration;

use egressd_core::policy;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Service};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api as Objects, Patch, PatchParams, PostParams};
use kube::core::{PartialObjectMetaExt, Request};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::event_text::EventText;
use super::{Error, Object, PublishConfig, Regarding, Write, WriteOutcome};
use crate::clock::Moment;
use crate::egress_node;
use crate::rights::{CREATE_EVENTS, PATCH_CONFIGMAPS, PATCH_EGRESS_NODES, PATCH_EVENTS, PATCH_SERVICES, Right};

/// Who says it, whatever node it is on.
const CONTROLLER: &str = "egressd.io/egressd";
/// Kubernetes takes no longer field managers and reporting instances.
const MAX_MANAGER_NAME: usize = 128;
/// Where Events about objects without a namespace have to be.
const CLUSTER_EVENT_NAMESPACE: &str = "default";
/// How long an answer may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The way to the API server.
#[derive(Clone)]
pub(super) struct Api {
    client: kube::Client,
    node: String,
    instance: String,
    /// The field manager of whatever is patched: an admission policy holds it against the node of the token.
    manager: String,
    namespace: String,
}

impl Api {
    pub(super) fn new(client: kube::Client, config: &PublishConfig) -> Self {
        let (instance, manager) = (short(&config.node), short(&format!("egressd-{}", config.node)));
        Self { client, node: config.node.clone(), instance, manager, namespace: config.namespace.clone() }
    }

    pub(super) async fn send(&self, write: &Write) -> Result<WriteOutcome, Error> {
        let (right, object) = self.about(write);
        match timeout(REQUEST_TIMEOUT, self.request(write)).await {
            Ok(answer) => answer.map_err(|error| Error::new(right, &object, error)),
            Err(_) => Err(Error::Slow { right, seconds: REQUEST_TIMEOUT.as_secs() }),
        }
    }

    fn about(&self, write: &Write) -> (&'static Right, String) {
        match write {
            Write::Fields { service, .. } => (&PATCH_SERVICES, service.to_string()),
            Write::Status { policy, .. } => (&PATCH_CONFIGMAPS, format!("{}/{policy}", self.namespace)),
            Write::Node(_) => (&PATCH_EGRESS_NODES, self.node.clone()),
            Write::Event { regarding, .. } => (&CREATE_EVENTS, self.reference(regarding).1),
            Write::Series { regarding, .. } => (&PATCH_EVENTS, self.reference(regarding).1),
        }
    }

    async fn request(&self, write: &Write) -> kube::Result<WriteOutcome> {
        match write {
            Write::Fields { service, uid, annotations } => {
                let metadata = ObjectMeta {
                    annotations: Some(annotations.clone()),
                    uid: Some(uid.to_string()),
                    ..ObjectMeta::default()
                };
                let services: Objects<Service> = Objects::namespaced(self.client.clone(), &service.namespace);
                let apply = metadata.into_request_partial::<Service>();
                let how = PatchParams::apply(&self.manager).force();
                services.patch_metadata(&service.name, &how, &Patch::Apply(&apply)).await?;
                Ok(WriteOutcome::Done(None))
            }
            Write::Status { policy, uid, text } => {
                let annotations = [(policy::STATUS.to_owned(), text.clone())].into();
                let metadata = ObjectMeta { annotations: Some(annotations), uid: uid.clone(), ..ObjectMeta::default() };
                let maps: Objects<ConfigMap> = Objects::namespaced(self.client.clone(), &self.namespace);
                let apply = metadata.into_request_partial::<ConfigMap>();
                let how = PatchParams::apply(&self.manager).force();
                maps.patch_metadata(policy, &how, &Patch::Apply(&apply)).await?;
                Ok(WriteOutcome::Done(None))
            }
            Write::Node(object) => self.apply_node(object).await,
            Write::Event { regarding, text } => {
                let event = self.event(regarding, text);
                let name = event.metadata.name.clone();
                self.events(regarding).create(&PostParams::default(), &event).await?;
                Ok(WriteOutcome::Done(name))
            }
            Write::Series { regarding, event, count, text: _ } => {
                let series = json!({"series": {"count": count, "lastObservedTime": MicroTime(Moment::now().into())}});
                let how = PatchParams { field_manager: Some(self.manager.clone()), ..PatchParams::default() };
                self.events(regarding).patch(event, &how, &Patch::Merge(&series)).await?;
                Ok(WriteOutcome::Done(None))
            }
        }
    }

    /// The fields of other managers stay, which the answer shows.
    async fn apply_node(&self, object: &Object) -> kube::Result<WriteOutcome> {
        let how = PatchParams::apply(&self.manager).force();
        let request = Request::new(egress_node::path()).patch(&self.node, &how, &Patch::Apply(&object.value));
        let answer: Value = self.client.request(request.map_err(kube::Error::BuildRequest)?).await?;
        Ok(WriteOutcome::Stands(egress_node::mark(&answer)))
    }

    fn events(&self, regarding: &Regarding) -> Objects<Event> {
        let namespace = match regarding {
            Regarding::Service(key, _) => &*key.namespace,
            Regarding::Policy { .. } => self.namespace.as_str(),
            Regarding::Node { .. } => CLUSTER_EVENT_NAMESPACE,
        };
        Objects::namespaced(self.client.clone(), namespace)
    }

    fn event(&self, regarding: &Regarding, text: &EventText) -> Event {
        let (object, _) = self.reference(regarding);
        let now = Timestamp::from(Moment::now());
        // Its own name, so that it can be found again; the time makes it one, as in client-go.
        let about: String = object.name.iter().flat_map(|name| name.chars().take(200)).collect();
        let metadata = ObjectMeta {
            name: Some(format!("{about}.{:x}", now.as_nanosecond())),
            namespace: Some(object.namespace.clone().unwrap_or_else(|| CLUSTER_EVENT_NAMESPACE.to_owned())),
            ..ObjectMeta::default()
        };
        Event {
            metadata,
            action: Some("Translate".to_owned()),
            reason: Some(text.reason.as_str().to_owned()),
            type_: Some(text.event_type.as_str().to_owned()),
            note: Some(text.note.clone()),
            event_time: Some(MicroTime(now)),
            regarding: Some(object),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        }
    }

    /// The object, and what people call it.
    fn reference(&self, regarding: &Regarding) -> (ObjectReference, String) {
        let (kind, namespace, name, uid) = match regarding {
            Regarding::Service(key, uid) => ("Service", Some(&*key.namespace), &*key.name, Some(uid.to_string())),
            Regarding::Policy { name, uid } => ("ConfigMap", Some(&*self.namespace), name.as_str(), uid.clone()),
            // Its name for its uid, as the kubelet has it: `kubectl describe node` looks for that.
            Regarding::Node { .. } => ("Node", None, &*self.node, Some(self.node.clone())),
        };
        let object = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some(kind.to_owned()),
            namespace: namespace.map(str::to_owned),
            name: Some(name.to_owned()),
            uid,
            ..ObjectReference::default()
        };
        (object, namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}")))
    }
}

/// A node's name has up to 253 characters; a long one is replaced by a uuid, which is as good an identity.
fn short(name: &str) -> String {
    if name.len() <= MAX_MANAGER_NAME {
        return name.to_owned();
    }
    format!("egressd-{}", Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes()))
}
