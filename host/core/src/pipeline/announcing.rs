//! What became of a pod whose addresses are announced: whether all that selects it is in force for it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::entry::{AnswerState, Entry};
use super::{Pipeline, PodAnnouncement, Question};
use crate::in_force::AppliedRound;
use crate::model::{Phase, Pod, PodNetwork, Pods, Snapshot, SubjectKey};
use crate::plan::EgressRequest;

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
    /// Its status or a later announcement has other addresses, or another pod still has one of them.
    Address,
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
        let mut about = self.announced.settle(&self.reported_pods, &snapshot.pods);
        self.reported_pods = snapshot.pods.clone();
        let pods = self.announced.over(&snapshot.pods);
        // What is announced takes the place of what the status has, which is news about both.
        if !about.is_empty() || !self.announced.is_empty() {
            let both = self.newest.pods.table().zip(pods.table());
            about.extend(both.into_iter().flat_map(|(before, now)| before.addresses_changed(now)));
        }
        (Snapshot { pods, ..snapshot.clone() }, about)
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
        let asks = selecting.iter().any(|(_, entry)| entry.request == EgressRequest::Made);
        if asks && !announced.addresses.iter().all(|address| has_alone(pods, pod, *address)) {
            return PodProgress::Waits(Missing::Address);
        }
        let missing = selecting.iter().find_map(|(key, entry)| self.missing(key, entry, in_force));
        if let Some(missing) = missing {
            return PodProgress::Waits(missing);
        }
        let having = selecting.into_iter().filter(|(key, entry)| self.has_pod(key, entry, pod));
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

    /// Whether the plan of a Service translates or guards a pod, by each address that its slices would list.
    fn has_pod(&self, key: &SubjectKey, entry: &Entry, pod: &Pod) -> bool {
        let Some(plan) = self.derived.plans.get(key) else { return false };
        let families = entry.view.subject.service().map(|service| &service.families);
        let listed: BTreeSet<IpAddr> = families.into_iter().flat_map(|families| pod.listed_as(families)).collect();
        let is_about = |address: &IpAddr| {
            plan.guarded.contains(address) || plan.rules.iter().any(|rule| rule.sources().contains(address))
        };
        match listed.is_empty() {
            true => pod.held().iter().any(is_about),
            false => listed.iter().all(is_about),
        }
    }
}

/// Whether an address is that of this pod, and of no other that has a network of its own.
fn has_alone(pods: &Pods, pod: &Pod, address: IpAddr) -> bool {
    let mut having = pods.at(address).filter(|other| other.network == PodNetwork::Own);
    having.next().is_some_and(|first| first.name == pod.name) && having.next().is_none()
}
