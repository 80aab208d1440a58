//! The connections that went through the tunnel, where nothing sends them there any more: they end before what holds them
//! back goes (P16).
//!
//! Such a connection keeps the pod's own source, so that no other program translates it: as soon as its packets are
//! neither sent into the tunnel nor dropped, they leave with that. It is known by the tunnel's bit in its mark, which
//! it has as long as it lives.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use crate::effect::{Effect, Phase};
use crate::net::{Family, MarkBit};
use crate::ruleset::{DIVERTED, Ruleset, TUNNEL_GUARD, Table};

/// Which connections are to end: those that are there, whoever made them and whatever program ran then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DivertedFlows {
    /// What their marks have.
    pub bit: MarkBit,
    /// All of these.
    pub families: BTreeSet<Family>,
    /// Those that these pods began.
    pub pods: BTreeSet<IpAddr>,
}

impl DivertedFlows {
    /// What is left behind where `before` sends into the tunnel, or holds back what was sent there, and `after` does not. Both
    /// say all about the same pods. None where nothing is.
    pub fn left_behind(before: &Ruleset, after: &Ruleset, bit: MarkBit) -> Option<Self> {
        let mut left = Self { bit, families: BTreeSet::new(), pods: BTreeSet::new() };
        for (table_family, old) in &before.tables {
            let (Some(family), new) = (table_family.addresses(), after.tables.get(table_family)) else { continue };
            if holds_back(old) && !new.is_some_and(holds_back) {
                left.families.insert(family);
                continue;
            }
            let staying: BTreeSet<IpAddr> = new.into_iter().flat_map(diverted).collect();
            left.pods.extend(diverted(old).filter(|pod| !staying.contains(pod)));
        }
        (!left.families.is_empty() || !left.pods.is_empty()).then_some(left)
    }

    /// Whether a connection is one of them.
    pub fn have(&self, source: IpAddr, mark: u32) -> bool {
        self.bit.is_in(mark) && (self.families.contains(&Family::of(source)) || self.pods.contains(&source))
    }

    /// As an effect: after the last packet was sent into the tunnel, and before anything that holds back goes.
    pub fn into_effect(self) -> Effect<Self> {
        Effect { phase: Phase::Sever, change: self }
    }
}

fn holds_back(table: &Table) -> bool {
    table.chains.contains_key(&TUNNEL_GUARD)
}

fn diverted(table: &Table) -> impl Iterator<Item = IpAddr> {
    let map = table.maps.get(&DIVERTED);
    map.into_iter().flat_map(|map| map.elements.keys()).map(|key| key.address())
}

impl Display for DivertedFlows {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bit = self.bit.mask();
        for family in &self.families {
            let family = match family {
                Family::Ipv4 => "ipv4",
                Family::Ipv6 => "ipv6",
            };
            writeln!(f, "conntrack --delete --family {family} --mark {bit:#x}/{bit:#x}")?;
        }
        let mut pods = self.pods.iter();
        pods.try_for_each(|pod| writeln!(f, "conntrack --delete --orig-src {pod} --mark {bit:#x}/{bit:#x}"))
    }
}
