//! The order in which the new elements of one pod are added.
//!
//! The kernel asks about a packet by one look-up after the other, and the first that finds something decides. Each
//! look-up is of its own moment. So what is asked first comes first, and what is asked later comes in a later batch,
//! wherever a packet could find the one or the other: a packet that has passed the first look-up before its element was
//! there would find the second, which is neither what was before nor what is to be. What goes away goes in one batch
//! after all that comes: until then it decides only for packets that find nothing of the new state before it.
//!
//! Elements by prefix of a pod that is not looked up by prefix yet are found by no packet, so all of them come together
//! with the one that says so.
//!
//! Where there is a tunnel a packet is looked up at two stages, and what is diverted at the first is asked at the second
//! no more. So what diverts comes before what translates, and where nothing comes but what leaves packets alone it comes
//! after that: a packet that is neither diverted any more nor translated yet would be lost.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::ruleset::prefixes::{WithPort, place};
use crate::ruleset::{DIVERTED, DataKind, Element, HOMES, KeyKind, MapKey, MapKind, Name, Stage, Target};

/// One element to add.
#[derive(Debug)]
pub(super) struct AddedElement<'a> {
    pub(super) map: &'a Name,
    pub(super) kind: MapKind,
    pub(super) key: MapKey,
    pub(super) element: &'a Element,
    pub(super) place: KeySlot,
}

/// Whether there is another element with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeySlot {
    Free,
    /// That one goes in the same batch.
    Taken,
}

/// Where elements of a kind are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LookupStage {
    /// One look-up leads to a chain, which decides.
    Chain,
    /// Whether the pod has elements by prefix.
    Gate,
    /// Whether private destinations are left alone.
    Elsewhere,
    /// By prefix.
    Prefix,
    /// By port.
    Port,
    /// By the pod alone.
    Address,
}

fn stage(kind: MapKind) -> LookupStage {
    match (kind.key, kind.data) {
        (KeyKind::Prefix(_) | KeyKind::PrefixPort(_), _) => LookupStage::Prefix,
        (KeyKind::Port, _) => LookupStage::Port,
        (KeyKind::Elsewhere, _) => LookupStage::Elsewhere,
        // The guard's do not decide where a packet goes, and have batches of their own.
        (KeyKind::Guarded | KeyKind::AllowedSource | KeyKind::KnownPod, _) => LookupStage::Gate,
        (KeyKind::Address, DataKind::Verdict) => LookupStage::Chain,
        (KeyKind::Address, DataKind::Nothing) => LookupStage::Gate,
        (KeyKind::Address, DataKind::Address | DataKind::Mark) => LookupStage::Address,
    }
}

/// The batch of each of the elements of one pod that come, in their order: 0 for the first batch.
pub(super) fn levels(coming: &[AddedElement<'_>]) -> Vec<usize> {
    let of = |stage| move |one: &&AddedElement<'_>| *one.map != HOMES && Stage::of(one.map) == stage;
    let diverts = |one: &AddedElement<'_>| match one.element.target {
        Target::Mark(_) | Target::Jump(_) => Stage::of(one.map) == Stage::Diverting,
        Target::Nothing | Target::Address(_) => false,
    };
    let mut order = Stage::ALL;
    if !coming.iter().any(diverts) {
        order.reverse();
    }
    let (mut all, mut next) = (vec![0; coming.len()], 0);
    for stage in order {
        let (places, elements): (Vec<usize>, Vec<&AddedElement<'_>>) =
            coming.iter().enumerate().filter(|(_, one)| of(stage)(one)).unzip();
        let levels = of_stage(&elements);
        places.into_iter().zip(&levels).for_each(|(place, level)| all[place] = next + level);
        next += levels.iter().max().map_or(0, |last| last + 1);
    }
    all
}

/// The same of what is looked up at one stage.
fn of_stage(coming: &[&AddedElement<'_>]) -> Vec<usize> {
    // Nothing else is asked about a pod of which nothing is diverted.
    if coming.iter().any(|one| *one.map == DIVERTED) {
        return vec![0; coming.len()];
    }
    let stages: Vec<LookupStage> = coming.iter().map(|one| stage(one.kind)).collect();
    let mut levels = vec![0; coming.len()];
    let mut next = 0;
    next = set(&mut levels, &stages, LookupStage::Chain, next);
    let opens = |one: &&AddedElement<'_>| stage(one.kind) == LookupStage::Gate && one.place == KeySlot::Free;
    if coming.iter().any(opens) {
        let first = next;
        next = set(&mut levels, &stages, LookupStage::Gate, first);
        set(&mut levels, &stages, LookupStage::Elsewhere, first);
        set(&mut levels, &stages, LookupStage::Prefix, first);
    } else {
        next = set(&mut levels, &stages, LookupStage::Elsewhere, next);
        next = nested(&mut levels, coming, next);
    }
    next = set(&mut levels, &stages, LookupStage::Port, next);
    set(&mut levels, &stages, LookupStage::Address, next);
    levels
}

/// Gives all elements of a stage the same level; what is asked after it has a greater one if there is any.
fn set(levels: &mut [usize], stages: &[LookupStage], stage: LookupStage, level: usize) -> usize {
    let mut next = level;
    for (mine, _) in levels.iter_mut().zip(stages).filter(|(_, of)| **of == stage) {
        *mine = level;
        next = level + 1;
    }
    next
}

/// Prefixes that lie in each other one after the other, the longest first; others together.
fn nested(levels: &mut [usize], coming: &[&AddedElement<'_>], first: usize) -> usize {
    let mut all: BTreeMap<(IpAddr, u8), Vec<(WithPort, usize)>> = BTreeMap::new();
    for (number, one) in coming.iter().enumerate() {
        let network = match one.key {
            MapKey::Prefix(_, network) | MapKey::PrefixPort(_, network, ..) => network,
            MapKey::Address(_) | MapKey::Port(..) | MapKey::AllowedSource(..) => continue,
        };
        let Some((from_longest, with_port)) = place(one.kind) else { continue };
        all.entry((network, u8::MAX - from_longest)).or_default().push((with_port, number));
    }
    let mut below: Vec<NextLevel> = Vec::new();
    // From the last to the first: each prefix right after all that lie in it.
    for ((network, bits), mut here) in all.into_iter().rev() {
        let mut next = first;
        while let Some(inside) = below.pop_if(|other| contains(network, bits, other.network)) {
            next = next.max(inside.next);
        }
        here.sort_unstable();
        for asked in here.chunk_by(|(one, _), (other, _)| one == other) {
            for (_, number) in asked {
                levels[*number] = next;
            }
            next += 1;
        }
        below.push(NextLevel { network, next });
    }
    below.into_iter().map(|height| height.next).max().unwrap_or(first)
}

/// The level that is next for what contains this network.
struct NextLevel {
    network: IpAddr,
    next: usize,
}

/// Whether the first so many bits are equal.
fn contains(network: IpAddr, bits: u8, other: IpAddr) -> bool {
    ipnet::IpNet::new(network, bits).is_ok_and(|network| network.contains(&other))
}
