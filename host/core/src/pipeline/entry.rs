//! The state of one subject between two rounds.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::again::{RetryState, is_undecided};
use super::by_label::LabelNumber;
use super::claims::Claim;
use super::input::{ChainAnswer, asks_nothing};
use super::memory::with_annotations;
use super::shown::{ViewHash, Viewer, are_alike};
use super::{Question, QuestionInput};
use crate::chain::{ChainResult, RESTS};
use crate::finding::Finding;
use crate::model::{AnnotationPrefix, Labels, PodSelector, Published, Subject, SubjectKey, SubjectObject, SubjectView};
use crate::net::RareAddresses;
use crate::plan::EgressRequest;
use crate::whose::Waits;

/// What is known about one Service.
#[derive(Debug)]
pub(super) struct Entry {
    /// Cut where nothing is asked for.
    pub(super) view: Arc<SubjectView>,
    /// What was shown, where the view is cut.
    pub(super) shown: Option<ViewHash>,
    /// The number of what is shown now: answers about another are of no use.
    pub(super) input: u64,
    /// What is published on it now.
    pub(super) published: Published,
    /// None until it is answered.
    pub(super) verdict: Option<ChainResult>,
    /// What the policies themselves answered, where the verdict says more.
    pub(super) bare: Option<Box<ChainResult>>,
    /// The state that the verdict is for.
    pub(super) standing: AnswerState,
    /// What the policies say about the input that they accepted last, when they refuse today's. An earlier answer
    /// stands until there is a newer one.
    pub(super) last_input: Option<Box<ChainResult>>,
    /// Whether they were asked that, since they answered about today's.
    pub(super) follow_up: FollowUp,
    /// When it is asked about again, where another time may go better.
    pub(super) again: RetryState,
    /// Whether the newest answer is remembered.
    pub(super) answer: Answer,
    /// Its endpoints whose pods are not known, and its pods that no slice lists.
    pub(super) waits: Waits,
    /// Whether it asks for egress: only then pods are looked for that no slice lists.
    pub(super) request: EgressRequest,
    /// The label by which those pods find it, as far as it was taken in.
    pub(super) label: Option<LabelNumber>,
    /// Room that is kept for its pods while they are replaced.
    pub(super) claim: Claim,
}

/// What became of the question about the input that was accepted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FollowUp {
    Unasked,
    Asked,
    Answered,
}

/// What became of an answer that gives rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is not in force: it came since the last round, or exceeds a limit.
    New,
    /// It came into force, and is what the Service falls back to.
    Remembered,
}

/// The state of the subject that an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerState {
    /// The newest state.
    Newest,
    /// An earlier state, or an earlier process: what it gives stays in force, cut to what is the Service's own today,
    /// until the policies have answered for the newest (P6, P7).
    Earlier,
    /// An earlier process, likewise, and no policy is asked: the Service is there and cannot be read.
    Unreadable,
}

impl Entry {
    /// Of a Service about which nothing is known but what an earlier process answered.
    pub(super) fn new(view: Arc<SubjectView>, verdict: Option<ChainResult>) -> Self {
        let request = if verdict.is_some() { EgressRequest::Made } else { EgressRequest::Absent };
        Self {
            view,
            request,
            label: None,
            shown: None,
            input: 0,
            published: Published::default(),
            verdict,
            bare: None,
            standing: AnswerState::Earlier,
            last_input: None,
            follow_up: FollowUp::Unasked,
            again: RetryState::default(),
            answer: Answer::Remembered,
            waits: Waits::default(),
            claim: Claim::default(),
        }
    }

    /// What to ask about it.
    pub(super) fn question(&self, key: &SubjectKey) -> Question {
        let (key, failed) = (key.clone(), self.again.turn());
        Question { key, about: QuestionInput::Today, input: self.input, failed, view: Arc::clone(&self.view) }
    }

    /// What to ask about the input that was accepted last: today's Service with these annotations.
    pub(super) fn question_about(&mut self, key: &SubjectKey, accepted: &Labels) -> Question {
        self.follow_up = FollowUp::Asked;
        let (key, failed) = (key.clone(), self.again.turn());
        let view = Arc::new(with_annotations(&self.view, accepted));
        Question { key, about: QuestionInput::LastAccepted, input: self.input, failed, view }
    }

    /// Whether the policies have nothing to say about it.
    pub(super) fn asks_nothing(&self) -> bool {
        self.verdict.as_ref().is_some_and(asks_nothing)
    }

    /// Takes in whether egress is asked for by the newest answer; whether it is now and was not before. An answer that
    /// depends on endpoints must not take away the ones that it depends on, so it takes none back while there are pods
    /// that no slice lists.
    pub(super) fn begins_to_ask(&mut self) -> bool {
        let asks = !self.asks_nothing() || self.verdict.as_ref().is_some_and(|verdict| verdict.policy.is_some());
        let before = self.request;
        self.request = match before {
            EgressRequest::Made if self.waits.has_early() => EgressRequest::Made,
            EgressRequest::Made | EgressRequest::Absent if asks => EgressRequest::Made,
            EgressRequest::Made | EgressRequest::Absent => EgressRequest::Absent,
        };
        (before, self.request) == (EgressRequest::Absent, EgressRequest::Made)
    }

    /// The selector by which it gets pods that no slice lists, or may, since the policies have not answered yet.
    pub(super) fn early_selector(&self) -> Option<&PodSelector> {
        match (self.request, &self.verdict) {
            (EgressRequest::Made, _) | (EgressRequest::Absent, None) => {
                self.view.subject.service()?.selection.selector()
            }
            (EgressRequest::Absent, Some(_)) => None,
        }
    }

    /// The label by which those pods find it.
    pub(super) fn label(&self, key: &SubjectKey) -> Option<LabelNumber> {
        self.early_selector().and_then(|selector| LabelNumber::of(key, selector))
    }

    /// Whether there is nothing to ask about this newer view: the policies were shown the same, and have answered.
    pub(super) fn is_answer_to(&self, newest: &SubjectView, looking: Viewer<'_>) -> bool {
        let answered = self.standing == AnswerState::Newest || self.again.is_deferred();
        let same = || match &self.shown {
            Some(shown) => *shown == ViewHash::of(newest, looking),
            None => are_alike(&self.view, newest, looking),
        };
        answered && same()
    }

    /// What it comes to with another object that shows the policies the same; none where that is what it is.
    pub(super) fn heard_of(&self, before: &SubjectObject, prefix: &AnnotationPrefix) -> Option<ChainAnswer> {
        let is_news = self.standing == AnswerState::Newest && *before != self.view.subject.object;
        let answered = self.bare.as_deref().or(self.verdict.as_ref()).filter(|_| is_news)?;
        let heard = ChainAnswer::of(answered.clone(), &self.view.subject, prefix);
        (Some(&heard.verdict) != self.verdict.as_ref()).then_some(heard)
    }

    /// Takes in what the policies say about the input that was accepted last. One that was not asked says nothing
    /// against an earlier answer.
    pub(super) fn follow_up(&mut self, verdict: ChainResult) {
        self.follow_up = FollowUp::Answered;
        if self.last_input.is_none() || !is_undecided(&verdict) {
            self.last_input = Some(Box::new(verdict));
        }
    }

    /// Cuts the view where nothing is asked for: to what distinguishes one question from another, and by which
    /// addresses it is found when a pod comes.
    pub(super) fn keep_little(&mut self, looking: Viewer<'_>) {
        if self.shown.is_some() {
            return;
        }
        self.shown = Some(ViewHash::of(&self.view, looking));
        self.view = Arc::new(cut(&self.view, looking.node));
    }

    /// What to report about it while a policy rests.
    pub(super) fn waiting(&self) -> Option<Finding> {
        let failure = self.again.deferred().filter(|_| self.standing == AnswerState::Earlier)?;
        let message = format!(
            "{failure}; the rules of this {} stay in force for its current endpoints",
            self.view.subject.kind()
        );
        Some(failure.attributed(Finding::warning(RESTS, message)))
    }
}

/// What is left of a view where nothing is asked for.
pub(super) fn cut(view: &SubjectView, node: &str) -> SubjectView {
    let SubjectView { subject, namespace, withheld, held_back: _, remote: _, gateways, findings: _ } = view;
    let Subject { object, addresses, endpoints } = subject;
    let here = endpoints.iter().filter(|endpoint| endpoint.node.as_deref() == Some(node));
    let listed: BTreeSet<IpAddr> = here.map(|endpoint| endpoint.address).chain(withheld.iter().copied()).collect();
    SubjectView {
        subject: Subject { object: object.clone(), addresses: addresses.clone(), endpoints: Arc::default() },
        namespace: Arc::clone(namespace),
        withheld: listed.into_iter().collect(),
        held_back: RareAddresses::default(),
        remote: RareAddresses::default(),
        gateways: gateways.clone(),
        findings: Vec::new(),
    }
}
