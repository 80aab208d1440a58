//! How an object is read as the server sends it: it is named and read at once, so that nothing of its original form
//! is kept.

use egressd_core::model::ObjectReference;
use serde_json::Value;

use super::super::read::{self, Unreadable};
use super::event::{Content, Kind, Reading};

/// An object as the state takes it.
pub(super) fn reading(kind: Kind, object: &Value) -> Reading {
    let (name, uid) = (name(kind, object), object["metadata"]["uid"].as_str().map(str::to_owned));
    let (content, faults) = match read::read(kind, object, None) {
        Ok(read::Reading { object: Some(object), faults }) => (Content::Object(object), faults),
        Ok(read::Reading { object: None, faults }) => (Content::Nothing, faults),
        Err(error @ (Unreadable::NoName | Unreadable::Field(_))) => (Content::Unreadable(error.to_string()), vec![]),
    };
    Reading { name, uid, content, faults: faults.iter().map(ToString::to_string).collect() }
}

/// How an object is called among its kind. Policies are all of one namespace.
pub(super) fn name(kind: Kind, object: &Value) -> ObjectReference {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let namespace = match kind {
        Kind::Services | Kind::Slices | Kind::Pods | Kind::Claims(_) | Kind::Endpoints => text("namespace"),
        Kind::Networks(kind) => return kind.called(text("name")),
        Kind::Nodes | Kind::EgressNodes | Kind::Namespaces | Kind::ServiceNetworks | Kind::Policies => "",
    };
    ObjectReference::new(namespace, text("name"))
}
