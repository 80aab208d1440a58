//! Objects that are kept with the Service that they are about: one that is deleted, or names another, has to be found again.

use std::sync::Arc;

use egressd_core::model::{Key, ObjectReference, Slice, Snapshot, SubjectKey};

use super::State;
use crate::source::claims::{self, Claim};
use crate::source::kind::Kind;

impl State {
    /// A ServiceL2Status that names another Service than before leaves the old one first.
    pub(super) fn store_claim(&mut self, name: ObjectReference, claim: &Claim) {
        if let Claim::L2Status(service, _) = claim
            && let Some(before) = self.statuses.insert(name.clone(), service.clone())
            && before != *service
        {
            self.keys.extend(claims::remove_status(&mut self.snapshot, &before, &name.name));
        }
        self.keys.extend(claims::set(&mut self.snapshot, &name, claim));
    }

    /// A slice that names another Service than before leaves the old one first.
    pub(super) fn store_slice(&mut self, name: ObjectReference, slice: Arc<Slice>) {
        if self.slices.get(&name).is_some_and(|service| *service != slice.service) {
            self.remove(Kind::Slices, &name);
        }
        let slices = self.snapshot.slices.entry(slice.service.clone()).or_default();
        if slices.get(&name.name) != Some(&slice) {
            self.keys.insert(Key::Subject(slice.service.clone()));
            self.slices.insert(name.clone(), slice.service.clone());
            slices.insert(name.name, slice);
        }
    }
}

pub(super) fn remove_slice(snapshot: &mut Snapshot, service: &SubjectKey, name: &str) {
    let Some(slices) = snapshot.slices.get_mut(service) else { return };
    slices.remove(name);
    if slices.is_empty() {
        snapshot.slices.remove(service);
    }
}
