//! What became of a pod whose addresses are announced: whether all that selects it is in force for it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::entry::{AnswerState, Entry};
use super::{Pipeline, PodAnnouncement, Question};
use crate::in_force::AppliedRound;
use crate::model::{Phase, Pod, PodNetwork, Snapshot, SubjectKey};
use crate::plan::{EgressRequest, SubjectPlan};

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodProgress {
    /// The pods of this node are not watched, so nothing can be known.
    NotWatched,
    /// Something has to come first.
    Waits(Missing),
    /// These Services translate or guard it, and that is committed.
    InForce(BTreeSet<SubjectKey>),
    /// Nothing that selects it translates or guards it on this node.
    Unselected,
}

/// What a pod waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Its object is not known, or is that of an earlier life.
    Object,
    /// The policies have not answered about a Service that selects it.
    Answer(SubjectKey),
    /// A change is not committed.
    Commit(SubjectKey),
}

impl Pipeline {
    /// Takes in the addresses of a pod that its status does not have yet; returns what has to be asked. They count until
    /// the status has some, the pod is gone, or [`MAX_ANNOUNCED`] is over.
    ///
    /// [`MAX_ANNOUNCED`]: super::MAX_ANNOUNCED
    pub fn announce(&mut self, announcement: PodAnnouncement, now: Duration) -> Vec<Question> {
        let about = self.announced.add(announcement, now);
        self.look_at_announced(about)
    }

    /// Drops announcements whose time is over.
    pub(super) fn end_announced(&mut self, now: Duration) -> Vec<Question> {
        let about = self.announced.end(now);
        if about.is_empty() { Vec::new() } else { self.look_at_announced(about) }
    }

    /// The state with the addresses that are announced, where its source reports none, and the addresses of which that
    /// says something else than before.
    pub(super) fn with_announced(&mut self, snapshot: &Snapshot) -> (Snapshot, BTreeSet<IpAddr>) {
        let about = self.announced.settle(&self.reported_pods, &snapshot.pods);
        self.reported_pods = snapshot.pods.clone();
        (Snapshot { pods: self.announced.over(&snapshot.pods), ..snapshot.clone() }, about)
    }

    fn look_at_announced(&mut self, about: BTreeSet<IpAddr>) -> Vec<Question> {
        let reported = Snapshot { pods: self.reported_pods.clone(), ..self.newest.clone() };
        let keys = about.into_iter().map(crate::model::ChangeKey::Pod).collect();
        self.update(&reported, &keys)
    }

    /// How far an announced pod is, after a step whose commit is known: where this is in force.
    pub fn progress(&self, announced: &PodAnnouncement, in_force: &AppliedRound) -> PodProgress {
        let Some(pods) = self.newest.pods.table() else { return PodProgress::NotWatched };
        let known = pods.get(&announced.pod).filter(|pod| announced.is_about(pod));
        let Some(pod) = known else { return PodProgress::Waits(Missing::Object) };
        if pod.phase == Phase::Ended || pod.network == PodNetwork::Host {
            return PodProgress::Unselected;
        }
        let selecting: Vec<(&SubjectKey, &Entry)> = self.subjects.selecting(pod).collect();
        let missing = selecting.iter().find_map(|(key, entry)| self.missing(key, entry, in_force));
        if let Some(missing) = missing {
            return PodProgress::Waits(missing);
        }
        let having = selecting.into_iter().filter(|(key, _)| self.has_pod(key, pod, announced));
        let having: BTreeSet<SubjectKey> = having.map(|(key, _)| key.clone()).collect();
        if having.is_empty() { PodProgress::Unselected } else { PodProgress::InForce(having) }
    }

    /// What of a Service is not as it will be.
    fn missing(&self, key: &SubjectKey, entry: &Entry, in_force: &AppliedRound) -> Option<Missing> {
        let is_answered = entry.verdict.is_some() && entry.standing == AnswerState::Newest;
        if !is_answered {
            return Some(Missing::Answer(key.clone()));
        }
        let committed = in_force.subjects.get(key).map(|subject| &subject.record);
        let is_committed = committed == self.derived.records.get(key) && !in_force.waits_for(key);
        (entry.request == EgressRequest::Made && !is_committed).then(|| Missing::Commit(key.clone()))
    }

    /// Whether the plan of a Service translates or guards a pod.
    fn has_pod(&self, key: &SubjectKey, pod: &Pod, announced: &PodAnnouncement) -> bool {
        let plan: Option<&Arc<SubjectPlan>> = self.derived.plans.get(key);
        let is_its = |address: IpAddr| pod.held().contains(&address) || announced.addresses.contains(&address);
        plan.is_some_and(|plan| plan.pods().any(is_its))
    }
}
