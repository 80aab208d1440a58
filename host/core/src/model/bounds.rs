//! Bounds on the stored part of a Service. Fields that nothing reads are dropped on input, and those that are read are
//! bounded, so that a Service costs at most a few times the bytes that can matter.

use super::{Labels, Service, ServiceType};

/// kubectl's copy of the whole object: large, and nothing reads it.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What is kept of the annotations of a Service that can have no rules, in bytes, and likewise of its labels: policies
/// may report that egress is asked for there, and need no more than a few short values for that.
const MOST_BYTES: usize = 4096;

/// The longest of these values that is kept.
const MOST_VALUE: usize = 256;

/// Most entries of a list that Kubernetes itself does not bound, where no rule can follow from it.
const MOST_ENTRIES: usize = 16;

/// The longest text that can be an address.
const MOST_ADDRESS: usize = 64;

/// The longest name that Kubernetes takes: a DNS name, a slash, a label.
const MOST_NAME: usize = 253 + 1 + 63;

impl Service {
    /// The same without what nothing reads, and with bounds on the rest.
    #[must_use]
    pub fn within_bounds(mut self) -> Self {
        self.annotations.remove(LAST_APPLIED);
        self.status_hostnames.retain(|name| name.len() <= MOST_NAME);
        self.status_hostnames.truncate(MOST_ENTRIES);
        self.spec_address = self.spec_address.filter(|text| text.len() <= MOST_ADDRESS);
        self.load_balancer_class = self.load_balancer_class.filter(|class| class.len() <= MOST_NAME);
        self.selection = self.selection.within_bounds();
        match self.kind {
            ServiceType::LoadBalancer => self,
            ServiceType::ClusterIp | ServiceType::NodePort | ServiceType::ExternalName => self.without_rules(),
        }
    }

    /// The same as a Service for which nothing can be translated.
    fn without_rules(mut self) -> Self {
        keep_short(&mut self.annotations);
        keep_short(&mut self.labels);
        self.status_addresses.clear();
        self.status_hostnames.clear();
        self.cluster_addresses.truncate(MOST_ENTRIES);
        self.families.truncate(MOST_ENTRIES);
        self.ports.truncate(MOST_ENTRIES);
        self.ports.iter_mut().for_each(|port| port.name = port.name.take().filter(|name| name.len() <= MOST_NAME));
        self
    }
}

pub(super) fn keep_short(labels: &mut Labels) {
    let mut left = MOST_BYTES;
    labels.retain(|name, value| {
        let bytes = name.len() + value.len();
        let kept = value.len() <= MOST_VALUE && bytes <= left;
        left -= if kept { bytes } else { 0 };
        kept
    });
}

/// Whether all of them would be kept.
pub(super) fn is_short(labels: &Labels) -> bool {
    let mut kept = labels.clone();
    keep_short(&mut kept);
    kept.len() == labels.len()
}
