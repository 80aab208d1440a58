//! EgressNodes: what nodes publish about themselves, cut to what other nodes use of it.

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{EgressNode, MOST_PUBLISHED_ADDRESSES};

use super::address::address;
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;
use crate::egress_node::mark;
use crate::source::documents::Object;

/// An EgressNode. Of too many addresses the first count.
pub(super) fn egress_node(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Object, Unreadable> {
    let name = metadata::name(root)?;
    let field = root.object("spec")?.get("addresses");
    let items = field.list()?;
    if items.len() > MOST_PUBLISHED_ADDRESSES {
        faults.push(field.fault("a list of at most 256 addresses"));
    }
    let items = items.iter().take(MOST_PUBLISHED_ADDRESSES);
    let addresses: Vec<IpAddr> = items.filter_map(|item| kept(address(item), faults)).collect();
    let mark = root.value().map(mark).unwrap_or_default();
    Ok(Object::EgressNode(name, Arc::new(EgressNode { addresses: addresses.into(), mark })))
}
