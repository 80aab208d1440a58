//! Takes in one document after the other: what it says, and of which of its parts it is unknown what they say.

use std::mem;

use serde_json::Value;

use super::mistake::mistake;
use super::{Contents, Error, called, identity, is_text, life};
use crate::source::kind::Kind;
use crate::source::read::{self, Reading, shown};
use crate::source::refused::left_out;

/// Where an object stands, and what the list around it says for items that do not say it themselves.
struct DocumentPlace {
    path: String,
    typed: Option<Typed>,
}

/// `apiVersion` and `kind`.
#[derive(Clone)]
pub(super) struct Typed {
    pub(super) version: String,
    pub(super) kind: String,
}

/// What the documents of a text say, which come one after the other.
#[derive(Debug, Default)]
pub(super) struct Collector {
    node: String,
    documents: usize,
    /// How many of them are not empty.
    filled: usize,
    contents: Contents,
}

impl Collector {
    /// Endpoints and pods without a node are on this one.
    pub(super) fn on(node: &str) -> Self {
        Self { node: node.to_owned(), ..Self::default() }
    }

    /// What all documents say together.
    ///
    /// # Errors
    /// When none says anything.
    pub(super) fn contents(self) -> Result<Contents, Error> {
        if self.filled == 0 { Err(Error::Empty) } else { Ok(self.contents) }
    }

    pub(super) fn take(&mut self, document: Value) {
        self.documents += 1;
        self.filled += usize::from(!document.is_null());
        self.add(&DocumentPlace { path: format!("document {}", self.documents), typed: None }, document);
    }

    /// A document, an item of a list, or the items of a list in a list. It is not kept: as a value an object takes twenty times
    /// its text.
    fn add(&mut self, place: &DocumentPlace, mut value: Value) {
        if value.is_null() {
            return;
        }
        let typed = match typed(place, &value) {
            Ok(typed) => typed,
            Err(why) => return self.contents.unknown.push(format!("{} {why}", place.path)),
        };
        match (typed.kind.strip_suffix("List"), value.get_mut("items")) {
            (Some(of), Some(Value::Array(items))) => {
                // A list of one kind, as the API itself prints it, says it once for all its items.
                let of = (!of.is_empty()).then(|| Typed { kind: of.to_owned(), ..typed.clone() });
                self.add_items(place, of.as_ref(), mem::take(items));
            }
            (Some(_), _) => {
                let items = "items is not a list; an empty one is written as items: []";
                self.contents.unknown.push(format!("{}: {items}", place.path));
            }
            (None, _) => match Kind::of(&typed.version, &typed.kind, &called(&value)) {
                Some(kind) => self.add_object(place, kind, &typed, value),
                None => {
                    self.contents.unknown.extend(mistake(&typed, &value).map(|why| format!("{}: {why}", place.path)))
                }
            },
        }
    }

    fn add_items(&mut self, place: &DocumentPlace, typed: Option<&Typed>, items: Vec<Value>) {
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{}, item {}", place.path, index + 1);
            self.add(&DocumentPlace { path, typed: typed.cloned() }, item);
        }
    }

    fn add_object(&mut self, place: &DocumentPlace, kind: Kind, typed: &Typed, value: Value) {
        let member = |field: &str| value["metadata"][field].as_str().unwrap_or_default().to_owned();
        let called = format!("{} ({})", place.path, format!("{} {}", kind.names().kind, member("name")).trim_end());
        let contents = &mut self.contents;
        match read::read(kind, &value, Some(&self.node)) {
            Ok(Reading { object: Some(object), faults }) => {
                let identity = object.identity();
                let fault = |fault| (identity.clone(), format!("{called}: {fault}; {}", left_out(kind)));
                contents.faults.extend(faults.into_iter().map(fault));
                contents.objects.push(object);
                contents.originals.push(kind, &typed.version, value);
            }
            Ok(Reading { object: None, faults: _ }) => {}
            // What it is called cannot be read, so it could be any of those that were there.
            Err(why) if member("name").is_empty() || !is_text(&value["metadata"]["namespace"]) => {
                contents.unknown.push(format!("{called} cannot be read: {why}"));
                contents.nameless.push(kind);
            }
            Err(why) => {
                contents.services.extend(life(kind, &value, &why));
                let identity = identity(kind, member("namespace"), member("name"));
                contents.unreadable.push((identity, format!("{called} cannot be read: {why}")));
            }
        }
    }
}

/// What an object says, or else the list around it; or what is wrong.
fn typed(place: &DocumentPlace, value: &Value) -> Result<Typed, String> {
    const NEEDED: &str = "every object needs apiVersion and kind";
    if !value.is_object() {
        return Err(format!("is {}, not an object; {NEEDED}", shown(value)));
    }
    let member = |field: &str, around: Option<&String>| match &value[field] {
        Value::String(text) => Ok(text.clone()),
        Value::Null => around.cloned().ok_or_else(|| format!("has no {field}; {NEEDED}")),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("has {} as its {field}, which is a text; {NEEDED}", shown(other)))
        }
    };
    let around = place.typed.as_ref();
    let version = member("apiVersion", around.map(|typed| &typed.version))?;
    Ok(Typed { version, kind: member("kind", around.map(|typed| &typed.kind))? })
}
