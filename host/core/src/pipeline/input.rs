//! When there is something to ask about a Service.

use crate::chain::{Ruling, Verdict};
use crate::decision::Draft;
use crate::model::{Interest, Published, Service, ServiceKey, ServiceKind, Snapshot};

/// Whether the policies are asked about a Service. One that is no LoadBalancer can have no rules, whatever they answer;
/// they are asked about it where it has something that they read, so that they can report that it is of another type,
/// and where something is published on it that has to be withdrawn.
pub(super) fn is_asked_about(service: &Service, published: &Published, interest: &Interest) -> bool {
    match service.kind {
        ServiceKind::LoadBalancer => true,
        ServiceKind::ClusterIp | ServiceKind::NodePort | ServiceKind::ExternalName => {
            interest.concerns(service) || published.active.values().any(|value| !value.is_empty())
        }
    }
}

/// The Services for which it depends on the policies whether they are asked.
pub(super) fn of_other_types(snapshot: &Snapshot) -> Vec<ServiceKey> {
    let others = snapshot.services.values().filter(|service| service.kind != ServiceKind::LoadBalancer);
    others.map(|service| service.key.clone()).collect()
}

/// Whether no policy has anything to say about a Service, those in shadow mode among them.
pub(super) fn asks_nothing(verdict: &Verdict) -> bool {
    let nothing = |ruling: &Ruling| matches!(ruling, Ruling::Draft(draft) if *draft == Draft::default());
    let silent = nothing(&verdict.ruling) && verdict.findings.is_empty();
    silent && verdict.shadows.iter().all(|shadow| nothing(&shadow.ruling) && shadow.findings.is_empty())
}
