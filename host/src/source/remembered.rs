//! What a source leaves to the next process, line by line: an object as it was written, with earlier forms of it that
//! still say what is inside the cluster, where a part of the newest cannot be read.

use std::collections::{BTreeMap, BTreeSet};

use egressd_core::model::ObjectReference;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents::{Identity, Object, object};
use super::kind::Kind;
use super::original::Originals;

/// What stands for each part of an object that could not be read: no part of any kind is a text.
const UNREAD: &str = "unread";

/// One object that an earlier process knew.
#[derive(Clone, Debug)]
pub(super) struct RememberedObject {
    /// What it says.
    pub(super) object: Object,
    line: Line,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    object: Value,
    /// The newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Value>,
}

/// What lines say. One that this egressd cannot read says nothing.
pub(super) fn parse(lines: &[u8], node: Option<&str>) -> Vec<RememberedObject> {
    let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    let known = |line: Line| {
        let newest = object(&line.object, node)?;
        let earlier = line.earlier.iter().filter_map(|earlier| object(earlier, node));
        Some(RememberedObject { object: earlier.fold(newest, |newest, earlier| newest.keeping_inside(&earlier)), line })
    };
    lines.filter_map(known).collect()
}

/// The last good state of a source as lines: its objects, of which the first were written so, the first ones in
/// `partly` with parts that cannot be read, and the others stay as they were `before`.
pub(super) fn lines(
    objects: &[Object],
    originals: Originals,
    partly: &BTreeSet<Identity>,
    before: &[RememberedObject],
    node: Option<&str>,
) -> Vec<u8> {
    if partly.is_empty() && objects.len() == originals.len() {
        return originals.into_lines();
    }
    // Of two with one name, the first is used, and keeps what the first was.
    let mut before: BTreeMap<Identity, &RememberedObject> =
        before.iter().rev().map(|known| (known.object.identity(), known)).collect();
    let mut lines = Vec::new();
    for (object, original) in objects.iter().zip(originals.each()) {
        let identity = object.identity();
        match before.remove(&identity).filter(|_| partly.contains(&identity)) {
            Some(known) => lines.extend(known.followed_by(original, node).iter().flat_map(Line::bytes)),
            None => lines.extend_from_slice(original),
        }
    }
    for object in objects.iter().skip(originals.len()) {
        match before.get(&object.identity()) {
            Some(known) => lines.extend(known.line.bytes()),
            None if !object.is_known() => {
                let (kind, name) = object.identity();
                lines.extend(Line::unread(kind, &name).bytes());
            }
            None => {}
        }
    }
    lines
}

impl RememberedObject {
    /// The line of a newer form, with what of this one still says something.
    fn followed_by(&self, newest: &[u8], node: Option<&str>) -> Option<Line> {
        let newest = serde_json::from_slice::<Line>(newest).ok()?.object;
        let mut all = object(&newest, node)?;
        let mut earlier = Vec::new();
        for form in [&self.line.object].into_iter().chain(&self.line.earlier) {
            let more = object(form, node).map(|form| all.clone().keeping_inside(&form));
            if let Some(more) = more.filter(|more| *more != all) {
                all = more;
                earlier.push(form.clone());
            }
        }
        Some(Line { object: newest, earlier })
    }
}

impl Line {
    /// Of an object of which nothing is known but that it is there: one that cannot be read, as it could not.
    fn unread(kind: Kind, ObjectReference { namespace, name }: &ObjectReference) -> Self {
        let names = kind.names();
        let version = format!("{}/{}", names.group, names.versions[0]);
        let metadata = match &**namespace {
            "" => json!({"name": **name}),
            namespace => json!({"namespace": namespace, "name": **name}),
        };
        let version = version.trim_start_matches('/');
        let object = json!({"apiVersion": version, "kind": names.kind, "metadata": metadata, "spec": UNREAD, "data": UNREAD, "status": UNREAD});
        Self { object, earlier: Vec::new() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
