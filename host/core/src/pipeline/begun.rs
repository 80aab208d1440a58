//! The pods that began while a subject selected them already: what they sent before their rules were in force is to be
//! sent anew (P11). Of a pod that ran before, nothing is: its connections began by what held then.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Pipeline;
use super::entry::Entry;
use super::resumed::EarlierProcess;
use crate::model::{ObjectReference, Pod, PodNetwork, Pods, Snapshot, SubjectKey, Uid};

/// How long a pod waits for its rules. A subject that needs longer begins to select a running pod.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How many pods wait at most: more begin on no node at once.
const MOST_WAITING: usize = 4096;

/// How many addresses of earlier pods are remembered at most; beyond, all are forgotten.
const MOST_EARLIER: usize = 1 << 16;

/// The pods that began and have no rules yet, by address.
#[derive(Debug, Default)]
pub(super) struct BegunPods {
    waiting: BTreeMap<IpAddr, BegunPod>,
    /// Which pod had an address last: where its status or its object goes for a moment, it did not begin.
    earlier: BTreeMap<IpAddr, ObjectReference>,
    /// What an earlier process left, until pods are known for the first time.
    before: Option<EarlierProcess>,
}

/// A pod that began.
#[derive(Debug)]
struct BegunPod {
    name: ObjectReference,
    selected: SelectedBy,
    /// When it is a pod like any other; none before the first round that knows it.
    until: Option<Duration>,
}

/// Which subjects count: another one begins to select a running pod.
#[derive(Debug)]
enum SelectedBy {
    /// Those that selected it when it began, and could translate it.
    Keys(BTreeSet<SubjectKey>),
    /// It began while no egressd ran: those that were accepted before, by what they say of it when they are read first, which
    /// may be later than the pods.
    Accepted(AcceptedSubjects),
}

/// The subjects that an earlier process had accepted.
#[derive(Debug)]
struct AcceptedSubjects {
    uids: Arc<BTreeSet<Uid>>,
    /// Those that were read.
    seen: BTreeSet<Uid>,
    /// Those of them that selected the pod then, and could translate it.
    keys: BTreeSet<SubjectKey>,
}

impl Pipeline {
    /// Takes in which pods begin with a newer state. Of what is there when pods are read first, that is what began after the
    /// last sign of life of an earlier process.
    pub(super) fn take_begun_pods(&mut self, snapshot: &Snapshot) {
        let Some(now) = snapshot.pods.table() else { return };
        let Some(before) = self.newest.pods.table() else { return self.begun.take_begun_before(now) };
        let mut begun = std::mem::take(&mut self.begun);
        for address in before.addresses_changed(now) {
            if begun.waiting.get(&address).is_some_and(|pod| !has(now, &pod.name, address)) {
                begun.waiting.remove(&address);
            }
            begun.remember(before, address);
            let began = began(before, now, address).filter(|pod| begun.earlier.get(&address) != Some(&pod.name));
            if let Some(pod) = began.filter(|_| begun.waiting.len() < MOST_WAITING) {
                let subjects = self.selecting_now(pod);
                if !subjects.is_empty() {
                    begun.wait_for(address, pod, SelectedBy::Keys(subjects));
                }
            }
        }
        self.begun = begun;
    }

    /// The subjects that select a pod, ask for something and have an address here.
    fn selecting_now(&self, pod: &Pod) -> BTreeSet<SubjectKey> {
        let of_namespace = self.subjects.of_namespace(&pod.name.namespace);
        of_namespace.filter(|(_, entry)| self.translates(entry, pod)).map(|(key, _)| key.clone()).collect()
    }

    fn translates(&self, entry: &Entry, pod: &Pod) -> bool {
        let subject = &entry.view.subject;
        let selector = subject.service().and_then(|service| service.selection.selector());
        let is_answered = entry.verdict.is_some() && !entry.asks_nothing();
        let is_held = |address: &IpAddr| self.ownership.holds(subject, *address) || self.is_away(&entry.view, *address);
        is_answered
            && selector.is_some_and(|selector| selector.selects(&pod.labels))
            && subject.addresses.iter().any(is_held)
    }

    /// The subjects of a pod in the last round.
    pub fn subjects_of(&self, pod: IpAddr) -> &[SubjectKey] {
        self.derived.pods.of(pod)
    }

    /// The pods that began and have rules by the last round, which is in force.
    pub fn take_begun(&mut self, now: Duration) -> Vec<IpAddr> {
        let mut begun = std::mem::take(&mut self.begun);
        if now >= LONGEST_WAIT {
            begun.before = None;
        }
        let mut covered = Vec::new();
        begun.waiting.retain(|address, pod| {
            // On a quiet node the next round may be hours later.
            if pod.is_over(now) {
                return false;
            }
            pod.until.get_or_insert(now + LONGEST_WAIT);
            self.see_accepted(pod);
            let has_rules = self.has_rules(pod, *address);
            covered.extend(has_rules.then_some(*address));
            !has_rules
        });
        self.begun = begun;
        covered
    }

    fn has_rules(&self, pod: &BegunPod, address: IpAddr) -> bool {
        let gives = |key: &SubjectKey| {
            let plan = self.derived.plans.get(key).filter(|_| pod.selected.keys().contains(key));
            plan.is_some_and(|plan| plan.rules.iter().any(|rule| rule.sources().contains(&address)))
        };
        self.derived.pods.of(address).iter().any(gives)
    }

    /// Looks at the accepted subjects that are read since: what each says of the pod then counts, and no later change of it.
    fn see_accepted(&self, begun: &mut BegunPod) {
        let SelectedBy::Accepted(accepted) = &mut begun.selected else { return };
        let Some(pod) = self.newest.pods.table().and_then(|pods| pods.get(&begun.name)) else { return };
        for (key, entry) in self.subjects.of_namespace(&begun.name.namespace) {
            let uid = entry.view.subject.uid();
            let is_new = entry.verdict.is_some() && accepted.uids.contains(uid) && !accepted.seen.contains(uid);
            if is_new {
                accepted.seen.insert(uid.clone());
                accepted.keys.extend(self.translates(entry, pod).then(|| key.clone()));
            }
        }
    }
}

impl BegunPod {
    /// Whether it is a pod like any other.
    fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl BegunPods {
    /// Goes on after an earlier process.
    pub(super) fn resume(&mut self, before: EarlierProcess) {
        self.before = Some(before);
    }

    /// The pods that wait for their rules.
    pub(super) fn names(&self, now: Duration) -> impl Iterator<Item = &ObjectReference> {
        self.waiting.values().filter(move |pod| !pod.is_over(now)).map(|pod| &pod.name)
    }

    fn take_begun_before(&mut self, now: &Pods) {
        let Some(before) = self.before.take() else { return };
        for (address, pod) in before.begun_since(now).take(MOST_WAITING) {
            self.wait_for(address, pod, SelectedBy::Accepted(AcceptedSubjects::of(before.subjects())));
        }
    }

    fn wait_for(&mut self, address: IpAddr, pod: &Pod, selected: SelectedBy) {
        self.waiting.insert(address, BegunPod { name: pod.name.clone(), selected, until: None });
    }

    fn remember(&mut self, before: &Pods, address: IpAddr) {
        if self.earlier.len() >= MOST_EARLIER {
            self.earlier.clear();
        }
        let had = before.at(address).find(|pod| pod.network == PodNetwork::Own);
        self.earlier.extend(had.map(|pod| (address, pod.name.clone())));
    }
}

impl SelectedBy {
    fn keys(&self) -> &BTreeSet<SubjectKey> {
        match self {
            Self::Keys(keys) => keys,
            Self::Accepted(accepted) => &accepted.keys,
        }
    }
}

impl AcceptedSubjects {
    fn of(uids: &Arc<BTreeSet<Uid>>) -> Self {
        Self { uids: Arc::clone(uids), seen: BTreeSet::new(), keys: BTreeSet::new() }
    }
}

fn has(pods: &Pods, name: &ObjectReference, address: IpAddr) -> bool {
    pods.at(address).any(|pod| pod.name == *name)
}

/// The pod that has an address from now on: another life of it, or another pod, than before.
fn began<'a>(before: &Pods, now: &'a Pods, address: IpAddr) -> Option<&'a Pod> {
    let had = |pod: &&Pod| before.at(address).any(|earlier| earlier.name == pod.name && earlier.uid == pod.uid);
    now.at(address).find(|pod| pod.network == PodNetwork::Own && !had(pod))
}
