//! How long an endpoint waits for its pod, and a pod for its slice.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::early::EarlyPod;

/// The longest wait. The kubelet writes a pod's address before any slice can have it, so that the two are apart by no
/// more than two watches are, and the time that the endpoint-slice controller takes.
pub const MAX_POD_WAIT: Duration = Duration::from_secs(2);

/// The endpoints of one Service that wait for their pods, and its pods that wait for a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    for_pods: BTreeMap<IpAddr, Wait>,
    /// All pods that the selector matches.
    for_slices: BTreeMap<IpAddr, EarlyPod>,
}

impl Waits {
    pub(super) fn get(&self, address: IpAddr) -> Option<Wait> {
        self.for_pods.get(&address).copied()
    }

    pub(super) fn insert(&mut self, address: IpAddr, wait: Wait) {
        self.for_pods.insert(address, wait);
    }

    pub(super) fn early(&self, address: IpAddr) -> Option<&EarlyPod> {
        self.for_slices.get(&address)
    }

    pub(super) fn insert_early(&mut self, address: IpAddr, pod: EarlyPod) {
        self.for_slices.insert(address, pod);
    }

    /// Whether one of its endpoints is a pod that no slice lists.
    pub fn has_early(&self) -> bool {
        self.for_slices.values().any(|pod| !pod.until.is_over())
    }

    /// When the first of them is over; those that did not begin begin now.
    pub fn begin(&mut self, now: Duration) -> Option<Duration> {
        self.clocks().filter_map(|until| until.begin(now)).min()
    }

    /// Whether one of them is over now that was not before.
    pub fn end(&mut self, now: Duration) -> bool {
        self.clocks().filter_map(|until| until.end(now)).count() > 0
    }

    fn clocks(&mut self) -> impl Iterator<Item = &mut Until> {
        let for_slices = self.for_slices.values_mut().map(|pod| &mut pod.until);
        self.for_pods.values_mut().map(Wait::clock).chain(for_slices)
    }
}

/// What becomes of an endpoint while its pod is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It was in force, and stays.
    Stays(Until),
    /// It is new, and is held back.
    Held(Until),
}

impl Wait {
    pub(super) fn staying() -> Self {
        Self::Stays(Until::NotBegun)
    }

    pub(super) fn held() -> Self {
        Self::Held(Until::NotBegun)
    }

    /// What stayed so long as it may is held back from now on.
    pub(super) fn without_staying_longer(self) -> Self {
        match self {
            Self::Stays(Until::Over) => Self::Held(Until::Over),
            Self::Stays(Until::NotBegun | Until::At(_) | Until::Announced) | Self::Held(_) => self,
        }
    }

    fn clock(&mut self) -> &mut Until {
        match self {
            Self::Stays(until) | Self::Held(until) => until,
        }
    }
}

/// When a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// It has not begun: a pure function knows no time.
    NotBegun,
    /// At this time.
    At(Duration),
    /// It begins when what it waits for can come.
    Announced,
    /// The wait is over.
    Over,
}

impl Until {
    pub(super) fn is_over(self) -> bool {
        match self {
            Self::Over => true,
            Self::NotBegun | Self::At(_) | Self::Announced => false,
        }
    }

    fn begin(&mut self, now: Duration) -> Option<Duration> {
        match self {
            Self::NotBegun => {
                *self = Self::At(now + MAX_POD_WAIT);
                Some(now + MAX_POD_WAIT)
            }
            Self::At(at) => Some(*at),
            Self::Announced | Self::Over => None,
        }
    }

    fn end(&mut self, now: Duration) -> Option<()> {
        match self {
            Self::At(at) if *at <= now => {
                *self = Self::Over;
                Some(())
            }
            Self::NotBegun | Self::At(_) | Self::Announced | Self::Over => None,
        }
    }
}
