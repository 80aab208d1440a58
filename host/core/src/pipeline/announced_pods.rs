//! Pods whose addresses are announced before their status has them: by whoever sets up their network, which knows an
//! address before any program of the pod runs. An announcement is about a pod that the node knows as an object; it adds
//! the addresses, and nothing else about the pod.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{KnownPods, ObjectReference, Phase, Pod, PodNetwork, Pods, Uid};

/// How long an announcement counts while the status of its pod has no addresses. The kubelet writes them soon after the pod's
/// network is set up, and again while it cannot; where it began 200 pods at once, up to 80 s later. A pod that goes, or
/// another announcement of it, ends it at once.
pub const MAX_ANNOUNCED: Duration = Duration::from_mins(10);

/// How many announcements are kept; the oldest goes first. A node has some hundred pods.
const MOST_ANNOUNCED: usize = 1024;

/// The addresses of a pod, as whoever sets up its network states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodAnnouncement {
    pub pod: ObjectReference,
    /// Which life of it, where that is stated.
    pub uid: Option<Uid>,
    pub addresses: Vec<IpAddr>,
}

/// The announcements that count.
#[derive(Clone, Debug, Default)]
pub(super) struct AnnouncedPods {
    /// With the time until which it counts.
    all: BTreeMap<ObjectReference, (PodAnnouncement, Duration)>,
}

impl PodAnnouncement {
    /// Whether it is about this life of the pod of its name.
    pub(super) fn is_about(&self, pod: &Pod) -> bool {
        self.pod == pod.name && self.uid.as_ref().is_none_or(|uid| *uid == pod.uid)
    }

    /// Whether the pod's status has what was announced, or something else since then, or never will. What it had before is
    /// that of an earlier sandbox, which a kubelet reports until it has looked at the new one.
    fn is_settled_by(&self, pod: &Pod, before: Option<&Pod>) -> bool {
        let has_all = self.addresses.iter().all(|address| pod.addresses.contains(address));
        let earlier = before.filter(|before| before.uid == pod.uid).map(|before| &before.addresses);
        let is_new = !pod.addresses.is_empty() && earlier != Some(&pod.addresses);
        let never_will = pod.phase == Phase::Ended || pod.network == PodNetwork::Host;
        self.is_about(pod) && (has_all || is_new || never_will)
    }
}

impl AnnouncedPods {
    /// Takes in an announcement in the place of an earlier one about its pod; returns the addresses that this is about.
    pub(super) fn add(&mut self, announcement: PodAnnouncement, now: Duration) -> BTreeSet<IpAddr> {
        let mut about: BTreeSet<IpAddr> = announcement.addresses.iter().copied().collect();
        if self.all.len() >= MOST_ANNOUNCED && !self.all.contains_key(&announcement.pod) {
            let oldest = self.all.iter().min_by_key(|(_, (_, until))| *until).map(|(pod, _)| pod.clone());
            about.extend(oldest.into_iter().flat_map(|pod| self.remove(&pod)));
        }
        let name = announcement.pod.clone();
        let ended: Vec<ObjectReference> = self.sharing(&announcement).chain([name.clone()]).collect();
        about.extend(ended.iter().flat_map(|pod| self.remove(pod)));
        self.all.insert(name, (announcement, now + MAX_ANNOUNCED));
        about
    }

    /// Drops what an object shows by now, and what was about pods that are gone; returns their addresses.
    pub(super) fn settle(&mut self, before: &KnownPods, now: &KnownPods) -> BTreeSet<IpAddr> {
        let Some(pods) = now.table() else { return BTreeSet::new() };
        let earlier = |announcement: &PodAnnouncement| before.table()?.get(&announcement.pod);
        let is_over = |announcement: &PodAnnouncement| match pods.get(&announcement.pod) {
            Some(pod) if announcement.is_about(pod) => announcement.is_settled_by(pod, earlier(announcement)),
            Some(_) | None => earlier(announcement).is_some_and(|pod| announcement.is_about(pod)),
        };
        let over = self.all.values().map(|(announcement, _)| announcement).filter(|announcement| is_over(announcement));
        let over: Vec<ObjectReference> = over.map(|announcement| announcement.pod.clone()).collect();
        over.iter().flat_map(|pod| self.remove(pod)).collect()
    }

    /// Drops those whose time is over; returns their addresses.
    pub(super) fn end(&mut self, now: Duration) -> BTreeSet<IpAddr> {
        let over = self.all.iter().filter(|(_, (_, until))| *until <= now).map(|(pod, _)| pod.clone());
        over.collect::<Vec<_>>().iter().flat_map(|pod| self.remove(pod)).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// When the time of the first is over.
    pub(super) fn next(&self) -> Option<Duration> {
        self.all.values().map(|(_, until)| *until).min()
    }

    /// Whether the addresses of a pod are announced.
    pub(super) fn has(&self, pod: &Pod) -> bool {
        self.all.get(&pod.name).is_some_and(|(announcement, _)| announcement.is_about(pod))
    }

    /// The pods with the announced addresses.
    pub(super) fn over(&self, reported: &KnownPods) -> KnownPods {
        match reported {
            KnownPods::NotWatched => KnownPods::NotWatched,
            KnownPods::Complete(pods) => KnownPods::Complete(self.added_to(pods)),
            KnownPods::LastKnown(pods) => KnownPods::LastKnown(self.added_to(pods)),
        }
    }

    fn added_to(&self, pods: &Pods) -> Pods {
        let mut with = pods.clone();
        for (announcement, _) in self.all.values() {
            if let Some(pod) = pods.get(&announcement.pod).filter(|pod| announcement.is_about(pod)) {
                with.insert(Arc::new(Pod { addresses: announcement.addresses.clone(), ..pod.clone() }));
            }
        }
        with
    }

    /// The other pods that one of its addresses was announced of: it is theirs no more.
    fn sharing(&self, announcement: &PodAnnouncement) -> impl Iterator<Item = ObjectReference> {
        let shares = |other: &PodAnnouncement| other.addresses.iter().any(|it| announcement.addresses.contains(it));
        let all = self.all.values().map(|(other, _)| other);
        all.filter(move |other| shares(other)).map(|other| other.pod.clone())
    }

    fn remove(&mut self, pod: &ObjectReference) -> BTreeSet<IpAddr> {
        let removed = self.all.remove(pod);
        removed.into_iter().flat_map(|(announcement, _)| announcement.addresses).collect()
    }
}
