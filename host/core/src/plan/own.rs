//! The current endpoints and addresses of a subject on this node: the limit of what may stay applied where the earlier
//! plan is unknown.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::NodeContext;
use crate::model::{SubjectKey, SubjectView};

/// The endpoints and addresses of a subject in the newest state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectAddresses {
    /// Which Service.
    pub key: SubjectKey,
    /// Its endpoints on this node.
    pub pods: BTreeSet<IpAddr>,
    /// What they may be translated to here.
    pub addresses: BTreeSet<IpAddr>,
}

impl SubjectAddresses {
    /// What is its own, by the same rules as for what is planned.
    pub fn of(here: NodeContext<'_>, view: &SubjectView) -> Self {
        let pods = view.local_endpoints(here.context).map(|endpoint| endpoint.address);
        Self {
            key: view.subject.key().clone(),
            pods: pods.filter(|pod| !here.ownership.is_on_an_interface(*pod)).collect(),
            addresses: view
                .subject
                .addresses
                .iter()
                .copied()
                .filter(|address| here.why_not_owner(view, *address).is_none())
                .collect(),
        }
    }
}
