//! One file of a directory of manifests: its last content, and what of that is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::mem;
use std::os::unix::fs::MetadataExt;

use egressd_core::model::{ChangeKey, ObjectReference, SubjectKey, UnreadableService};

use super::doubt::{Likelihood, PossibleObjects};
use super::gathered::key;
use super::lost::Lost;
use crate::source::documents::{Contents, Identity, Object, service_identity};
use crate::source::kind::Kind;
use crate::source::refused::{ANY_NODE, NOTHING, STAYS, never_read};

/// One file as it was last seen.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) stamp: Option<Stamp>,
    /// The last good state.
    pub(super) objects: Vec<Object>,
    /// What of the newest content is not in force.
    pub(super) faults: Vec<Refusal>,
    /// What is there and cannot be read, without a last good state.
    pub(super) lost: Lost,
}

/// Something that is not in force.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The object, where it is known to be one and nothing of it counts.
    pub(super) object: Option<Identity>,
    pub(super) why: String,
}

impl Refusal {
    /// Of an object that cannot be read, where these have a last good state.
    fn of(identity: &Identity, why: &str, good: &BTreeSet<Identity>) -> Self {
        let then = if good.contains(identity) { STAYS } else { never_read(identity.0, &identity.1) };
        Self { object: Some(identity.clone()), why: format!("{why}; {then}") }
    }

    fn of_more(why: String) -> Self {
        Self { object: None, why }
    }

    /// The name of a policy of another namespace than `ours`, which would be none here either if it could be read.
    pub(super) fn policy_elsewhere(&self, ours: &str) -> Option<&ObjectReference> {
        let (_, name) = self.object.as_ref().filter(|(kind, _)| *kind == Kind::Policies)?;
        (*name.namespace != *ours).then_some(name)
    }
}

/// Shows most changes of a file without reading it; inotify shows the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Programs that copy set the time above back; this one cannot be set.
    changed: (i64, i64),
}

impl File {
    /// One that was not read yet, as an earlier process knew it.
    pub(super) fn last_good(objects: Vec<Object>, lost: Lost) -> Self {
        Self { objects, lost, ..Self::default() }
    }

    /// What to look at again when all of it comes or goes.
    pub(super) fn keys(&self) -> Vec<ChangeKey> {
        self.objects.iter().map(key).chain(self.lost.keys()).collect()
    }

    /// Takes in how much of it is in doubt. What was good once stands for what cannot be read now.
    pub(super) fn doubt(&mut self, doubts: PossibleObjects) -> Vec<ChangeKey> {
        let is_known = !self.objects.is_empty() && self.lost.doubts.networks == Likelihood::None;
        let networks = if is_known { Likelihood::None } else { doubts.networks };
        self.set_doubts(PossibleObjects { networks, claims: self.doubt_of_claims(doubts) })
    }

    /// What was good once stands for claims too where there were some, and each names a node. One that names none may have
    /// become one that does.
    fn doubt_of_claims(&self, newest: PossibleObjects) -> Likelihood {
        let mut claims = self.objects.iter().filter(|object| matches!(object, Object::Claim(..))).peekable();
        let is_known = claims.peek().is_some() && claims.all(Object::stays_unread);
        if is_known && self.lost.doubts.claims == Likelihood::None { Likelihood::None } else { newest.claims }
    }

    fn set_doubts(&mut self, doubts: PossibleObjects) -> Vec<ChangeKey> {
        doubts.differing(mem::replace(&mut self.lost.doubts, doubts)).collect()
    }

    /// Takes in new content; returns the keys of what it held and holds. An object that cannot be read stays as it was, and
    /// where not even its name can be read, everything stays that it could be.
    pub(super) fn take(&mut self, contents: Contents) -> Vec<ChangeKey> {
        if contents.is_whole() {
            return self.replace(contents.objects);
        }
        let partly = contents.partly();
        let Contents { objects, originals: _, unreadable, services, unknown, nameless: _, faults } = contents;
        let before = mem::take(&mut self.objects);
        // Of two with one name, the first is used: it alone keeps what the first was, so that the same content read again
        // changes nothing.
        let mut known: BTreeMap<Identity, &Object> =
            before.iter().rev().map(|object| (object.identity(), object)).collect();
        let present = objects.into_iter().map(|object| match known.remove(&object.identity()) {
            Some(known) if partly.contains(&object.identity()) => object.keeping_inside(known),
            Some(_) | None => object,
        });
        self.objects = present.collect();
        let read = self.objects.len();
        let present: BTreeSet<Identity> = self.objects.iter().map(Object::identity).collect();
        let unread: BTreeSet<&Identity> = unreadable.iter().map(|(identity, _)| identity).collect();
        let stays = |identity: &Identity| unread.contains(identity) || !unknown.is_empty();
        let left = known.iter().filter(|(identity, _)| !present.contains(identity) && stays(identity));
        let left = left.filter(|(identity, object)| object.stays_unread() || !unread.contains(identity));
        self.objects.extend(left.map(|(_, object)| (*object).clone()));
        let held: BTreeSet<Identity> = self.objects.iter().map(Object::identity).collect();
        let good = self.objects.iter().filter(|object| object.is_known()).map(Object::identity).collect();
        let refusal = |(identity, why): &(Identity, String)| Refusal::of(identity, why, &good);
        let refused: Vec<Refusal> = unreadable.iter().map(refusal).collect();
        let lost_before = self.lose(services, &unreadable, &held);
        // Each once, however often a file has one of that name.
        let never_known: BTreeSet<&Identity> =
            unreadable.iter().map(|(identity, _)| identity).filter(|identity| !held.contains(identity)).collect();
        self.objects.extend(never_known.into_iter().filter_map(|(kind, name)| Object::unread(*kind, name)));
        // One that was never known stays like the others after a restart, so they have one order.
        self.objects[read..].sort_by_cached_key(Object::identity);
        let partly = faults.into_iter().map(|(_, why)| Refusal::of_more(why));
        self.faults = unknown.into_iter().map(Refusal::of_more).chain(refused).chain(partly).collect();
        share(&before, &mut self.objects);
        before.iter().chain(&self.objects).map(key).chain(lost_before).chain(self.lost.keys()).collect()
    }

    /// Takes in content all of which can be read, and of which nothing has to be compared with what was there.
    fn replace(&mut self, objects: Vec<Object>) -> Vec<ChangeKey> {
        let before = mem::replace(&mut self.objects, objects);
        self.objects.shrink_to_fit();
        share(&before, &mut self.objects);
        self.faults = Vec::new();
        let lost = Lost { doubts: self.lost.doubts, ..Lost::default() };
        let lost_before = mem::replace(&mut self.lost, lost);
        let lost = lost_before.keys().into_iter().chain(self.lost.keys());
        before.iter().chain(&self.objects).map(key).chain(lost).collect()
    }

    /// Notes what has no last good state; returns the keys of what had none before.
    fn lose(
        &mut self,
        services: Vec<(SubjectKey, UnreadableService)>,
        unreadable: &[(Identity, String)],
        held: &BTreeSet<Identity>,
    ) -> Vec<ChangeKey> {
        let is_lost = |identity: &Identity| !held.contains(identity);
        let services = services.into_iter().filter(|(key, _)| is_lost(&service_identity(key))).collect();
        let policies = unreadable.iter().map(|(identity, _)| identity).filter(|identity| is_lost(identity));
        let policies = policies.filter(|(kind, _)| *kind == Kind::Policies).map(|(_, name)| name.clone()).collect();
        let doubts = self.lost.doubts;
        mem::replace(&mut self.lost, Lost { services, policies, doubts }).keys()
    }

    /// Keeps everything as it was. So does the doubt of a state that was good in part: it is what the next process remembers,
    /// since nothing of a content that is refused is.
    pub(super) fn refuse(&mut self, fault: &str, doubts: PossibleObjects) -> Vec<ChangeKey> {
        let is_empty = self.objects.is_empty();
        let claims = self.doubt_of_claims(doubts);
        let networks = if is_empty { doubts.networks } else { self.lost.doubts.networks };
        let then = match claims {
            Likelihood::Likely => ANY_NODE,
            Likelihood::None | Likelihood::Possible if is_empty => NOTHING,
            Likelihood::None | Likelihood::Possible => STAYS,
        };
        self.faults = vec![Refusal::of_more(format!("{fault}; {then}"))];
        self.set_doubts(PossibleObjects { networks, claims })
    }
}

impl File {
    /// Of a file that this egressd writes: what is not whole is as if it were not there, so that it is written again.
    pub(super) fn forget_unless_whole(&mut self) -> Option<ChangeKey> {
        let is_whole = self.faults.is_empty() || self.objects.is_empty();
        (!is_whole).then(|| {
            self.objects.clear();
            ChangeKey::EgressNodes
        })
    }
}

/// How many objects are looked at for one that did not change: an edit puts in or takes out a few.
const MAX_DISTANCE: usize = 8;

/// Objects that did not change keep their place in memory, as long as they follow each other as before: others hold what was
/// there until they have taken what is new, and of a large file that would be all of it twice.
fn share(before: &[Object], objects: &mut [Object]) {
    let mut left = before;
    for object in objects {
        if let Some(at) = left.iter().take(MAX_DISTANCE).position(|known| known == object) {
            object.clone_from(&left[at]);
            left = &left[at + 1..];
        }
    }
}

impl Stamp {
    pub(super) fn of(meta: &fs::Metadata) -> Self {
        let (modified, changed) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
        Self { device: meta.dev(), inode: meta.ino(), size: meta.size(), modified, changed }
    }

    /// Whether it is the same file, whatever is in it.
    pub(super) fn is_of(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}
