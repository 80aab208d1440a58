//! What the state channel says against what the kernel does with packets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use egressd_core::compile::{compile, table_names};
use egressd_core::model::{Snapshot, SubjectKey};
use egressd_core::net::MarkBit;
use egressd_core::pipeline::Round;
use egressd_core::plan::SubjectPlan;
use egressd_core::ruleset::{Ruleset, TableNames, marks};
use egressd_core::status::{SubjectStatus, UNDER_WAY};
use egressd_core::testkit::{Packet, Seen, a, promised, trace, whole};

use crate::state_channel::DaemonState;

/// A packet from a pod to the outside.
pub(super) fn outwards(pod: IpAddr) -> Packet {
    Packet::new(pod, a("198.51.100.7"))
}

/// Whether all of a Service's newest state is reported as in force.
fn is_claimed(status: &SubjectStatus) -> bool {
    !status.is_held_back() && status.findings.iter().all(|finding| finding.code != UNDER_WAY)
}

/// What is compared.
#[derive(Debug)]
pub(super) struct Claims {
    /// The pods that each Service ever had.
    pub(super) pods: BTreeMap<SubjectKey, BTreeSet<IpAddr>>,
}

impl Claims {
    /// About the Services of a state.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let pods = |key: &SubjectKey| {
            let slices = snapshot.slices.get(key).into_iter().flat_map(|slices| slices.values());
            slices.flat_map(|slice| slice.endpoints.iter()).map(|endpoint| endpoint.address).collect()
        };
        let pods = snapshot.services.keys().map(|key| (key.clone(), pods(key))).collect();
        Self { pods }
    }

    /// Asserts that no Service is reported to be in force as the kernel does not have it; and without trouble, that the kernel
    /// has exactly the plan.
    pub(super) fn compare(&self, newest: &DaemonState, kernel: &Ruleset) {
        let Some(in_force) = newest.in_force.as_deref().map(whole) else { return };
        let waiting = in_force.statuses.iter().filter(|(_, status)| !is_claimed(status)).map(|(key, _)| key.clone());
        let waiting: BTreeSet<SubjectKey> = waiting.collect();
        if waiting.is_empty() && newest.trouble.is_none() {
            // Whether they mark packets follows from the kernel.
            let tables = TableNames { marks: marks(kernel).then_some(MarkBit::DEFAULT), ..table_names(None) };
            assert_eq!(*kernel, compile(&in_force.plan, &tables), "reported, and what the kernel has");
        }
        for pod in self.claimed(&in_force, &waiting) {
            let packet = outwards(pod);
            let promised = promised(&in_force.plan, &packet).map_or(Seen::Untranslated, Seen::As);
            assert_eq!(trace(kernel, &packet), promised, "{pod} against what is reported");
        }
    }

    /// The pods that are reported on: those of no Service that waits for the kernel.
    fn claimed(&self, in_force: &Round, waiting: &BTreeSet<SubjectKey>) -> BTreeSet<IpAddr> {
        let sources = |service: &SubjectPlan| -> Vec<IpAddr> {
            service.rules.iter().flat_map(|rule| rule.sources().to_vec()).collect()
        };
        let pods_of = |key: &SubjectKey| -> BTreeSet<IpAddr> {
            let planned = in_force.plan.subjects.get(key).map(sources).unwrap_or_default();
            planned.into_iter().chain(self.pods.get(key).into_iter().flatten().copied()).collect()
        };
        let waiting: BTreeSet<IpAddr> = waiting.iter().flat_map(pods_of).collect();
        in_force.statuses.keys().flat_map(pods_of).filter(|pod| !waiting.contains(pod)).collect()
    }
}
