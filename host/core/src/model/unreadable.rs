//! Objects that exist and cannot be read, and that the source has not read before: unreadable is not absent.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::{SubjectKey, Uid};

/// The objects that are there and cannot be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unreadable {
    pub services: OrdMap<SubjectKey, UnreadableService>,
    /// Names of policies' ConfigMaps.
    pub policies: OrdSet<String>,
}

/// A Service that is there and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableService {
    /// The uid of the object.
    pub uid: Uid,
    /// The field, and what it should be.
    pub why: Arc<str>,
}
