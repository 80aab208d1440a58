//! What every object is called, and since when it is there.

use egressd_core::model::{Labels, SubjectKey, Uid};
use uuid::Uuid;

use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use crate::clock::Moment;

/// The longest name that Kubernetes takes.
const MAX_NAME: usize = 253;

/// The name of an object.
pub(super) fn name(root: &Field<'_>) -> Result<String, Unreadable> {
    let name = root.object("metadata")?.get("name");
    let text = name.text()?.ok_or(Unreadable::NoName)?;
    Ok(checked(&name, text)?.to_owned())
}

/// The namespace of an object: an absent or empty one is `default`, as for kubectl.
pub(super) fn namespace(root: &Field<'_>) -> Result<String, Fault> {
    let namespace = root.object("metadata")?.get("namespace");
    match namespace.text()? {
        None | Some("") => Ok("default".to_owned()),
        Some(text) => Ok(checked(&namespace, text)?.to_owned()),
    }
}

/// Both.
pub(super) fn key(root: &Field<'_>) -> Result<SubjectKey, Unreadable> {
    Ok(SubjectKey::service(namespace(root)?, name(root)?))
}

/// An API server takes nothing else; files may say anything, and names are printed as they are.
pub(super) fn checked<'a>(field: &Field<'_>, text: &'a str) -> Result<&'a str, Fault> {
    let good = !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(text) } else { Err(field.fault("a name of 1 to 253 letters, digits and signs of ASCII")) }
}

/// UUIDv5 of `namespace/name` where there is none, so that plain YAML has an identity that lasts.
pub(super) fn uid(root: &Field<'_>, key: &SubjectKey) -> Result<Uid, Fault> {
    let field = root.get("metadata").get("uid");
    let text = match field.text()? {
        Some(uid) => uid.to_owned(),
        None => Uuid::new_v5(&Uuid::NAMESPACE_URL, key.to_string().as_bytes()).to_string(),
    };
    Uid::new(text).map_err(|_| field.fault("1 to 64 letters, digits or dashes"))
}

/// Seconds since 1970. Without a time an object counts as old, as all do in plain YAML; with one that cannot be read it
/// counts as the youngest, so that nothing goes first by it.
pub(super) fn created(root: &Field<'_>, faults: &mut Vec<Fault>) -> i64 {
    let field = root.get("metadata").get("creationTimestamp");
    if field.is_absent() {
        return 0;
    }
    let time = kept(field.parsed::<Moment>("a time like 2026-01-31T12:00:00Z"), faults);
    time.map_or(i64::MAX, Moment::as_second)
}

pub(super) fn labels(root: &Field<'_>) -> Result<Labels, Fault> {
    root.get("metadata").get("labels").labels()
}

/// A copy of the whole object that `kubectl apply` leaves in it: of no use here, and as large as the rest.
pub(in crate::source) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All annotations that can matter.
pub(super) fn annotations(root: &Field<'_>) -> Result<Labels, Fault> {
    let mut annotations = root.get("metadata").get("annotations").labels()?;
    annotations.remove(LAST_APPLIED);
    Ok(annotations)
}
