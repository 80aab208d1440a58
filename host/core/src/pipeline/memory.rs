//! The stored state of a subject, used while its newest input is invalid or a policy fails.

use std::sync::Arc;

use super::remembered::Remembered;
use crate::decision::{Draft, OnUnavailable};
use crate::model::{Interest, Labels, SubjectView, Uid};

/// Remembers the input that was accepted: of the annotations what policies read.
pub(super) fn accept(accepted: &mut Remembered<Labels>, view: &SubjectView, interest: &Interest) {
    let uid = view.subject.uid();
    let read = || read(view.subject.annotations(), interest);
    if accepted.get(uid).is_none_or(|known| !known.iter().eq(read())) {
        let read = view.subject.annotations().named(|name| is_read(name, interest));
        accepted.insert(uid, Arc::new(read));
    }
}

/// Whether a Service's annotations are those that were accepted last, as far as policies read them.
pub(super) fn is_accepted(accepted: &Remembered<Labels>, view: &SubjectView, interest: &Interest) -> bool {
    let known = accepted.get(view.subject.uid());
    known.is_some_and(|known| read(known, interest).eq(read(view.subject.annotations(), interest)))
}

fn read<'a>(annotations: &'a Labels, interest: &Interest) -> impl Iterator<Item = (&'a str, &'a str)> {
    annotations.iter().filter(|(name, _)| is_read(name, interest))
}

fn is_read(name: &str, interest: &Interest) -> bool {
    interest.shows_annotation(name)
}

/// The annotations that were accepted, with today's of the names that were not read then and are now: earlier
/// policies did not read them, and to newer ones a name that is missing could be a restriction.
pub(super) fn extended(accepted: &Labels, today: &Labels, before: &Interest, now: &Interest) -> Labels {
    let is_new = |name: &str| now.reads_annotation(name) && !before.reads_annotation(name);
    let mut extended = accepted.named(|name| !is_new(name));
    extended.extend(today.iter().filter(|(name, _)| is_new(name)));
    extended
}

/// Remembers a draft that went well; one without rules leaves nothing to stay in force, unless it guards the pods.
pub(super) fn remember(drafts: &mut Remembered<Draft>, uid: &Uid, draft: &Arc<Draft>) {
    if draft.rules().is_empty() && draft.on_unavailable != Some(OnUnavailable::Drop) {
        drafts.remove(uid);
    } else if drafts.get(uid).is_none_or(|known| known != draft) {
        drafts.insert(uid, Arc::clone(draft));
    }
}

/// Today's subject with the annotations of another day.
pub(super) fn with_annotations(view: &SubjectView, annotations: &Labels) -> SubjectView {
    let mut other = view.clone();
    other.subject.object = other.subject.object.with_annotations(annotations.clone());
    other
}
