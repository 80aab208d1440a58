//! What is remembered of a Service for when today's input or a policy is bad.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::decision::Draft;
use crate::model::{LAST_APPLIED, Labels, ServiceView, Uid};

/// Remembers the input that was accepted; a Service that asks for nothing has nothing to fall back to.
pub(super) fn accept(accepted: &mut BTreeMap<Uid, Arc<Labels>>, view: &ServiceView, annotations: Option<&Labels>) {
    let uid = &view.service.uid;
    let Some(annotations) = annotations else {
        accepted.remove(uid);
        return;
    };
    let kept = || annotations.iter().filter(|(name, _)| *name != LAST_APPLIED);
    if accepted.get(uid).is_none_or(|known| !known.iter().eq(kept())) {
        let kept = kept().map(|(name, value)| (name.clone(), value.clone()));
        accepted.insert(uid.clone(), Arc::new(kept.collect()));
    }
}

/// Whether a Service's annotations are those that were accepted last.
pub(super) fn is_accepted(accepted: &BTreeMap<Uid, Arc<Labels>>, view: &ServiceView) -> bool {
    let kept = view.service.annotations.iter().filter(|(name, _)| *name != LAST_APPLIED);
    accepted.get(&view.service.uid).is_some_and(|known| known.iter().eq(kept))
}

/// Remembers a draft that went well; one without rules leaves nothing to stay in force.
pub(super) fn remember(drafts: &mut BTreeMap<Uid, Arc<Draft>>, uid: &Uid, draft: &Draft) {
    if draft.rules.is_empty() {
        drafts.remove(uid);
    } else if drafts.get(uid).is_none_or(|known| **known != *draft) {
        drafts.insert(uid.clone(), Arc::new(draft.clone()));
    }
}

/// Today's Service with the annotations of another day.
pub(super) fn with_annotations(view: &ServiceView, annotations: &Labels) -> ServiceView {
    let mut service = (*view.service).clone();
    service.annotations = annotations.clone();
    ServiceView { service: Arc::new(service), ..view.clone() }
}
