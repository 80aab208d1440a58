//! Whether a subject has to be evaluated.

use crate::chain::{ChainDecision, ChainResult};
use crate::decision::Draft;
use crate::model::{
    AnnotationPrefix, GatewayTexts, Interest, Published, Service, ServiceType, Snapshot, Subject, SubjectKey,
    SubjectObject,
};
use crate::stray::{self, Strays, Weight};

/// Whether the policies are asked about a subject: about any that is no Service, since it is there for egress alone.
pub(super) fn is_asked_about(
    object: &SubjectObject,
    published: &Published,
    interest: &Interest,
    prefix: &AnnotationPrefix,
) -> bool {
    match object {
        SubjectObject::Service(service) => is_asked_about_service(service, published, interest, prefix),
        SubjectObject::EgressPolicy(_) => true,
    }
}

/// A Service that is no LoadBalancer can have no rules, whatever they answer;
/// they are asked about it where it has something that they read, so that they can report that it is of another type,
/// where it has a name that is almost one of those, and where something is published on it that has to be withdrawn.
fn is_asked_about_service(
    service: &Service,
    published: &Published,
    interest: &Interest,
    prefix: &AnnotationPrefix,
) -> bool {
    match service.kind {
        ServiceType::LoadBalancer => true,
        ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::ExternalName => {
            let is_published = || published.active.values().any(|value| !value.is_empty());
            let names_gateway = || !GatewayTexts::on(&service.annotations).is_empty();
            interest.concerns(service) || names_gateway() || is_published() || stray::has_any(service, prefix)
        }
    }
}

/// The Services for which it depends on the policies whether they are asked.
pub(super) fn of_other_types(snapshot: &Snapshot) -> Vec<SubjectKey> {
    let others = snapshot.services.values().filter(|service| service.kind != ServiceType::LoadBalancer);
    others.map(|service| service.key.clone()).collect()
}

/// Whether no policy has anything to say about a Service, those in shadow mode among them.
pub(super) fn asks_nothing(verdict: &ChainResult) -> bool {
    let nothing =
        |decision: &ChainDecision| matches!(decision, ChainDecision::Draft(draft) if **draft == Draft::default());
    let silent = nothing(&verdict.decision) && verdict.findings.is_empty();
    silent && verdict.shadows.iter().all(|shadow| nothing(&shadow.decision) && shadow.findings.is_empty())
}

/// What the policies say about a subject with what they cannot see.
pub(super) struct ChainAnswer {
    /// Both together.
    pub(super) verdict: ChainResult,
    /// What they say themselves, where that is less.
    pub(super) bare: Option<Box<ChainResult>>,
}

impl ChainAnswer {
    /// With names on a Service that are almost those that policies read. One that would narrow what is asked for makes
    /// the input bad, as a value of it would that cannot be read (P4).
    pub(super) fn of(verdict: ChainResult, subject: &Subject, prefix: &AnnotationPrefix) -> Self {
        let service = subject.service();
        let strays = service.map(|service| strays(&verdict, service, prefix)).unwrap_or_default();
        if strays == Strays::default() {
            return Self { verdict, bare: None };
        }
        let bare = Box::new(verdict.clone());
        let ChainResult { decision, policy, on_unavailable, mut findings, failures, shadows } = verdict;
        findings.extend(strays.findings);
        let decision = match strays.weight {
            Weight::Light => decision,
            Weight::Filter => ChainDecision::Invalid { policy: policy.clone().unwrap_or_default() },
        };
        let verdict = ChainResult { decision, policy, on_unavailable, findings, failures, shadows };
        Self { verdict, bare: Some(bare) }
    }
}

/// Where nothing is asked for, no name narrows anything.
fn strays(verdict: &ChainResult, service: &Service, prefix: &AnnotationPrefix) -> Strays {
    match (&verdict.decision, &verdict.policy) {
        (ChainDecision::Draft(_), Some(_)) => stray::beside_a_request(service, prefix),
        (
            ChainDecision::Draft(_)
            | ChainDecision::Invalid { .. }
            | ChainDecision::Denied { .. }
            | ChainDecision::Failed(_),
            _,
        ) => Strays { findings: stray::alone(service, prefix), weight: Weight::Light },
    }
}
