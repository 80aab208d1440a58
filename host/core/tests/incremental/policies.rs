//! Policies that do what annotations say.

use std::sync::Arc;

use egressd_core::chain::{Chain, Contract, FailureKind, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Diagnostic, Draft, OnUnavailable, Outcome, Rule};
use egressd_core::model::{Context, Interest, SubjectKind, SubjectView};
use egressd_core::net::{PortRange, Protocol};
use egressd_core::policy::Mode;
use egressd_core::testkit::{RuleParts, n, rule};

use crate::events::NOTE;

/// The values of the annotation `do`.
pub(crate) const WISHES: [&str; 13] = [
    "plain", "plain", "ports", "range", "networks", "denied", "second", "drop", "invalid", "deny", "trap", "slow",
    "wait",
];

/// Which policies there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policies {
    Alone,
    /// It denies Services of one namespace, too, and is shown Services alone.
    Guarded,
    /// That is only tried.
    Shadowed,
    /// It wants a network for all, and reads notes.
    Narrowed,
    /// What narrows and guards is only tried.
    Tried,
}

impl Policies {
    pub(crate) fn chain(self) -> Chain {
        // It reads one annotation of several that the host reads.
        let reads = Interest::new(&["do".to_owned()], &[]);
        let alone = of_both_kinds(Member::new(MemberRole::Policy(Arc::new(AnnotationPolicy))).reading(reads));
        let of = |policy: Arc<dyn Policy>| {
            Member { order: 1, ..Member::new(MemberRole::Policy(policy)) }.reading(Interest::default())
        };
        match self {
            Self::Alone => Chain::new([alone]),
            Self::Guarded => Chain::new([alone, of(Arc::new(Guard))]),
            Self::Shadowed => Chain::new([alone, Member { mode: Mode::Shadow, ..of(Arc::new(Guard)) }]),
            Self::Narrowed | Self::Tried => {
                let reads = Interest::new(&[NOTE.to_owned()], &[]).of_namespaces(&[NOTE.to_owned()]);
                let narrow = of_both_kinds(of(Arc::new(Narrow)).reading(reads));
                let mode = if self == Self::Tried { Mode::Shadow } else { narrow.mode };
                Chain::new([alone, Member { mode, ..narrow }])
            }
        }
    }
}

fn of_both_kinds(member: Member) -> Member {
    let kinds = [SubjectKind::Service, SubjectKind::EgressPolicy].into_iter().collect();
    member.handling(kinds, Contract::Native)
}

struct AnnotationPolicy;

struct Guard;

struct Narrow;

fn dropping(mut draft: Draft) -> Draft {
    draft.on_unavailable = Some(OnUnavailable::Drop);
    draft
}

fn failure(kind: FailureKind) -> PolicyFailure {
    PolicyFailure { policy: "annotation_policy".to_owned(), reason: format!("{kind:?}"), kind }
}

impl Policy for AnnotationPolicy {
    fn name(&self) -> &'static str {
        "annotation_policy"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let sources: Vec<_> = view.local_endpoints(context).map(|endpoint| endpoint.address).collect();
        let wish = view.subject.annotations().get("do").map_or("nothing", |wish| wish);
        let place = usize::from(wish == "second");
        let rules = view.subject.addresses.get(place).into_iter().flat_map(|address| {
            let of_family = sources.iter().copied().filter(|source| source.is_ipv4() == address.is_ipv4());
            let plain = rule(of_family, *address);
            (!plain.sources().is_empty()).then_some(plain)
        });
        let with = |change: &dyn Fn(&mut Rule)| {
            let mut rules: Vec<Rule> = rules.clone().collect();
            rules.iter_mut().for_each(change);
            Decision::Plan(Draft::of(rules))
        };
        let port = |last| PortRange::new(Protocol::Tcp, 80, last).expect("a range");
        let decision = match wish {
            "plain" | "second" => with(&|_| {}),
            "ports" => with(&|rule| rule.change(|parts| parts.destination_ports = vec![port(80)])),
            "range" => with(&|rule| rule.change(|parts| parts.destination_ports = vec![port(90)])),
            "networks" => {
                with(&|rule| rule.change(|parts| parts.include = vec![n("203.0.113.0/24"), n("198.51.100.0/24")]))
            }
            "denied" => with(&|rule| rule.change(|parts| parts.exclude = vec![n("203.0.113.0/24")])),
            "drop" => Decision::Plan(dropping(Draft::of(rules.collect()))),
            "invalid" => Decision::Invalid,
            "deny" => Decision::Deny,
            "trap" => return Err(failure(FailureKind::Prompt)),
            "slow" => return Err(failure(FailureKind::Slow)),
            "wait" => return Err(failure(FailureKind::Deferred)),
            _ => Decision::Pass,
        };
        Ok(Outcome { decision, diagnostics: vec![] })
    }
}

impl Policy for Guard {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn evaluate(&self, _: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let denied = view.namespace.labels.contains_key("guarded");
        let diagnostics =
            denied.then(|| Diagnostic::error("guarded", "the namespace is guarded")).into_iter().collect();
        Ok(Outcome { decision: if denied { Decision::Deny } else { Decision::Pass }, diagnostics })
    }
}

impl Policy for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn evaluate(&self, _: &Context, view: &SubjectView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        let noted = view.namespace.annotations.get(NOTE) == Some("x");
        let network = n(if noted { "198.51.100.0/24" } else { "192.0.2.0/24" });
        let narrow = |rule: &Rule| RuleParts { exclude: vec![network], ..rule.clone().into() }.rule();
        let rules = draft.rules().iter().map(narrow).collect();
        let draft = draft.clone().with_rules(rules).map_err(|_| failure(FailureKind::Prompt))?;
        let draft = if noted { dropping(draft) } else { draft };
        Ok(Outcome { decision: Decision::Plan(draft), diagnostics: vec![] })
    }
}
