//! Services that exist and cannot be read, and that the source has not read before: the rules that were applied when
//! the earlier process ended stay, limited to current endpoints, until the Service can be read (P6).

use std::sync::Arc;

use super::Pipeline;
use super::entry::AnswerState;
use crate::decision::{Draft, Rule};
use crate::finding::Finding;
use crate::model::{
    Labels, Published, Selection, Service, ServiceType, Snapshot, SubjectKey, SubjectView, TrafficPolicy,
    UnreadableService,
};
use crate::whose::Waits;

impl Pipeline {
    /// Takes in a Service that cannot be read, if an earlier process remembered what was in force of it; whether it
    /// did. No policy is asked: without labels and annotations it would be another Service.
    pub(super) fn look_at_unreadable(&mut self, snapshot: &Snapshot, key: &SubjectKey) -> bool {
        let Some((view, waits)) = self.view_of_unreadable(snapshot, key) else { return false };
        let mut entry = self.renewed(key, view, waits, Published::default());
        entry.standing = AnswerState::Unreadable;
        self.subjects.insert(key.clone(), entry);
        true
    }

    /// The view of a Service that cannot be read, if it is remembered what was in force of it.
    pub(super) fn view_of_unreadable(
        &self,
        snapshot: &Snapshot,
        key: &SubjectKey,
    ) -> Option<(Arc<SubjectView>, Waits)> {
        let unreadable = snapshot.unreadable.services.get(key)?;
        let draft = self.drafts.get(&unreadable.uid)?;
        let mut today = snapshot.clone();
        today.services.insert(key.clone(), Arc::new(service(key, unreadable, draft)));
        let (view, waits) = self.view_of(&today, key)?;
        let mut view = Arc::unwrap_or_clone(view);
        view.findings.insert(0, finding(unreadable));
        Some((Arc::new(view), waits))
    }
}

/// The Service as far as the draft shows that was in force.
fn service(key: &SubjectKey, unreadable: &UnreadableService, draft: &Draft) -> Service {
    Service {
        key: key.clone(),
        uid: unreadable.uid.clone(),
        // As the youngest, it takes no pod from another.
        created: i64::MAX,
        kind: ServiceType::LoadBalancer,
        labels: Labels::new(),
        annotations: Labels::new(),
        load_balancer_class: None,
        status_addresses: draft.rules().iter().flat_map(Rule::addresses).collect(),
        status_hostnames: Vec::new(),
        spec_address: None,
        selection: Selection::ByHand,
        cluster_addresses: Vec::new(),
        traffic_policy: TrafficPolicy::Cluster,
        families: Vec::new(),
        ports: Vec::new(),
        kube_vip_wrote: None,
    }
}

fn finding(UnreadableService { why, uid: _ }: &UnreadableService) -> Finding {
    let then = "the rules that it had before egressd started stay in force for its current endpoints";
    Finding::error("service-unreadable", format!("the Service cannot be read: {why}; {then} until it is corrected"))
}
