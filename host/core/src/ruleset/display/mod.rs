//! nft text of the vocabulary: what `nft list` shows, and `nft -f` takes. Everything is sorted, so that equal
//! rulesets print equal text.

mod condition;
mod rule;
mod statement;

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::{
    DataKind, Element, KeyKind, Map, MapKey, MapKind, Name, Ruleset, Set, SetKey, SetKeyKind, SetKind, Table,
    TableFamily, Target, TimedKey,
};
use crate::net::{AddressRange, Family};

/// The type of an address in a set or map.
fn address_type(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4_addr",
        Family::Ipv6 => "ipv6_addr",
    }
}

/// `set` or `map`.
pub(crate) fn map_keyword(kind: MapKind) -> &'static str {
    match kind.data {
        DataKind::Nothing => "set",
        DataKind::Address | DataKind::Verdict | DataKind::Mark => "map",
    }
}

/// The `type` line of a map.
pub(crate) fn map_type(kind: MapKind) -> String {
    let address = address_type(kind.family);
    let key = match kind.key {
        KeyKind::Address | KeyKind::Elsewhere | KeyKind::Guarded | KeyKind::KnownPod => address.to_owned(),
        KeyKind::Port => format!("{address} . inet_proto . inet_service"),
        KeyKind::Prefix(_) | KeyKind::AllowedSource => format!("{address} . {address}"),
        KeyKind::PrefixPort(_) => format!("{address} . {address} . inet_proto . inet_service"),
    };
    match kind.data {
        DataKind::Nothing => key,
        DataKind::Address => format!("{key} : {address}"),
        DataKind::Verdict => format!("{key} : verdict"),
        DataKind::Mark => format!("{key} : mark"),
    }
}

/// The `comment` line of a map, if it has one.
pub(crate) fn map_comment(kind: MapKind) -> Option<String> {
    kind.comment().map(|comment| format!("comment \"{comment}\""))
}

/// The `counter` line of a map, if it has one.
pub(crate) fn map_counter(kind: MapKind) -> Option<&'static str> {
    kind.counts().then_some("counter")
}

/// The line of a set that says what is in it.
pub(crate) fn set_type(kind: SetKind) -> String {
    match kind {
        SetKind::Ranges(family) | SetKind::Addresses(family) => format!("type {}", address_type(family)),
        SetKind::Keys(key) | SetKind::Timed(key) => match key {
            SetKeyKind::Address(family) => format!("type {}", address_type(family)),
            SetKeyKind::Pair(family) => format!("type {0} . {0}", address_type(family)),
            SetKeyKind::Mark => "type mark".to_owned(),
            SetKeyKind::NeighbourTarget => "typeof @th,64,128".to_owned(),
        },
    }
}

/// The `flags` line of a set, if it has one.
pub(crate) fn set_flags(kind: SetKind) -> Option<&'static str> {
    match kind {
        SetKind::Ranges(_) => Some("flags interval"),
        SetKind::Addresses(_) | SetKind::Keys(_) => None,
        SetKind::Timed(_) => Some("flags dynamic,timeout"),
    }
}

impl Display for Ruleset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (family, table) in &self.tables {
            OfFamily(*family, table).fmt(f)?;
        }
        Ok(())
    }
}

/// A table, which does not have its own family.
struct OfFamily<'a>(TableFamily, &'a Table);

impl Display for OfFamily<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(family, table) = self;
        writeln!(f, "table {family} {} {{", table.name)?;
        writeln!(f, "\tcomment \"{}\"", table.layout.comment())?;
        for name in &table.counters {
            writeln!(f, "\n\tcounter {name} {{\n\t}}")?;
        }
        for (name, set) in &table.sets {
            let flags = set_flags(set.kind()).map(|flags| format!("\t\t{flags}\n")).unwrap_or_default();
            writeln!(f, "\n\tset {name} {{\n\t\t{}\n{flags}{set}\t}}", set_type(set.kind()))?;
        }
        for (name, map) in &table.maps {
            let counter = map_counter(map.kind).map(|counter| format!("\t\t{counter}\n")).unwrap_or_default();
            let comment = map_comment(map.kind).map(|comment| format!("\t\t{comment}\n")).unwrap_or_default();
            let (keyword, of_type) = (map_keyword(map.kind), map_type(map.kind));
            writeln!(f, "\n\t{keyword} {name} {{\n\t\ttype {of_type}\n{comment}{counter}{map}\t}}")?;
        }
        for (name, chain) in &table.chains {
            writeln!(f, "\n\tchain {name} {{")?;
            if let Some(hook) = &chain.hook {
                writeln!(f, "\t\t{hook}")?;
            }
            chain.rules.iter().try_for_each(|rule| writeln!(f, "\t\t{rule}"))?;
            writeln!(f, "\t}}")?;
        }
        writeln!(f, "}}")
    }
}

impl Display for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ranges(_, ranges) => elements(f, ranges.iter().map(AddressRange::to_string)),
            Self::Addresses(_, addresses) => elements(f, addresses.iter().map(ToString::to_string)),
            Self::Keys(kind, keys) => elements(f, keys.iter().map(|key| set_key_text(*kind, *key))),
            Self::Timed(_) => Ok(()),
        }
    }
}

/// nft takes a raw part of a packet as a number only.
pub(crate) fn set_key_text(kind: SetKeyKind, key: SetKey) -> String {
    match (kind, key) {
        (SetKeyKind::NeighbourTarget, SetKey::Address(IpAddr::V6(address))) => format!("{:#034x}", address.to_bits()),
        (_, SetKey::Address(address)) => address.to_string(),
        (_, SetKey::Pair(one, other)) => format!("{one} . {other}"),
        (_, SetKey::Mark(mark)) => format!("{mark:#010x}"),
    }
}

/// `key timeout 20000ms expires 240ms`.
pub(crate) fn timed_text(kind: SetKeyKind, timed: TimedKey) -> String {
    let expires = timed.expires.map(|left| format!(" expires {left}")).unwrap_or_default();
    format!("{} timeout {}{expires}", set_key_text(kind, timed.key), timed.timeout)
}

impl Display for Map {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        elements(f, self.elements.iter().map(|(key, element)| element_text(*key, element)))
    }
}

/// One element a line: a change of one is a change of one line.
fn elements(f: &mut Formatter<'_>, texts: impl Iterator<Item = String>) -> fmt::Result {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return Ok(());
    }
    writeln!(f, "\t\telements = {{")?;
    while let Some(text) = texts.next() {
        let comma = if texts.peek().is_some() { "," } else { "" };
        writeln!(f, "\t\t\t{text}{comma}")?;
    }
    writeln!(f, "\t\t}}")
}

/// `key comment "..." : target`.
pub(crate) fn element_text(key: MapKey, element: &Element) -> String {
    let comment = element.comment.iter().map(|c| format!(" comment \"{c}\"")).collect::<String>();
    match &element.target {
        Target::Nothing => format!("{key}{comment}"),
        Target::Address(address) => format!("{key}{comment} : {address}"),
        Target::Jump(chain) => format!("{key}{comment} : jump {chain}"),
        Target::Mark(mark) => format!("{key}{comment} : {mark:#010x}"),
    }
}

/// In the order of the kernel's key.
impl Display for MapKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(pod) => pod.fmt(f),
            Self::Port(pod, protocol, port) => write!(f, "{pod} . {protocol} . {port}"),
            Self::Prefix(pod, network) => write!(f, "{network} . {pod}"),
            Self::PrefixPort(pod, network, protocol, port) => write!(f, "{network} . {pod} . {protocol} . {port}"),
            Self::AllowedSource(pod, source) => write!(f, "{pod} . {source}"),
        }
    }
}

impl Name {
    /// `ip kube_vip_v4 egress_addrs`: how nft commands name an object.
    pub(crate) fn path(&self, family: TableFamily, table: &Self) -> String {
        format!("{family} {table} {self}")
    }
}
