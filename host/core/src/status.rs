//! The status of each Service, as reported to its owner.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::check::PlanNote;
use crate::decision::{Draft, Rule};
use crate::finding::{Finding, Severity};
use crate::model::{SubjectKey, SubjectKind};
use crate::owner::HELD_ELSEWHERE;
use crate::plan::{EvaluationEnd, PODS_BLOCKED, SubjectPlan, SubjectResult};

/// The code of the finding on a Service whose change the kernel has not taken over.
pub const NOT_IN_FORCE: &str = "not-in-force";

/// The code of the finding on a Service whose change is in force for some of its endpoints.
pub const UNDER_WAY: &str = "change-under-way";

/// One Service's state, as one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Off,
    /// Its endpoints here are translated.
    Translating,
    /// Asked for, but there is nothing to translate here now.
    Idle,
    Invalid,
    Denied,
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::Translating => "translating",
            Self::Idle => "idle",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Failed => "failed",
        })
    }
}

/// The reported status of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectStatus {
    /// As one term.
    pub state: State,
    /// The addresses that its endpoints are translated to, sorted.
    pub addresses: Vec<IpAddr>,
    /// The endpoints that are translated, sorted.
    pub endpoints: Vec<IpAddr>,
    /// The policy that decided; none when all passed it on.
    pub policy: Option<String>,
    /// Why it is so, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// What policies in shadow mode would change; those that would change nothing are left out.
    pub shadows: Vec<ShadowStatus>,
}

/// What one policy in shadow mode would change for a Service, if it were enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowStatus {
    pub policy: String,
    /// What the Service's state would be.
    pub state: State,
    /// Rules that would be new.
    pub added: Vec<Rule>,
    /// Rules that would be gone.
    pub removed: Vec<Rule>,
    /// Why, as far as it is not reported today already.
    pub findings: Vec<Finding>,
}

impl ShadowStatus {
    /// Compares what is in force with what would be; none when that is the same.
    pub fn new(policy: &str, enforced: &SubjectResult, would: &SubjectResult) -> Option<Self> {
        let same = |a: &SubjectPlan, b: &SubjectPlan| {
            a.rules == b.rules && a.on_change == b.on_change && a.guarded == b.guarded
        };
        let unchanged = match (&enforced.service, &would.service) {
            (Some(enforced), Some(would)) => same(enforced, would),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if unchanged && state(enforced) == state(would) {
            return None;
        }
        let (before, after) = (rules(enforced), rules(would));
        let only_in = |these: &[Rule], those: &[Rule]| {
            these.iter().filter(|rule| !those.contains(rule)).cloned().collect::<Vec<_>>()
        };
        let news = would.findings.iter().filter(|finding| !enforced.findings.contains(finding));
        Some(Self {
            policy: policy.to_owned(),
            state: state(would),
            added: only_in(after, before),
            removed: only_in(before, after),
            findings: news.cloned().collect(),
        })
    }
}

impl ShadowStatus {
    /// The same with all addresses of each rule: a plan has the one that this node uses, which stays the first.
    /// `before` is the draft in force, and `would` the shadow's, where they are known.
    #[must_use]
    pub fn with_alternatives(mut self, before: Option<&Draft>, would: Option<&Draft>) -> Self {
        for (rules, draft) in [(&mut self.added, would), (&mut self.removed, before)] {
            draft.into_iter().for_each(|draft| rules.iter_mut().for_each(|rule| add_alternatives(rule, draft)));
        }
        self
    }
}

fn add_alternatives(rule: &mut Rule, draft: &Draft) {
    let used = rule.address();
    let several = draft.rules().iter().find(|one| one.id() == rule.id() && one.addresses().any(|one| one == used));
    let others = several.into_iter().flat_map(Rule::addresses).filter(|address| *address != used);
    if let Ok(whole) = rule.clone().with_addresses(std::iter::once(used).chain(others)) {
        *rule = whole;
    }
}

fn rules(planned: &SubjectResult) -> &[Rule] {
    planned.service.as_ref().map_or(&[], |service| &service.rules)
}

impl SubjectStatus {
    /// Why it is so, in one sentence: the worst that was found, and of equals the first.
    pub fn reason(&self) -> Option<&str> {
        self.worst().map(|finding| finding.message.as_str())
    }

    /// The worst that was found, and of equals the first.
    pub fn worst(&self) -> Option<&Finding> {
        let worst = self.severity()?;
        self.findings.iter().find(|finding| finding.severity == worst)
    }

    /// Of a subject whose change the kernel has not taken over: what was translated before, and why it stays so. What
    /// was found before is about another input.
    pub fn held_back(kind: SubjectKind, before: Option<&Self>, why: &str) -> Self {
        let (addresses, endpoints) =
            before.map(|before| (before.addresses.clone(), before.endpoints.clone())).unwrap_or_default();
        Self {
            state: if endpoints.is_empty() { State::Idle } else { State::Translating },
            addresses,
            endpoints,
            policy: before.and_then(|before| before.policy.clone()),
            findings: vec![Finding::error(NOT_IN_FORCE, format!("a change of this {kind} is not in force: {why}"))],
            shadows: Vec::new(),
        }
    }

    /// Of a subject whose change the kernel takes over slice by slice: the earlier status, until all of it is in force.
    pub fn under_way(before: Option<&Self>) -> Self {
        let (state, policy) = (State::Idle, None);
        let nothing = Self { state, addresses: vec![], endpoints: vec![], policy, findings: vec![], shadows: vec![] };
        let mut status = before.cloned().unwrap_or(nothing);
        status.findings.retain(|finding| finding.code != UNDER_WAY);
        let message = "a large change is being applied in slices: some endpoints have the new rules already, the \
                       others still have the old ones";
        status.findings.push(Finding::new(Severity::Info, UNDER_WAY, message));
        status
    }

    /// Why guarded pods are not translated, as the code of what was found: the worst, and of equals the first.
    pub fn reason_to_block(&self) -> &str {
        let others = || self.findings.iter().filter(|finding| finding.code != PODS_BLOCKED);
        let worst = others().map(|finding| finding.severity).max();
        let found = others().find(|finding| Some(finding.severity) == worst);
        found.map_or(PODS_BLOCKED, |finding| finding.code.as_str())
    }

    /// Whether it reports a change that the kernel has not taken over.
    pub fn is_held_back(&self) -> bool {
        self.findings.iter().any(|finding| finding.code == NOT_IN_FORCE)
    }

    /// Whether it is idle because the address is not on this node, which says nothing of what the others do.
    pub fn is_held_elsewhere(&self) -> bool {
        self.state == State::Idle && self.findings.iter().any(|finding| finding.code == HELD_ELSEWHERE)
    }

    /// The worst that was found.
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// The status of one Service from how its evaluation ended. Which policy decided, the pipeline knows.
pub fn status(planned: &SubjectResult) -> SubjectStatus {
    let rules = planned.service.iter().flat_map(|service| &service.rules);
    let sorted = |addresses: Vec<IpAddr>| {
        let mut addresses = addresses;
        addresses.sort_unstable();
        addresses.dedup();
        // One is kept for each Service.
        addresses.shrink_to_fit();
        addresses
    };
    let addresses = sorted(rules.clone().map(|rule| rule.address()).collect());
    let endpoints = sorted(rules.flat_map(|rule| rule.sources().iter().copied()).collect());
    SubjectStatus {
        state: state(planned),
        addresses,
        endpoints,
        policy: None,
        findings: planned.findings.clone(),
        shadows: Vec::new(),
    }
}

fn state(planned: &SubjectResult) -> State {
    match (planned.end, planned.translated()) {
        (EvaluationEnd::Off, _) => State::Off,
        (EvaluationEnd::Ruled, Some(_)) => State::Translating,
        (EvaluationEnd::Ruled, None) => State::Idle,
        (EvaluationEnd::Invalid, _) => State::Invalid,
        (EvaluationEnd::Denied, _) => State::Denied,
        (EvaluationEnd::Failed, _) => State::Failed,
    }
}

/// The statuses of all Services, with what [`crate::check`] noted about the whole plan.
pub fn statuses(
    notes: &[PlanNote],
    planned: &BTreeMap<SubjectKey, SubjectResult>,
) -> BTreeMap<SubjectKey, SubjectStatus> {
    let mut statuses: BTreeMap<SubjectKey, SubjectStatus> =
        planned.iter().map(|(key, planned)| (key.clone(), status(planned))).collect();
    for note in notes {
        if let Some(status) = statuses.get_mut(&note.subject) {
            status.findings.push(note.finding());
        }
    }
    statuses
}
