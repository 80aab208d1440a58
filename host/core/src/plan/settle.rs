//! The answer for one Service → its part of the plan.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::selected::GuardedPods;
use super::today::today;
use super::unavailable::EndedAs;
use super::{
    EvaluationEnd, Rules, Sharing, SubjectPlan, SubjectResult, TunnelContext, alternatives, inside, remote, unavailable,
};
use crate::chain::{ChainDecision, ChainResult, FAILED};
use crate::decision::{Draft, OnChange, OnUnavailable, Rule};
use crate::finding::{Finding, Severity, at_most, first_of};
use crate::guard;
use crate::model::{AnnotationPrefix, ClusterFacts, Context, Endpoint, KnownPods, SubjectView};
use crate::net::{Family, RareAddresses};
use crate::placement::AddressOwnership;

/// What holds on this node for every Service.
#[derive(Clone, Copy, Debug)]
pub struct NodeContext<'a> {
    /// What policies see, too.
    pub context: &'a Context,
    /// Which destinations stay in the cluster.
    pub facts: &'a ClusterFacts,
    /// Which addresses this node holds.
    pub ownership: &'a AddressOwnership,
    /// Which addresses Services of several namespaces have.
    pub sharing: &'a Sharing,
    /// The pods of this node.
    pub pods: &'a KnownPods,
    /// What becomes of pods that are not translated, where a subject does not say.
    pub on_unavailable: OnUnavailable,
    /// What becomes of connections that contradict a change, where a subject does not say.
    pub on_change: OnChange,
    /// What stands before the slash in the names of annotations.
    pub prefix: &'a AnnotationPrefix,
    /// How pods leave by other nodes; none where they do not.
    pub tunnel: Option<TunnelContext<'a>>,
}

/// What the policies answered about a subject.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    pub decision: &'a ChainDecision,
    pub findings: &'a [Finding],
    /// Whether a policy answered with a draft, be it without rules.
    pub request: EgressRequest,
    /// What was asked for pods that are not translated, before a policy ended the chain.
    pub on_unavailable: Option<OnUnavailable>,
}

/// Whether egress is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressRequest {
    Made,
    /// All policies passed the subject on.
    Absent,
}

impl<'a> Answered<'a> {
    pub fn of(verdict: &'a ChainResult) -> Self {
        let request = if verdict.policy.is_some() { EgressRequest::Made } else { EgressRequest::Absent };
        let ChainResult { decision, findings, on_unavailable, .. } = verdict;
        Self { decision, findings, request, on_unavailable: *on_unavailable }
    }
}

/// What stays in force when the newest verdict gives no rules through no decision of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackDraft<'a> {
    /// Nothing was in force before.
    Nothing,
    /// It is unknown what was in force before: an earlier process remembered it in a form that this one does not know.
    /// What the kernel has stays (P4, P6).
    Unknown,
    /// The draft of the last evaluation that went well (P7).
    LastDraft(&'a Draft),
    /// What the policies say today about the input that they accepted last (P4).
    LastInput(&'a ChainResult),
}

/// Settles one Service: guards the draft, and leaves out what cannot be translated, saying so.
pub fn settle(
    here: NodeContext<'_>,
    view: &SubjectView,
    answered: Answered<'_>,
    standby: FallbackDraft<'_>,
) -> SubjectResult {
    let Answered { decision, findings, .. } = answered;
    let mut findings = findings.to_vec();
    let (end, draft) = guarded(here.context, view, decision, standby, &mut findings);
    let rules = apart_from_this_node(here, draft.rules(), &mut findings);
    let rules = alternatives::chosen(rules, |address| here.why_not_owner(view, address).is_none());
    let rules = translatable(here, view, rules, &mut findings);
    findings.extend(remote::untranslated(here, view, &rules));
    // Anything worse is why nothing is translated.
    if end == EvaluationEnd::Ruled
        && rules.is_empty()
        && findings.iter().all(|finding| finding.severity == Severity::Info)
    {
        findings.extend(remote::apart(here, view));
    }
    let asked = unavailable::on_unavailable(here, view, EndedAs { end, answered, draft: &draft });
    let guarded = GuardedPods::of(here, view, asked);
    if end != EvaluationEnd::Off {
        findings.splice(0..0, view.findings.iter().cloned());
        findings.extend(inside::findings(here.facts, &rules));
        findings.extend(here.ownership.notes(&view.subject));
        findings.extend(unavailable::unreadable(here, view));
        findings.extend(guarded.findings(&sources(&rules, &guarded.listed)));
    }
    let service = (!rules.is_empty() || !guarded.is_empty()).then(|| SubjectPlan {
        uid: view.subject.uid().clone(),
        created: view.subject.created(),
        rules: Rules::left(&draft, rules),
        foreign: guarded.foreign(foreign(here.context, view)),
        guarded: guarded.all(),
        on_change: draft.on_change.unwrap_or(here.on_change),
    });
    SubjectResult { service: service.map(Arc::new), end, findings }
}

/// Of these pods those that the rules translate.
fn sources(rules: &[Rule], of: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
    rules.iter().flat_map(|rule| rule.sources()).copied().filter(|source| of.contains(source)).collect()
}

/// The endpoints here that name no pod of the Service's own namespace, as far as is known. Those elsewhere, of which
/// there may be many more, are no sources.
pub(super) fn foreign(context: &Context, view: &SubjectView) -> RareAddresses {
    let namespace = &*view.subject.key().namespace;
    let own = |endpoint: &&Endpoint| endpoint.pod.as_ref().is_some_and(|pod| *pod.namespace == *namespace);
    let others = view.local_endpoints(context).filter(|endpoint| !own(endpoint)).map(|endpoint| endpoint.address);
    others.chain(view.held_back.iter().copied()).collect()
}

/// How it ended, and the draft that counts: the decision's own, or what stands in for it.
fn guarded(
    context: &Context,
    view: &SubjectView,
    decision: &ChainDecision,
    standby: FallbackDraft<'_>,
    findings: &mut Vec<Finding>,
) -> (EvaluationEnd, Arc<Draft>) {
    match decision {
        ChainDecision::Draft(draft) => match guard::guard(context, view, draft) {
            Ok(()) => {
                let end = if **draft == Draft::default() && findings.is_empty() {
                    EvaluationEnd::Off
                } else {
                    EvaluationEnd::Ruled
                };
                (end, Arc::clone(draft))
            }
            Err(refusal) => {
                findings.push(Finding::error(
                    "answer-refused",
                    format!("the policies' answer is refused: {refusal}; correct the policy"),
                ));
                (EvaluationEnd::Failed, stand_in(context, view, standby, findings).into())
            }
        },
        ChainDecision::Invalid { .. } => (EvaluationEnd::Invalid, stand_in(context, view, standby, findings).into()),
        ChainDecision::Denied { .. } => (EvaluationEnd::Denied, Arc::default()),
        ChainDecision::Failed(failure) => {
            findings.push(failure.attributed(Finding::error(FAILED, failure.to_string())));
            (EvaluationEnd::Failed, stand_in(context, view, standby, findings).into())
        }
    }
}

/// The draft that stays in force, for what is the Service's own today.
fn stand_in(context: &Context, view: &SubjectView, standby: FallbackDraft<'_>, findings: &mut Vec<Finding>) -> Draft {
    let (draft, what) = match standby {
        FallbackDraft::LastDraft(draft) => (draft, "the last good rules stay in force for the current endpoints"),
        FallbackDraft::LastInput(ChainResult { decision: ChainDecision::Draft(draft), .. }) => {
            (&**draft, "the last valid annotations stay in force")
        }
        FallbackDraft::Nothing | FallbackDraft::LastInput(_) => {
            let kind = view.subject.kind();
            let message = format!("there is no earlier valid configuration, so egress is inactive for this {kind}");
            findings.push(Finding::new(Severity::Info, "nothing-in-force", message));
            return Draft::default();
        }
        FallbackDraft::Unknown => {
            findings.push(Finding::new(
                Severity::Info,
                "kernel-rules-kept",
                format!(
                    "the last accepted configuration is unknown to this egressd, so the rules that the kernel has for \
                     this {} stay, for its current endpoints and addresses (docs/upgrade.md)",
                    view.subject.kind()
                ),
            ));
            return Draft::default();
        }
    };
    findings.push(Finding::new(Severity::Info, "last-good-in-force", what));
    let draft = today(context, view, draft);
    // It may come from a file.
    match guard::guard(context, view, &draft) {
        Ok(()) => draft,
        Err(refusal) => {
            findings.push(Finding::error("answer-refused", format!("the last good rules are refused: {refusal}")));
            Draft::default()
        }
    }
}

/// The rules without sources that this node's interfaces have: a slice may list any address, and what has one of the
/// node's is the node itself (P1).
fn apart_from_this_node<'r>(here: NodeContext<'_>, rules: &'r [Rule], findings: &mut Vec<Finding>) -> Cow<'r, [Rule]> {
    let is_local = |source: &IpAddr| here.ownership.is_on_an_interface(*source);
    let sources: BTreeSet<IpAddr> = rules.iter().flat_map(|rule| rule.sources()).copied().filter(is_local).collect();
    let Some(first) = sources.first() else { return Cow::Borrowed(rules) };
    findings.push(this_nodes(*first, sources.len() - 1));
    rules.iter().map(|rule| rule.of_sources(|source| !sources.contains(&source))).collect()
}

fn this_nodes(first: IpAddr, more: usize) -> Finding {
    let endpoint = first_of(first, more);
    let remedy =
        "and is never translated; run the pod on the pod network, or correct the EndpointSlice or its controller";
    let message = format!("endpoint {endpoint} is an address of this node's own interfaces {remedy}");
    Finding::warning("endpoint-is-this-node", message)
}

/// The rules that have a source, whose address this node holds, and whose family is known.
fn translatable<'r>(
    here: NodeContext<'_>,
    view: &SubjectView,
    rules: Cow<'r, [Rule]>,
    findings: &mut Vec<Finding>,
) -> Cow<'r, [Rule]> {
    let with_sources = || rules.iter().filter(|rule| !rule.sources().is_empty());
    let addresses: BTreeSet<IpAddr> = with_sources().map(|rule| rule.address()).collect();
    let why_not_owner = |address: IpAddr| Some((address, here.why_not_owner(view, address)?));
    let objections: BTreeMap<IpAddr, Finding> = addresses.into_iter().filter_map(why_not_owner).collect();
    let (known, unknown): (Vec<&Rule>, Vec<&Rule>) = with_sources()
        .filter(|rule| !objections.contains_key(&rule.address()))
        .partition(|rule| here.facts.excluded.contains_key(&Family::of(rule.address())));
    let refused: Vec<Finding> = objections.keys().filter_map(|address| here.refused_gateway(view, *address)).collect();
    findings.extend(at_most(refused));
    findings.extend(at_most(objections.into_values().chain(unknown.into_iter().map(inside::unknown))));
    let in_force: BTreeSet<IpAddr> = known.iter().map(|rule| rule.address()).collect();
    let notice = |address| here.sharing.notice(view.subject.key(), address);
    findings.extend(at_most(in_force.into_iter().filter_map(notice)));
    if known.len() == rules.len() { rules } else { known.into_iter().cloned().collect() }
}
