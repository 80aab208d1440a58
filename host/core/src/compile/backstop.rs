//! The desired policies of the guard's backstop ([`crate::node::Xfrm`]).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::names::Objects;
use crate::net::{AddressRange, Family, MarkBit, merge_ranges};
use crate::node::{XfrmMaker, XfrmPolicy, XfrmRule};
use crate::ruleset::{MARKING, Ruleset, Set, guarded};

/// Whether a pod is guarded by these tables.
pub fn is_guarding(tables: &Ruleset) -> bool {
    tables.tables.values().any(|table| guarded(table).next().is_some())
}

fn ranges(set: &Set) -> Vec<AddressRange> {
    match set {
        Set::Ranges(_, ranges) => ranges.clone(),
        Set::Addresses(_, addresses) => addresses.iter().copied().map(AddressRange::from).collect(),
        Set::Keys(..) | Set::Timed(_) => Vec::new(),
    }
}

/// What all policies of an egressd have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XfrmStamp {
    pub maker: XfrmMaker,
    pub bit: MarkBit,
}

/// Whose packets are to be blocked while egressd's tables are lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backstop {
    pub pods: BTreeSet<IpAddr>,
    /// Where all pods may send packets nevertheless.
    pub inside: Vec<AddressRange>,
}

impl Backstop {
    /// Of the tables in force, as far as they mark packets.
    pub fn of(tables: &Ruleset) -> Self {
        let (objects, mut backstop) = (Objects::default(), Self::default());
        for table in tables.tables.values().filter(|table| table.chains.contains_key(&MARKING)) {
            backstop.pods.extend(guarded(table));
            let sets = [&objects.excluded, &objects.inside].into_iter().filter_map(|name| table.sets.get(name));
            backstop.inside.extend(sets.flat_map(ranges));
        }
        backstop
    }

    /// None of a family without guarded pods: each policy costs the packets of all pods.
    pub fn policies(&self, stamp: XfrmStamp) -> BTreeSet<XfrmPolicy> {
        let guarded: BTreeSet<Family> = self.pods.iter().copied().map(Family::of).collect();
        let inside = merge_ranges(self.inside.iter().copied().filter(|range| guarded.contains(&range.family())));
        let inside = inside.into_iter().flat_map(AddressRange::networks).map(XfrmRule::Inside);
        let pods = self.pods.iter().copied().map(XfrmRule::Pod);
        let XfrmStamp { maker, bit } = stamp;
        inside.chain(pods).map(|rule| XfrmPolicy { rule, bit, maker }).collect()
    }
}
