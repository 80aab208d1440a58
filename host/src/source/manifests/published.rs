//! A directory in which the nodes of one machine publish themselves, each in a file that is named for it. Others may write
//! there: a file says something of the node of its name, and of nothing else.

use std::path::Path;

use egressd_core::model::ObjectReference;

use crate::source::documents::{Contents, Identity, Object};
use crate::source::kind::Kind;

/// The largest file, in bytes: an EgressNode with all addresses that it may have takes a third of it.
pub(super) const MAX_FILE: u64 = 256 << 10;

/// What a file of this name says, if that is the EgressNode of its node and nothing else.
///
/// # Errors
/// What else it says.
pub(super) fn only(name: &str, contents: Contents) -> Result<Contents, String> {
    let node = stem(name);
    if let Some(why) = contents.unknown.first() {
        return Err(why.clone());
    }
    let objects = contents.objects.iter().map(Object::identity);
    let all: Vec<Identity> = objects.chain(contents.unreadable.iter().map(|(identity, _)| identity.clone())).collect();
    let own = (Kind::EgressNodes, ObjectReference::new("", node));
    match all.iter().find(|identity| **identity != own) {
        Some(other) => {
            Err(format!("it has {}, and {ALONE} {node}: remove the file, or what else is in it", called(other)))
        }
        None if all.len() == 1 => Ok(contents),
        None => Err(format!("it has {} EgressNodes, and {ALONE} {node}: write one, or remove the file", all.len())),
    }
}

const ALONE: &str = "a file of this name is about EgressNode";

/// The node that a file is about.
pub(super) fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

fn called(identity: &Identity) -> String {
    let (kind, name) = identity;
    let separator = if name.namespace.is_empty() { "" } else { "/" };
    format!("{} {}{separator}{}", kind.names().kind, name.namespace, name.name)
}
