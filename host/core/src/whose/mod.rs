//! The pod of an endpoint, where the pods of this node are known. A slice may list any address; one that it lists on
//! this node is the subject's only where a pod of the subject's namespace has it (P1).
//!
//! A slice can be known earlier than its pod. Such an endpoint waits, [`MAX_POD_WAIT`] at most: what is in force for it
//! stays so long, and what is new is held back so long. While pods cannot be read, what is in force stays.

mod early;
mod reason;
mod wait;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use early::{BesideSlices, with_early};
use reason::Reason;
use wait::Wait;
pub use wait::{MAX_POD_WAIT, Waits};

use crate::decision::Draft;
use crate::finding::{Finding, at_most, first_of};
use crate::model::{Endpoint, KnownPods, ObjectReference, PodOwner, Pods, SubjectKey, SubjectView};

/// What is known of a subject from before.
#[derive(Clone, Copy, Debug)]
pub enum EarlierEndpoints<'a> {
    /// What was left of its endpoints when it was looked at last, and which of them waited.
    Looked(&'a SubjectView, &'a Waits),
    /// The last good draft that an earlier process remembered.
    Remembered(&'a Draft),
    /// Nothing: it is new.
    Nothing,
}

/// The view without the endpoints of this node that are not known to be the Service's own, and which ones wait. The
/// remaining ones name their pod, whatever the slice says.
pub fn sifted(
    node: &str,
    pods: &KnownPods,
    mut view: SubjectView,
    earlier: EarlierEndpoints<'_>,
) -> (SubjectView, Waits) {
    let (pods, reading) = match pods {
        KnownPods::NotWatched => return (view, Waits::default()),
        KnownPods::Complete(pods) => (pods, TableReading::Now),
        KnownPods::LastKnown(pods) => (pods, TableReading::Last),
    };
    let key = view.subject.key().clone();
    let mut filter = EndpointFilter::new(node, pods, reading, &key, earlier);
    let all = view.subject.endpoints.iter();
    let endpoints: Vec<Endpoint> = all.filter_map(|endpoint| filter.sift(endpoint)).collect();
    // Mostly slices say it as it is, and then what is theirs stays shared.
    if *endpoints != *view.subject.endpoints {
        view.subject.endpoints = endpoints.into();
    }
    view.withheld = std::mem::take(&mut filter.withheld).into();
    let may_be_own = |address: &IpAddr| match pods.whose(*address, &key.namespace) {
        PodOwner::Foreign(_) | PodOwner::Nodes => false,
        PodOwner::Own(_) | PodOwner::Contested(_) | PodOwner::Unknown => true,
    };
    let others = view.held_back.iter().copied().filter(may_be_own);
    view.held_back = std::mem::take(&mut filter.unidentified).into_iter().chain(others).collect();
    view.findings = at_most(std::mem::take(&mut view.findings).into_iter().chain(filter.findings()));
    (view, filter.waits)
}

/// Whether the table of pods is that of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableReading {
    Now,
    /// It cannot be read now.
    Last,
}

/// The pod that has the address of an endpoint.
enum PodOwnership {
    /// It is this pod.
    Own(ObjectReference),
    /// Its pod is not known, and it stays meanwhile.
    Stays,
    /// It is not the subject's, or not yet.
    Withheld(PodKnowledge),
}

/// Whether it is known whose the pod with an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PodKnowledge {
    Known,
    Unknown,
}

struct EndpointFilter<'a> {
    node: &'a str,
    pods: &'a Pods,
    reading: TableReading,
    key: &'a SubjectKey,
    earlier: EarlierEndpoints<'a>,
    waits: Waits,
    reasons: BTreeMap<Reason, Vec<IpAddr>>,
    withheld: Vec<IpAddr>,
    /// Of these the ones whose pod is not known.
    unidentified: Vec<IpAddr>,
}

impl<'a> EndpointFilter<'a> {
    fn new(
        node: &'a str,
        pods: &'a Pods,
        reading: TableReading,
        key: &'a SubjectKey,
        earlier: EarlierEndpoints<'a>,
    ) -> Self {
        Self {
            node,
            pods,
            reading,
            key,
            earlier,
            waits: Waits::default(),
            reasons: BTreeMap::new(),
            withheld: Vec::new(),
            unidentified: Vec::new(),
        }
    }

    /// The endpoint with its pod, where that is the subject's, or may be and stays meanwhile.
    fn sift(&mut self, endpoint: &Endpoint) -> Option<Endpoint> {
        if endpoint.node.as_deref() != Some(self.node) {
            return Some(endpoint.clone());
        }
        let pod = match self.standing(endpoint.address) {
            PodOwnership::Own(name) => Some(name),
            PodOwnership::Stays => None,
            PodOwnership::Withheld(known) => {
                self.withheld.push(endpoint.address);
                self.unidentified.extend((known == PodKnowledge::Unknown).then_some(endpoint.address));
                return None;
            }
        };
        Some(Endpoint { pod, ..endpoint.clone() })
    }

    fn standing(&mut self, address: IpAddr) -> PodOwnership {
        match self.pods.whose(address, &self.key.namespace) {
            PodOwner::Own(name) => PodOwnership::Own(name.clone()),
            PodOwner::Foreign(other) => {
                self.withhold(address, Reason::Foreign(other.to_owned()));
                PodOwnership::Withheld(PodKnowledge::Known)
            }
            PodOwner::Nodes => {
                self.withhold(address, Reason::Nodes);
                PodOwnership::Withheld(PodKnowledge::Known)
            }
            PodOwner::Contested(other) => self.wait(address, Reason::Contested(other.to_owned())),
            PodOwner::Unknown => self.wait(address, Reason::Unknown),
        }
    }

    fn withhold(&mut self, address: IpAddr, why: Reason) {
        self.reasons.entry(why).or_default().push(address);
    }

    fn wait(&mut self, address: IpAddr, why: Reason) -> PodOwnership {
        let wait = self.earlier.wait_for(self.node, address);
        let wait = match self.reading {
            TableReading::Now => wait.without_staying_longer(),
            TableReading::Last => wait,
        };
        self.waits.insert(address, wait);
        match wait {
            Wait::Stays(_) => PodOwnership::Stays,
            Wait::Held(until) => {
                if until.is_over() {
                    self.withhold(address, why);
                }
                PodOwnership::Withheld(PodKnowledge::Unknown)
            }
        }
    }

    /// One for each reason, however many endpoints there are.
    fn findings(&self) -> impl Iterator<Item = Finding> {
        self.reasons.iter().filter_map(|(why, addresses)| {
            let endpoint = format!("endpoint {}", first_of(*addresses.first()?, addresses.len() - 1));
            Some(why.finding(self.key.kind, &endpoint, self.reading))
        })
    }
}

impl EarlierEndpoints<'_> {
    /// How an endpoint waits on this node: as before, or from now on.
    fn wait_for(self, node: &str, address: IpAddr) -> Wait {
        let is_in_force = match self {
            Self::Looked(view, waits) => match waits.get(address) {
                Some(wait) => return wait,
                None => is_left_of(view, node, address),
            },
            Self::Remembered(draft) => draft.rules().iter().any(|rule| rule.sources().contains(&address)),
            Self::Nothing => false,
        };
        if is_in_force { Wait::staying() } else { Wait::held() }
    }
}

/// Endpoints are sorted by address, and each has one.
fn is_left_of(view: &SubjectView, node: &str, address: IpAddr) -> bool {
    let at = view.subject.endpoints.binary_search_by_key(&address, |endpoint| endpoint.address).ok();
    let endpoint = at.and_then(|at| view.subject.endpoints.get(at));
    endpoint.is_some_and(|endpoint| endpoint.node.as_deref() == Some(node))
}
