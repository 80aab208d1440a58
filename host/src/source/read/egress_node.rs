//! EgressNodes: what nodes publish about themselves, cut to what other nodes use of it.

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{Completeness, EgressNode, HeldAddresses, MOST_HELD_ADDRESSES, MOST_PUBLISHED_ADDRESSES};

use super::address::address;
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::{metadata, tunnels};
use crate::egress_node::mark;
use crate::source::documents::Object;

/// An EgressNode. Of too many addresses the first count.
pub(super) fn egress_node(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Object, Unreadable> {
    let name = metadata::name(root)?;
    let spec = root.object("spec")?;
    let field = spec.get("addresses");
    let items = field.list()?;
    let before = faults.len();
    if items.len() > MOST_PUBLISHED_ADDRESSES {
        faults.push(field.fault("a list of at most 256 addresses"));
    }
    let items = items.iter().take(MOST_PUBLISHED_ADDRESSES);
    let addresses: Vec<IpAddr> = items.filter_map(|item| kept(address(item), faults)).collect();
    let completeness = if faults.len() == before { Completeness::Whole } else { Completeness::Partial };
    let held = held(&spec.get("held"), faults);
    let tunnels = tunnels::tunnels(&spec.get("tunnels"), faults);
    let mark = root.value().map(mark).unwrap_or_default();
    let node = EgressNode { addresses: addresses.into(), completeness, held, tunnels, mark };
    Ok(Object::EgressNode(name, Arc::new(node)))
}

/// What the node holds. Without an address that cannot be read, it is not known to hold no other.
fn held(field: &Field<'_>, faults: &mut Vec<Fault>) -> HeldAddresses {
    let mut unread = Vec::new();
    let items = field.items(&mut unread);
    if items.len() > MOST_HELD_ADDRESSES {
        unread.push(field.fault("a list of at most 1024 addresses"));
    }
    let items = items.iter().take(MOST_HELD_ADDRESSES);
    let addresses: Vec<IpAddr> = items.filter_map(|item| kept(address(item), &mut unread)).collect();
    let completeness = if unread.is_empty() { Completeness::Whole } else { Completeness::Partial };
    faults.append(&mut unread);
    HeldAddresses::new(addresses, completeness)
}

#[cfg(test)]
#[path = "egress_node_tests.rs"]
mod tests;
