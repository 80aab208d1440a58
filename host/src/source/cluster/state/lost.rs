//! What is there and cannot be read, without a last good state: something may be in force of it all the same.

use egressd_core::model::{ChangeKey, ObjectReference, Uid, UnreadableService};

use super::{State, subject_key};
use crate::source::kind::Kind;

impl State {
    /// Nothing but its name is known.
    pub(super) fn lose(&mut self, kind: Kind, name: &ObjectReference, uid: Option<&str>, why: &str) {
        match kind {
            Kind::Services => self.lose_service(name, uid, why),
            Kind::Policies => self.lose_policy(&name.name),
            Kind::Slices
            | Kind::Nodes
            | Kind::EgressNodes
            | Kind::Namespaces
            | Kind::ServiceNetworks
            | Kind::Pods
            | Kind::Networks(_)
            | Kind::Claims(_)
            | Kind::Endpoints => {}
        }
    }

    /// It can be read, or is gone.
    pub(super) fn find(&mut self, kind: Kind, name: &ObjectReference) {
        let unreadable = &mut self.snapshot.unreadable;
        let key = match kind {
            Kind::Services => {
                let key = subject_key(name);
                unreadable.services.remove(&key).map(|_| ChangeKey::Subject(key))
            }
            Kind::Policies => unreadable.policies.remove(&*name.name).map(ChangeKey::Policy),
            Kind::Slices
            | Kind::Nodes
            | Kind::EgressNodes
            | Kind::Namespaces
            | Kind::ServiceNetworks
            | Kind::Pods
            | Kind::Networks(_)
            | Kind::Claims(_)
            | Kind::Endpoints => None,
        };
        self.keys.extend(key);
    }

    fn lose_service(&mut self, name: &ObjectReference, uid: Option<&str>, why: &str) {
        let (key, uid) = (subject_key(name), uid.and_then(|uid| Uid::new(uid).ok()));
        let Some(uid) = uid.filter(|_| !self.snapshot.services.contains_key(&key)) else { return };
        let lost = UnreadableService { uid, why: why.into() };
        if self.snapshot.unreadable.services.insert(key.clone(), lost.clone()) != Some(lost) {
            self.keys.insert(ChangeKey::Subject(key));
        }
    }

    fn lose_policy(&mut self, name: &str) {
        let snapshot = &mut self.snapshot;
        if !snapshot.policies.contains_key(name) && snapshot.unreadable.policies.insert(name.to_owned()).is_none() {
            self.keys.insert(ChangeKey::Policy(name.to_owned()));
        }
    }
}
