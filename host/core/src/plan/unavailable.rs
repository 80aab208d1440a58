//! What becomes of a subject's pods while they are not translated (P12): the answers of its policies, its annotation and
//! the setting together.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::EvaluationEnd;
use super::selected::GuardedPods;
use super::settle::{Answered, EgressRequest, NodeContext, foreign};
use super::{Rules, SubjectPlan, SubjectResult};
use crate::decision::{Draft, OnChange, OnUnavailable};
use crate::finding::{Finding, first_of};
use crate::model::{AskedUnavailable, SubjectView};
use crate::net::RareAddresses;
use crate::stray::asked_unavailable;
use crate::text::quoted;

/// The code of the finding about pods whose packets are dropped.
pub const PODS_BLOCKED: &str = "pods-blocked";

/// How the evaluation of a subject ended.
pub(super) struct EndedAs<'a> {
    pub(super) end: EvaluationEnd,
    pub(super) answered: Answered<'a>,
    pub(super) draft: &'a Draft,
}

/// Where one answer is enough, the policies' goes before the annotation, and that before the setting. While the subject
/// has no answer of today any of them that asks for `drop` counts: what the policies would say is unknown.
pub(super) fn on_unavailable(here: NodeContext<'_>, view: &SubjectView, ended: EndedAs<'_>) -> OnUnavailable {
    let EndedAs { end, answered, draft } = ended;
    let asks = answered.request == EgressRequest::Made || !draft.rules().is_empty();
    let annotation = annotated(here, view).and_then(|asked| asked.effect());
    match end {
        EvaluationEnd::Off => OnUnavailable::Pass,
        // What asks for no egress is not selected by an annotation about it.
        EvaluationEnd::Ruled if !asks => draft.on_unavailable.unwrap_or(OnUnavailable::Pass),
        EvaluationEnd::Ruled => draft.on_unavailable.or(annotation).unwrap_or(here.on_unavailable),
        EvaluationEnd::Invalid | EvaluationEnd::Denied | EvaluationEnd::Failed => {
            let asked = [answered.on_unavailable, draft.on_unavailable, annotation];
            let drops = asked.contains(&Some(OnUnavailable::Drop));
            let answer = if drops { Some(OnUnavailable::Drop) } else { asked.into_iter().flatten().next() };
            answer.unwrap_or(here.on_unavailable)
        }
    }
}

/// The pods to guard: all endpoints here that may be the subject's, and none that is the node itself.
pub(super) fn guarded(here: NodeContext<'_>, view: &SubjectView, asked: OnUnavailable) -> RareAddresses {
    match asked {
        OnUnavailable::Pass => RareAddresses::default(),
        OnUnavailable::Drop => {
            let own = view.own_endpoints(here.context).map(|endpoint| endpoint.address);
            let all = own.chain(view.held_back.iter().copied());
            all.filter(|pod| !here.ownership.is_on_an_interface(*pod)).collect()
        }
    }
}

/// The guard of a subject that no policy has answered about yet. Its annotations decide, which the host itself reads: where
/// policies take long to load, or to answer, nothing leaves for that.
pub(crate) fn unanswered(here: NodeContext<'_>, view: &SubjectView, request: EgressRequest) -> Option<SubjectResult> {
    let annotation = annotated(here, view).and_then(|asked| asked.effect());
    let asked = match request {
        EgressRequest::Made => annotation.unwrap_or(here.on_unavailable),
        EgressRequest::Absent => OnUnavailable::Pass,
    };
    let guarded = GuardedPods::of(here, view, asked);
    if guarded.is_empty() {
        return None;
    }
    let plan = SubjectPlan {
        uid: view.subject.uid().clone(),
        created: view.subject.created(),
        rules: Rules::default(),
        foreign: guarded.foreign(foreign(here.context, view)),
        guarded: guarded.all(),
        on_change: OnChange::default(),
    };
    Some(SubjectResult { service: Some(plan.into()), end: EvaluationEnd::Failed, findings: Vec::new() })
}

/// About the guarded pods that nothing translates: why is another finding.
pub(super) fn blocked(guarded: &BTreeSet<IpAddr>, translated: &BTreeSet<IpAddr>) -> Option<Finding> {
    let blocked: Vec<IpAddr> = guarded.difference(translated).copied().collect();
    let endpoint = first_of(*blocked.first()?, blocked.len() - 1);
    let message = format!(
        "on-unavailable: drop blocks endpoint {endpoint}: it is not translated now, and its packets that leave the \
         cluster are dropped; the other findings state why, and on-unavailable: pass lets them leave untranslated"
    );
    Some(Finding::warning(PODS_BLOCKED, message))
}

/// About an annotation with another value than those that there are, or of almost this name.
pub(super) fn unreadable(here: NodeContext<'_>, view: &SubjectView) -> Option<Finding> {
    let name = AskedUnavailable::NAME;
    let message = match annotated(here, view)? {
        AskedUnavailable::Asked(_) => return None,
        AskedUnavailable::Unreadable(value) => {
            let value = quoted(value);
            format!("{name}: {value} is neither drop nor pass, so it counts as drop until it is corrected")
        }
        AskedUnavailable::Misspelled(other) => {
            format!("annotation {other} is a misspelled {name} and counts as drop; correct its name, or remove it")
        }
    };
    Some(Finding::error("bad-on-unavailable", message))
}

fn annotated<'a>(here: NodeContext<'_>, view: &'a SubjectView) -> Option<AskedUnavailable<'a>> {
    asked_unavailable(view.subject.annotations(), here.prefix)
}
