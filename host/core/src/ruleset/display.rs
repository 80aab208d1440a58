//! nft text of the vocabulary: what `nft list` shows, and `nft -f` takes. Everything is sorted, so that equal
//! rulesets print equal text.

use std::fmt::{self, Display, Formatter};

use super::{
    Element, Hook, MARKER, Map, MapKey, MapKind, Match, Name, Rule, Ruleset, Set, SetKind, Statement, Table, Target,
};
use crate::net::{AddressRange, Family};

/// The keyword of a family, both for tables and for header fields.
pub(crate) fn keyword(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
}

/// The type of an address in a set or map.
pub(crate) fn address_type(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4_addr",
        Family::Ipv6 => "ipv6_addr",
    }
}

/// The `type` line of a map.
pub(crate) fn map_type(kind: MapKind, family: Family) -> String {
    let address = address_type(family);
    match kind {
        MapKind::Addresses => format!("{address} : {address}"),
        MapKind::Ports => format!("{address} . inet_proto . inet_service : {address}"),
        MapKind::Chains => format!("{address} : verdict"),
    }
}

/// The `flags` line of a set, if it has one.
pub(crate) fn set_flags(kind: SetKind) -> Option<&'static str> {
    match kind {
        SetKind::Ranges => Some("flags interval"),
        SetKind::Addresses => None,
    }
}

/// Something printed with its family, since rules and hooks do not carry one.
pub(crate) struct In<T>(pub(crate) Family, pub(crate) T);

impl Display for Ruleset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (family, table) in &self.tables {
            In(*family, table).fmt(f)?;
        }
        Ok(())
    }
}

impl Display for In<&Table> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(family, table) = self;
        writeln!(f, "table {} {} {{", keyword(*family), table.name)?;
        writeln!(f, "\tcomment \"{MARKER}\"")?;
        for (name, set) in &table.sets {
            let flags = set_flags(set.kind()).map(|flags| format!("\t\t{flags}\n")).unwrap_or_default();
            writeln!(f, "\n\tset {name} {{\n\t\ttype {}\n{flags}{set}\t}}", address_type(*family))?;
        }
        for (name, map) in &table.maps {
            write!(f, "\n\tmap {name} {{\n\t\ttype {}\n\t\tcounter\n", map_type(map.kind, *family))?;
            writeln!(f, "{map}\t}}")?;
        }
        for (name, chain) in &table.chains {
            writeln!(f, "\n\tchain {name} {{")?;
            if let Some(hook) = chain.hook {
                writeln!(f, "\t\t{hook}")?;
            }
            for rule in &chain.rules {
                writeln!(f, "\t\t{}", In(*family, rule))?;
            }
            writeln!(f, "\t}}")?;
        }
        writeln!(f, "}}")
    }
}

impl Display for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ranges(ranges) => elements(f, ranges.iter().map(AddressRange::to_string)),
            Self::Addresses(addresses) => elements(f, addresses.iter().map(ToString::to_string)),
        }
    }
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
    format!("{key}{comment} : {}", element.target)
}

impl Display for MapKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Port(address, protocol, port) => write!(f, "{address} . {protocol} . {port}"),
        }
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Jump(chain) => write!(f, "jump {chain}"),
        }
    }
}

impl Display for Hook {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "type nat hook postrouting priority {}; policy accept;", self.priority)
    }
}

impl Display for In<&Rule> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(family, rule) = self;
        for part in &rule.matches {
            write!(f, "{} ", In(*family, part))?;
        }
        In(*family, &rule.statement).fmt(f)
    }
}

impl Display for In<&Match> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ip = keyword(self.0);
        match self.1 {
            Match::DestinationIn(set) => write!(f, "{ip} daddr @{set}"),
            Match::OriginalDestinationIn(set) => write!(f, "ct original {ip} daddr @{set}"),
            Match::Destination(range) => write!(f, "{ip} daddr {range}"),
            Match::SourcePort(ports) => write!(f, "{} sport {}", ports.protocol(), Ports(ports.first(), ports.last())),
            Match::DestinationPort(ports) => {
                write!(f, "{} dport {}", ports.protocol(), Ports(ports.first(), ports.last()))
            }
        }
    }
}

/// `80` or `80-90`.
struct Ports(u16, u16);

impl Display for Ports {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self(first, last) if first == last => first.fmt(f),
            Self(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl Display for In<&Statement> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ip = keyword(self.0);
        match self.1 {
            Statement::Return => f.write_str("return"),
            Statement::Jump(chain) => write!(f, "jump {chain}"),
            Statement::Snat(address) => write!(f, "counter snat to {address}"),
            Statement::SnatByAddress(map) => write!(f, "snat to {ip} saddr map @{map}"),
            Statement::SnatByPort(map) => write!(f, "snat to {ip} saddr . meta l4proto . th dport map @{map}"),
            Statement::JumpByAddress(map) => write!(f, "{ip} saddr vmap @{map}"),
        }
    }
}

impl Name {
    /// `ip kube_vip_v4 egress_addrs`: how nft commands name an object.
    pub(crate) fn path(&self, family: Family, table: &Self) -> String {
        format!("{} {table} {self}", keyword(family))
    }
}
