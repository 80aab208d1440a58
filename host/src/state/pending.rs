//! What is to be written down: the newest of everything, so that a slow disk costs no more than there is to remember.

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::decision::Draft;
use egressd_core::model::{Labels, PolicyObject};
use egressd_core::pipeline::{SignOfLife, Updates};

use super::networks::KnownNetworks;

pub(crate) type Objects = BTreeMap<String, Arc<PolicyObject>>;

/// What has to be on the disk before what follows from it comes into force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promised {
    pub(crate) networks: Option<KnownNetworks>,
    pub(crate) accepted: Updates<Labels>,
    /// Exactly those in force; none where they did not change.
    pub(crate) policies: Option<Objects>,
}

/// All that is to be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) promised: Promised,
    pub(crate) drafts: Updates<Draft>,
    pub(crate) sign: Option<SignOfLife>,
}

impl Promised {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { networks, accepted, policies } = self;
        networks.is_none() && accepted.is_empty() && policies.is_none()
    }

    /// Takes in what is newer, which counts.
    fn add(&mut self, newer: Self) {
        let Self { networks, accepted, policies } = newer;
        self.networks = networks.or(self.networks.take());
        self.accepted.extend(accepted);
        self.policies = policies.or(self.policies.take());
    }
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { promised, drafts, sign } = self;
        promised.is_empty() && drafts.is_empty() && sign.is_none()
    }

    /// Takes in what is newer, which counts.
    pub(crate) fn add(&mut self, newer: Self) {
        let Self { promised, drafts, sign } = newer;
        self.promised.add(promised);
        self.drafts.extend(drafts);
        self.sign = sign.or(self.sign.take());
    }
}
