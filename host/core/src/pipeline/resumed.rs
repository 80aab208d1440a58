//! The pods that began while no egressd ran: after a start they count like those that begin while one runs (P11). Pods of
//! which nothing shows that they began then count as running before, and nothing of theirs ends (P16).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Pipeline;
use crate::model::{KnownPods, Pod, PodNetwork, Pods, Uid, UnixTime};

/// How old a sign may be where no tables were left, in seconds: a machine starts within that, and who installs egressd again
/// later has connections that are to stay.
const MOST_WITHOUT_TABLES: i64 = 600;

/// How many pods begin at one time at most, as far as they are remembered.
const MOST_BEGINNING: usize = 1024;

/// How many seconds after the start of a process pods may have begun that it finds then: it may wait for the API server.
const MOST_AFTER_START: i64 = 60;

/// The last sign of life of an egressd, for the next one on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOfLife {
    /// Pods that began by then were seen to, by the node's clock.
    pub at: UnixTime,
    /// All but these: they had no address yet, or no rules.
    pub beginning: BTreeSet<Uid>,
}

/// What an earlier process left.
#[derive(Debug)]
pub(super) struct EarlierProcess {
    sign: SignOfLife,
    /// When the next one began. A start that is much later was written by a clock that was ahead.
    now: UnixTime,
    /// The pods that the tables it left translate: what they sent was looked at when these rules came into force.
    translated: BTreeSet<IpAddr>,
    /// The lives of subjects that it had accepted.
    subjects: Arc<BTreeSet<Uid>>,
}

impl Pipeline {
    /// Goes on after an earlier process that left this sign of life and tables that translate these pods, none where they
    /// translate none, at `now`. A sign from the future comes from another clock, and says nothing.
    pub fn resume(&mut self, sign: Option<SignOfLife>, left: Option<BTreeSet<IpAddr>>, now: UnixTime) {
        let earliest = left.is_none().then(|| now.0.saturating_sub(MOST_WITHOUT_TABLES));
        let counts = |sign: &SignOfLife| sign.at <= now && earliest.is_none_or(|earliest| sign.at.0 >= earliest);
        let Some(sign) = sign.filter(counts) else { return };
        let translated = left.unwrap_or_default();
        let subjects = self.accepted().keys().chain(self.drafts().keys()).cloned().collect();
        self.begun.resume(EarlierProcess { sign, now, translated, subjects: Arc::new(subjects) });
    }

    /// The sign of life to leave now, `at` this time; none while it is not known which pods there are.
    pub fn sign_of_life(&self, at: UnixTime, now: Duration) -> Option<SignOfLife> {
        let pods = match &self.newest.pods {
            KnownPods::NotWatched => return Some(SignOfLife { at, beginning: BTreeSet::new() }),
            KnownPods::LastKnown(_) => return None,
            KnownPods::Complete(pods) => pods,
        };
        let waiting = self.begun.names(now).filter_map(|name| pods.get(name));
        let beginning = waiting.chain(pods.without_address()).map(|pod| pod.uid.clone());
        Some(SignOfLife { at, beginning: beginning.take(MOST_BEGINNING).collect() })
    }
}

impl EarlierProcess {
    /// The addresses of pods that began after it, each with its pod.
    pub(super) fn begun_since<'a>(&'a self, pods: &'a Pods) -> impl Iterator<Item = (IpAddr, &'a Pod)> {
        let left = pods.own_addresses().filter(|address| !self.translated.contains(address));
        left.filter_map(|address| Some((address, self.begun_at(pods, address)?)))
    }

    /// The lives of subjects that it had accepted.
    pub(super) fn subjects(&self) -> &Arc<BTreeSet<Uid>> {
        &self.subjects
    }

    /// Of several pods at one address all have to be new, or connections of an older one would end.
    fn begun_at<'a>(&self, pods: &'a Pods, address: IpAddr) -> Option<&'a Pod> {
        let own = || pods.at(address).filter(|pod| pod.network == PodNetwork::Own);
        own().all(|pod| self.is_before(pod)).then(own)?.next()
    }

    /// Whether a pod began after its sign, or was about to begin.
    fn is_before(&self, pod: &Pod) -> bool {
        let latest = self.now.0.saturating_add(MOST_AFTER_START);
        let began = |started: UnixTime| started > self.sign.at && started.0 <= latest;
        self.sign.beginning.contains(&pod.uid) || pod.started.is_some_and(began)
    }
}
