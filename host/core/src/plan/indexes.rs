//! The numbers of the addresses that other nodes hold.
//!
//! A mark says no address, only its number. So a number stands for one address as long as tables have it anywhere: an
//! element that is kept, or that waits for its slice, would otherwise lead to the gateway of another address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::net::{Family, GatewayIndex};

/// Which number each address has on this node, in its family; beside the addresses that need one now, those that
/// tables may have still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayIndexes(BTreeMap<IpAddr, GatewayIndex>);

/// The numbers that tables have, and the address that each stands for, as far as the tables say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexesInUse(BTreeMap<(Family, GatewayIndex), InUse>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InUse {
    For(IpAddr),
    Unknown,
    /// Different elements say different ones.
    Contradicting,
}

impl GatewayIndexes {
    /// The number of an address; none while all [`GatewayIndex::COUNT`] of its family are taken.
    pub fn of(&self, address: IpAddr) -> Option<GatewayIndex> {
        self.0.get(&address).copied()
    }

    /// The numbers from now on, where `needed` are all addresses that need one. What has one keeps it, and what comes
    /// gets the lowest that is free in its family, in the order of addresses, as long as there is one. `in_use` is asked
    /// only where something comes. It is to name all numbers that packets may meet: those of the applied tables, and of
    /// a change that is under way.
    #[must_use]
    pub fn next(&self, needed: &BTreeSet<IpAddr>, in_use: impl FnOnce() -> IndexesInUse) -> Self {
        let coming: Vec<IpAddr> = needed.iter().copied().filter(|address| self.lacks(needed, *address)).collect();
        if coming.is_empty() {
            return self.clone();
        }
        let in_use = in_use();
        let mut next = self.clone();
        next.0.retain(|address, index| needed.contains(address) || in_use.has(Family::of(*address), *index));
        next.adopt(&in_use);
        for address in coming {
            if let (None, Some(free)) = (next.of(address), next.lowest_free(Family::of(address), &in_use)) {
                next.0.insert(address, free);
            }
        }
        next
    }

    /// Whether it has no number, and might get one.
    fn lacks(&self, needed: &BTreeSet<IpAddr>, address: IpAddr) -> bool {
        let is_of_family = |one: &&IpAddr| Family::of(**one) == Family::of(address);
        let taken = || self.0.keys().filter(is_of_family).filter(|one| needed.contains(one)).count();
        self.of(address).is_none() && taken() < usize::from(GatewayIndex::COUNT)
    }

    /// What an earlier process numbered.
    fn adopt(&mut self, in_use: &IndexesInUse) {
        for (index, address) in in_use.known() {
            let family = Family::of(address);
            if self.of(address).is_none() && !self.taken(family).contains(&index) {
                self.0.insert(address, index);
            }
        }
    }

    fn lowest_free(&self, family: Family, in_use: &IndexesInUse) -> Option<GatewayIndex> {
        let taken = self.taken(family);
        GatewayIndex::all().find(|index| !taken.contains(index) && !in_use.has(family, *index))
    }

    fn taken(&self, family: Family) -> BTreeSet<GatewayIndex> {
        let of_family = self.0.iter().filter(|(address, _)| Family::of(**address) == family);
        of_family.map(|(_, index)| *index).collect()
    }
}

impl IndexesInUse {
    /// Takes in that a table of the family has a number, and for which address if that is known.
    pub fn add(&mut self, family: Family, index: GatewayIndex, address: Option<IpAddr>) {
        let stated = address.map_or(InUse::Unknown, InUse::For);
        let known = self.0.entry((family, index)).or_insert(stated);
        *known = match (*known, stated) {
            (InUse::Unknown, stated) => stated,
            (known, InUse::Unknown) => known,
            (InUse::For(known), InUse::For(other)) if known == other => stated,
            (InUse::For(_) | InUse::Contradicting, InUse::For(_) | InUse::Contradicting) => InUse::Contradicting,
        };
    }

    fn has(&self, family: Family, index: GatewayIndex) -> bool {
        self.0.contains_key(&(family, index))
    }

    fn known(&self) -> impl Iterator<Item = (GatewayIndex, IpAddr)> {
        self.0.iter().filter_map(|((_, index), used)| match used {
            InUse::For(address) => Some((*index, *address)),
            InUse::Unknown | InUse::Contradicting => None,
        })
    }
}
