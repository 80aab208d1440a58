//! The results for each Service after a round: one record per Service, in a map whose copies share unchanged parts. A
//! reader keeps the last map that it saw and compares.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;

use crate::chain::PolicyFailure;
use crate::finding::Finding;
use crate::model::{ClusterFacts, EgressNode, PolicyMark, ReadState, SubjectKey, Uid};
use crate::plan::SubjectPlan;
use crate::reporting::Reporting;
use crate::status::SubjectStatus;

/// All records, by Service.
pub type Records = OrdMap<SubjectKey, Arc<Record>>;

/// The newest results for one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The identity of the life of the Service that this is about.
    pub uid: Uid,
    /// What followed from what the policies answered.
    pub outcome: RecordState,
}

/// What followed from the policies' answers about a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// They have not answered yet, in this process or an earlier one: here is its guard, where it asks for one.
    Unanswered(Option<Arc<SubjectPlan>>),
    /// The policies have answered.
    Settled(SettledSubject),
}

/// The results of the answers for a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledSubject {
    /// Its part of the plan; none where there is nothing to translate.
    pub plan: Option<Arc<SubjectPlan>>,
    /// What is reported to its owner.
    pub status: Arc<SubjectStatus>,
    /// This node's part in what is published about it; none where there is nothing to publish.
    pub reporting: Option<Reporting>,
}

impl Record {
    /// What followed for it, once the policies have answered.
    pub fn settled(&self) -> Option<&SettledSubject> {
        match &self.outcome {
            RecordState::Unanswered(_) => None,
            RecordState::Settled(settled) => Some(settled),
        }
    }

    /// Its part of the plan.
    pub fn plan(&self) -> Option<&Arc<SubjectPlan>> {
        match &self.outcome {
            RecordState::Unanswered(guard) => guard.as_ref(),
            RecordState::Settled(settled) => settled.plan.as_ref(),
        }
    }

    /// What is reported to its owner.
    pub fn status(&self) -> Option<&SubjectStatus> {
        self.settled().map(|settled| &*settled.status)
    }

    /// This node's part in what is published about it.
    pub fn reporting(&self) -> Option<&Reporting> {
        self.settled()?.reporting.as_ref()
    }
}

/// State that belongs to no subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The node that reports what belongs to no node: the first by name of those that are ready.
    pub first_ready: Option<String>,
    /// The ConfigMaps that are policies, by name.
    pub policies: Arc<BTreeMap<String, PolicyMark>>,
    /// The policies that could not answer, each with the first Service by name for which it could not.
    pub failing: BTreeMap<String, (SubjectKey, PolicyFailure)>,
    /// What is inside the cluster, and why.
    pub inside: Arc<ClusterFacts>,
    /// What is reported about the node as a whole.
    pub findings: Vec<Finding>,
    /// This node, as it publishes itself.
    pub here: ThisNode,
}

/// This node, and what it publishes about itself as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThisNode {
    /// The identity of its Node.
    pub uid: Option<Uid>,
    /// The addresses of its interfaces, sorted.
    pub addresses: Vec<IpAddr>,
    /// Its EgressNode, as it was read last.
    pub published: Option<Arc<EgressNode>>,
    /// Whether EgressNodes are read.
    pub followed: ReadState,
}
