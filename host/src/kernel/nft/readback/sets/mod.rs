//! Sets and maps with their elements.

mod kind;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use egressd_core::{
    diff::Verb,
    net::{AddressRange, Family, Protocol, predecessor},
    ruleset::{DataKind, Element, KeyKind, Map, MapKey, MapKind, Name, Set, SetKey, SetKeyKind, SetKind, Target},
};
pub(super) use kind::Kind;
use kind::kind;
use rustables::sys;

use super::{Dumped, Patience, Reading, rule::address};
use crate::kernel::nft::{
    attributes::{Attributes, number},
    describe::TableId,
    elements::userdata,
    rule::address_length,
    socket::{DumpError, Socket},
};

/// Reads the sets and maps of a table with their elements.
pub(super) fn read(socket: &mut Socket, reading: &mut Reading, patience: &mut Patience) -> Result<(), DumpError> {
    for (text, kind) in patience.any(|found| list(socket, reading, found))? {
        match (Name::new(&*text).ok(), kind) {
            (_, Kind::Anonymous) => {}
            (Some(name), Kind::Set(SetKind::Ranges(family))) => {
                let borders = patience.any(|borders| read_borders(socket, reading, &name, family, borders))?;
                reading.table.sets.insert(name, Set::Ranges(family, ranges(family, borders)));
            }
            (Some(name), Kind::Set(SetKind::Addresses(family))) => {
                let addresses =
                    patience.any(|all| read_members(socket, reading, &name, all, |bytes| address(family, bytes)))?;
                reading.table.sets.insert(name, Set::Addresses(family, addresses));
            }
            (Some(name), Kind::Set(SetKind::Keys(kind))) => {
                let keys =
                    patience.any(|all| read_members(socket, reading, &name, all, |bytes| set_key(kind, bytes)))?;
                reading.table.sets.insert(name, Set::Keys(kind, keys));
            }
            (Some(name), Kind::Set(SetKind::Timed(kind))) => drop(reading.table.sets.insert(name, Set::Timed(kind))),
            (Some(name), Kind::Map(kind)) => {
                let content = patience.any(|content| read_map(socket, reading, &name, kind, content))?;
                content.put(reading, name, kind);
            }
            (name, Kind::Set(_) | Kind::Map(_) | Kind::Other) => {
                reading.foreign(format_args!("set {text}"), name.map(Verb::DeleteSet));
            }
        }
    }
    Ok(())
}

pub(super) fn list(socket: &mut Socket, reading: &Reading, sets: &mut Vec<(String, Kind)>) -> Result<(), DumpError> {
    reading.dump(
        socket,
        Dumped::Sets,
        |_| {},
        |message| {
            let attributes = message.attributes();
            let name = attributes.text(sys::NFTA_SET_NAME).unwrap_or_default().to_owned();
            sets.push((name, kind(reading.family(), attributes)));
        },
    )
}

pub(super) fn dump_elements(
    socket: &mut Socket,
    reading: &Reading,
    set: &Name,
    mut each: impl FnMut(Attributes<'_>),
) -> Result<(), DumpError> {
    let filter = |w: &mut crate::kernel::nft::wire::Writer| w.text(sys::NFTA_SET_ELEM_LIST_SET, set.as_str());
    reading.dump(socket, Dumped::Elements, filter, |message| {
        for (_, element) in message.attributes().nest(sys::NFTA_SET_ELEM_LIST_ELEMENTS) {
            each(Attributes(element));
        }
    })
}

/// The source addresses of all elements in the maps of a table.
pub(in crate::kernel::nft) fn sources(
    socket: &mut Socket,
    table: &TableId,
    patience: &Patience,
) -> Result<BTreeSet<IpAddr>, DumpError> {
    let reading = Reading::begin(table.clone());
    let mut sources = BTreeSet::new();
    for (name, kind) in patience.whole(|found| list(socket, &reading, found))? {
        let (Ok(name), Kind::Map(kind)) = (Name::new(name), kind) else { continue };
        let mut of_map: BTreeSet<IpAddr> = patience.whole(|of_map: &mut BTreeSet<IpAddr>| {
            dump_elements(socket, &reading, &name, |element| {
                of_map.extend(key(element).and_then(|key| map_key(kind, key)).map(|key| key.address()));
            })
        })?;
        sources.append(&mut of_map);
    }
    Ok(sources)
}

pub(super) fn key(element: Attributes<'_>) -> Option<&[u8]> {
    element.nest(sys::NFTA_SET_ELEM_KEY).get(sys::NFTA_DATA_VALUE)
}

fn read_borders(
    socket: &mut Socket,
    reading: &Reading,
    name: &Name,
    family: Family,
    borders: &mut Vec<(IpAddr, bool)>,
) -> Result<(), DumpError> {
    dump_elements(socket, reading, name, |element| {
        let flags = element.number(sys::NFTA_SET_ELEM_FLAGS).unwrap_or_default();
        let begins = flags & sys::NFT_SET_ELEM_INTERVAL_END == 0;
        borders.extend(key(element).and_then(|key| address(family, key)).map(|key| (key, begins)));
    })
}

/// The members of a hash table, as [`read_map`]'s.
fn read_members<T: Ord>(
    socket: &mut Socket,
    reading: &Reading,
    name: &Name,
    members: &mut BTreeSet<T>,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<(), DumpError> {
    let mut repeated = false;
    dump_elements(socket, reading, name, |element| {
        let member = key(element).and_then(&read);
        repeated |= member.is_some_and(|member| !members.insert(member));
    })?;
    if repeated { Err(DumpError::Interrupted) } else { Ok(()) }
}

fn set_key(kind: SetKeyKind, bytes: &[u8]) -> Option<SetKey> {
    match kind {
        SetKeyKind::Address(family) => address(family, bytes).map(SetKey::Address),
        SetKeyKind::NeighbourTarget => address(Family::Ipv6, bytes).map(SetKey::Address),
        SetKeyKind::Pair(family) => {
            let (one, other) = leading_address(family, bytes)?;
            Some(SetKey::Pair(one, address(family, other)?))
        }
        SetKeyKind::Mark => bytes.try_into().ok().map(u32::from_ne_bytes).map(SetKey::Mark),
    }
}

/// Ranges from where they begin, and where the addresses behind them begin. nft marks the first address of all as
/// the end of a range that is not there. They are not merged: what touches was not written by egressd, and cannot be deleted
/// as one range.
fn ranges(family: Family, mut borders: Vec<(IpAddr, bool)>) -> Vec<AddressRange> {
    // An end sorts before a beginning at the same address.
    borders.sort_unstable();
    let mut open = None;
    let mut ranges = Vec::new();
    for (border, begins) in borders {
        if let Some(first) = open.take() {
            ranges.extend(predecessor(border).and_then(|last| AddressRange::new(first, last)));
        }
        open = begins.then_some(border);
    }
    ranges.extend(open.and_then(|first| AddressRange::new(first, AddressRange::all_of(family).last())));
    ranges
}

/// What a map holds.
#[derive(Default)]
struct MapContent {
    elements: BTreeMap<MapKey, Element>,
    /// Elements that are not ours, by their bytes; also by key where we could have made it.
    strangers: BTreeMap<Vec<u8>, Option<MapKey>>,
}

impl MapContent {
    fn put(self, reading: &mut Reading, name: Name, kind: MapKind) {
        for key in self.strangers.into_values() {
            let what = key.map_or_else(|| "an element".to_owned(), |key| format!("element {}", key.address()));
            let removal = key.map(|key| Verb::DeleteElements(name.clone(), kind, vec![key]));
            reading.foreign(format_args!("{what} of map {name}"), removal);
        }
        reading.table.maps.insert(name, Map { kind, elements: self.elements });
    }
}

/// A map is a hash table, which grows in the background after its elements are in, and then has them in another
/// order. The kernel resumes a dump by counting, so a dump across that leaves elements out and lists others twice:
/// never the one without the other, since no walk of the table misses any. The generation stays the same.
fn read_map(
    socket: &mut Socket,
    reading: &Reading,
    name: &Name,
    kind: MapKind,
    content: &mut MapContent,
) -> Result<(), DumpError> {
    let mut repeated = false;
    dump_elements(socket, reading, name, |element| {
        let bytes = key(element).unwrap_or_default();
        let key = map_key(kind, bytes);
        repeated |= match (key, decode_element(kind, element)) {
            (Some(key), Some(element)) => content.elements.insert(key, element).is_some(),
            (key, _) => content.strangers.insert(bytes.to_vec(), key).is_some(),
        };
    })?;
    if repeated { Err(DumpError::Interrupted) } else { Ok(()) }
}

fn map_key(kind: MapKind, bytes: &[u8]) -> Option<MapKey> {
    let (first, rest) = leading_address(kind.family, bytes)?;
    match (kind.key, rest) {
        (KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::KnownPod, []) => {
            Some(MapKey::Address(first))
        }
        (KeyKind::Port, rest) => port(rest).map(|(protocol, port)| MapKey::Port(first, protocol, port)),
        (KeyKind::Prefix(_), rest) => match leading_address(kind.family, rest)? {
            (pod, []) => Some(MapKey::Prefix(pod, first)),
            (_, [..]) => None,
        },
        (KeyKind::AllowedSource, rest) => match leading_address(kind.family, rest)? {
            (source, []) => Some(MapKey::AllowedSource(first, source)),
            (_, [..]) => None,
        },
        (KeyKind::PrefixPort(_), rest) => {
            let (pod, rest) = leading_address(kind.family, rest)?;
            port(rest).map(|(protocol, port)| MapKey::PrefixPort(pod, first, protocol, port))
        }
        (KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::KnownPod, [..]) => None,
    }
}

fn leading_address(family: Family, bytes: &[u8]) -> Option<(IpAddr, &[u8])> {
    let (first, rest) = bytes.split_at_checked(usize::try_from(address_length(family)).ok()?)?;
    Some((address(family, first)?, rest))
}

fn port(bytes: &[u8]) -> Option<(Protocol, u16)> {
    let [protocol, _, _, _, high, low, ..] = *bytes else { return None };
    Some((Protocol::from_number(protocol)?, u16::from_be_bytes([high, low])))
}

fn decode_element(kind: MapKind, element: Attributes<'_>) -> Option<Element> {
    let ours = element.get(sys::NFTA_SET_ELEM_TIMEOUT).is_none() && element.get(sys::NFTA_SET_ELEM_FLAGS).is_none();
    let data = element.nest(sys::NFTA_SET_ELEM_DATA);
    let target = match kind.data {
        DataKind::Nothing => Target::Nothing,
        DataKind::Address => Target::Address(address(kind.family, data.get(sys::NFTA_DATA_VALUE)?)?),
        DataKind::Mark => Target::Mark(u32::from_ne_bytes(data.get(sys::NFTA_DATA_VALUE)?.try_into().ok()?)),
        DataKind::Verdict => jump(data.nest(sys::NFTA_DATA_VERDICT))?,
    };
    let comment = element.get(sys::NFTA_SET_ELEM_USERDATA).and_then(userdata::read_comment);
    ours.then(|| Element { target, comment: comment.map(Arc::from) })
}

fn jump(verdict: Attributes<'_>) -> Option<Target> {
    let jumps = number(verdict.get(sys::NFTA_VERDICT_CODE)?)?.cast_signed() == sys::NFT_JUMP;
    let chain = Name::new(verdict.text(sys::NFTA_VERDICT_CHAIN)?).ok()?;
    jumps.then_some(Target::Jump(chain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_an_end_reaches_the_last_address() {
        let at = |a: u8| IpAddr::from([a, 0, 0, 0]);
        let borders = vec![(at(240), true), (at(12), false), (at(0), false), (at(10), true)];
        let printed: Vec<String> = ranges(Family::Ipv4, borders).iter().map(ToString::to_string).collect();
        assert_eq!(printed, ["10.0.0.0/7", "240.0.0.0/4"]);
    }

    #[test]
    fn adjacent_ranges_are_distinguished() {
        let at = |a: u8| IpAddr::from([a, 0, 0, 0]);
        let without_an_end = vec![(at(10), true), (at(11), true), (at(12), false)];
        let with_both = vec![(at(10), true), (at(11), false), (at(11), true), (at(12), false)];
        for borders in [without_an_end, with_both] {
            let printed: Vec<String> = ranges(Family::Ipv4, borders).iter().map(ToString::to_string).collect();
            assert_eq!(printed, ["10.0.0.0/8", "11.0.0.0/8"]);
        }
    }
}
