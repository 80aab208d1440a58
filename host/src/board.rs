//! What the loop tells others: the newest state as a value, handed over without waiting for anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::chain::PolicyFailure;
use egressd_core::finding::Finding;
use egressd_core::model::{ClusterFacts, PolicyMark, ServiceKey, Uid};
use egressd_core::pipeline::Round;
use egressd_core::plan::{Plan, PlannedService};
use egressd_core::status::ServiceStatus;
use egressd_core::voice::{Speech, Voice};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::moment::Moment;
use crate::notices;
use crate::orphans::Orphan;
use crate::policies::PolicyReport;

/// What is known about this egressd now.
#[derive(Clone, Debug)]
pub struct Newest {
    /// When the process began.
    pub since: Moment,
    /// What is in force; none before the first round is.
    pub in_force: Option<Arc<InForce>>,
    /// Why something newer is not in force.
    pub trouble: Option<String>,
    /// What became of each policy, by name.
    pub policies: Arc<[PolicyReport]>,
    /// What is told about the loading of policies.
    pub loading: Arc<[Finding]>,
    /// What is wrong with the source of Services.
    pub source: Arc<[Finding]>,
    /// What is wrong with egressd's own doors and directories.
    pub notices: Arc<[Finding]>,
    /// The tables that no egressd looks after.
    pub orphans: Arc<[Orphan]>,
    /// A table that a newer egressd made, while it keeps this one from working.
    pub newer: Option<Finding>,
    /// What is wrong with what an earlier process remembered.
    pub left: Arc<[Finding]>,
}

/// A round that the kernel has taken over.
#[derive(Debug)]
pub struct InForce {
    /// What is translated.
    pub plan: Plan,
    /// What each Service's owner is told.
    pub statuses: BTreeMap<ServiceKey, ServiceStatus>,
    /// Which life of each Service that is about.
    pub uids: BTreeMap<ServiceKey, Uid>,
    /// This node's part in telling the cluster about a Service; absent where there is nothing to tell.
    pub voices: BTreeMap<ServiceKey, Voice>,
    /// The node that tells about what belongs to no node.
    pub first_ready: Option<String>,
    /// The ConfigMaps that are policies, by name.
    pub policies: BTreeMap<String, PolicyMark>,
    /// The policies that could not answer, each with the first Service by name for which it could not.
    pub failing: BTreeMap<String, (ServiceKey, PolicyFailure)>,
    /// What is inside the cluster, and why.
    pub inside: Arc<ClusterFacts>,
    /// What is told about the node.
    pub findings: Vec<Finding>,
    /// When the status of each Service changed last, or was first seen by this process.
    pub changed: BTreeMap<ServiceKey, Moment>,
    /// When the last round came into force.
    pub at: Moment,
}

impl InForce {
    /// A round that came into force now, after another.
    pub fn after(before: Option<&Self>, round: Round) -> Self {
        let now = Moment::now();
        let Round {
            plan,
            ruleset: _,
            kept: _,
            statuses,
            uids,
            voices,
            first_ready,
            policies,
            failing,
            inside,
            findings,
            fatal: _,
            further: _,
        } = round;
        let changed = statuses.iter().map(|(key, status)| {
            let same = before.filter(|before| before.statuses.get(key) == Some(status));
            (key.clone(), same.and_then(|before| before.changed.get(key).copied()).unwrap_or(now))
        });
        let changed = changed.collect();
        Self { plan, statuses, uids, voices, first_ready, policies, failing, inside, findings, changed, at: now }
    }

    /// What is in force while a round is carried out slice by slice, and these pods are to go over still: of a Service that
    /// has one of them, what was before, and it publishes nothing.
    pub fn partly(&self, mut round: Round, waiting: &BTreeSet<IpAddr>) -> Self {
        let (old, new) = (&self.plan.services, &round.plan.services);
        let waits = |service: Option<&PlannedService>| {
            let mut sources = service.into_iter().flat_map(|service| &service.rules).flat_map(|rule| &rule.sources);
            sources.any(|source| waiting.contains(source))
        };
        let differ =
            |key: &&ServiceKey| old.get(*key) != new.get(*key) && (waits(old.get(*key)) || waits(new.get(*key)));
        let held: BTreeSet<ServiceKey> = old.keys().chain(new.keys()).filter(differ).cloned().collect();
        for key in held {
            round.statuses.insert(key.clone(), ServiceStatus::under_way(self.statuses.get(&key)));
            let speech = self.voices.get(&key).map_or(Speech::Listener, |voice| voice.speech);
            round.voices.insert(key.clone(), Voice { speech, active: Default::default() });
            if let Some(uid) = self.uids.get(&key) {
                round.uids.entry(key.clone()).or_insert_with(|| uid.clone());
            }
            match old.get(&key) {
                Some(service) => drop(round.plan.services.insert(key, service.clone())),
                None => drop(round.plan.services.remove(&key)),
            }
        }
        Self::after(Some(self), round)
    }

    /// What is in force still, after a round that did not come into force. The Services that it would have changed say
    /// so, from this node, and publish nothing.
    pub fn held_back(&self, mut round: Round, why: &str) -> Self {
        let (old, new) = (&self.plan.services, &round.plan.services);
        let differ = |key: &&ServiceKey| old.get(*key) != new.get(*key);
        let held: BTreeSet<ServiceKey> = old.keys().chain(new.keys()).filter(differ).cloned().collect();
        for key in held {
            round.statuses.insert(key.clone(), ServiceStatus::held_back(self.statuses.get(&key), why));
            round.voices.insert(key.clone(), Voice { speech: Speech::Translator, active: Default::default() });
            if let Some(uid) = self.uids.get(&key) {
                round.uids.entry(key).or_insert_with(|| uid.clone());
            }
        }
        round.plan = self.plan.clone();
        Self { at: self.at, ..Self::after(Some(self), round) }
    }
}

/// The loop's end.
#[derive(Debug)]
pub struct Board {
    newest: watch::Sender<Newest>,
    busy: watch::Sender<Option<Instant>>,
}

/// Everybody else's end.
#[derive(Clone, Debug)]
pub struct Reader {
    newest: watch::Receiver<Newest>,
    busy: watch::Receiver<Option<Instant>>,
    source: watch::Receiver<Arc<[Finding]>>,
    notices: notices::Reader,
    orphans: watch::Receiver<Arc<[Orphan]>>,
}

impl Newest {
    /// Before anything is known.
    pub fn begin() -> Self {
        let (policies, loading, orphans) = ([].into(), [].into(), [].into());
        let (source, notices, left) = ([].into(), [].into(), [].into());
        let (since, in_force, trouble, newer) = (Moment::now(), None, None, None);
        Self { since, in_force, trouble, policies, loading, source, notices, orphans, newer, left }
    }
}

/// A board with nothing on it, and a reader of it. What is wrong with the source and with egressd itself, and which tables
/// are orphaned, is read where that is found: the loop may have nothing to do, or not have begun.
pub fn board(
    source: watch::Receiver<Arc<[Finding]>>,
    notices: notices::Reader,
    orphans: watch::Receiver<Arc<[Orphan]>>,
) -> (Board, Reader) {
    let (newest, read_newest) = watch::channel(Newest::begin());
    let (busy, read_busy) = watch::channel(None);
    (Board { newest, busy }, Reader { newest: read_newest, busy: read_busy, source, notices, orphans })
}

impl Board {
    /// The loop begins to work on something.
    pub fn busy(&self) {
        self.busy.send_replace(Some(Instant::now()));
    }

    /// The loop waits for something to do.
    pub fn idle(&self) {
        self.busy.send_replace(None);
    }

    /// A round came into force.
    pub fn in_force(&self, round: Arc<InForce>) {
        self.newest.send_modify(|newest| {
            newest.in_force = Some(round);
            newest.trouble = None;
        });
    }

    /// Policies were loaded, or refused.
    pub fn policies(&self, reports: Vec<PolicyReport>, findings: Vec<Finding>) {
        self.newest.send_modify(|newest| {
            newest.policies = reports.into();
            newest.loading = findings.into();
        });
    }

    /// What is wrong with what an earlier process remembered.
    pub fn left(&self, findings: Vec<Finding>) {
        self.newest.send_modify(|newest| newest.left = findings.into());
    }

    /// A table of a newer egressd keeps this one from working, or no longer does.
    pub fn newer(&self, finding: Option<Finding>) {
        self.newest.send_modify(|newest| newest.newer = finding);
    }

    /// A round did not come into force; what is in force still, where anything is.
    pub fn held_back(&self, why: String, still: Option<Arc<InForce>>) {
        self.newest.send_modify(|newest| {
            newest.trouble = Some(why);
            newest.in_force = still.or_else(|| newest.in_force.take());
        });
    }
}

impl Newest {
    /// Why this egressd is not ready; none when it is.
    pub fn unready(&self) -> Option<String> {
        match (&self.in_force, &self.trouble) {
            (Some(_), _) => self.policies.iter().find_map(PolicyReport::unready),
            (None, Some(trouble)) => Some(format!("nothing is in force yet: {trouble}")),
            (None, None) => Some("nothing is in force yet: Services have not been read or evaluated".to_owned()),
        }
    }

    /// What is told about this egressd and what others left, whether or not anything is in force.
    pub fn standing(&self) -> impl Iterator<Item = Finding> {
        let found = self.source.iter().chain(&*self.loading).chain(&*self.notices);
        let orphans = self.orphans.iter().map(Orphan::finding);
        found.chain(&self.newer).chain(&*self.left).cloned().chain(orphans)
    }
}

impl Reader {
    /// The newest state.
    pub fn newest(&self) -> Newest {
        let (source, orphans) = (Arc::clone(&self.source.borrow()), Arc::clone(&self.orphans.borrow()));
        Newest { source, notices: self.notices.now(), orphans, ..self.newest.borrow().clone() }
    }

    /// Waits until the newest state is another than the one that was waited for last.
    ///
    /// # Errors
    /// When the loop has ended, and nothing will change any more.
    pub async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.newest.changed() => changed,
            // Whoever looks for them may have ended, and then they do not change.
            Ok(()) = self.orphans.changed() => Ok(()),
        }
    }

    /// Since when the loop has been working on one thing; none while it waits for something to do.
    pub fn busy_since(&self) -> Option<Instant> {
        *self.busy.borrow()
    }
}
