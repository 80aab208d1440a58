//! What a follower of one kind of objects reports, in the types of the core: nothing of Kubernetes is left in it.

use egressd_core::model::{Interest, ObjectReference};

use super::super::documents::Object;
pub use super::super::kind::Kind;

/// One object as the server sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its name; the namespace is empty where the kind needs none to distinguish objects.
    pub name: ObjectReference,
    /// The identity of this life of it.
    pub uid: Option<String>,
    /// What it says.
    pub content: Content,
    /// What of it is left out, because it cannot be read.
    pub faults: Vec<String>,
}

/// What an object says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Object(Object),
    /// Nothing that matters here: an EndpointSlice of no Service, say.
    Nothing,
    /// Something that cannot be read, and why.
    Unreadable(String),
}

/// What happened to the objects of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A list of everything begins; what was known stays until it is complete.
    Begin,
    /// An object in the list.
    Listed(Reading),
    /// The list that began, and what changes after it, are cut to this.
    Kept(Interest),
    /// The list is complete: what was not in it is gone.
    Complete,
    /// The server has no such kind, and so no object of it.
    Absent,
    /// An object came or changed.
    Changed(Reading),
    Gone(ObjectReference),
}
