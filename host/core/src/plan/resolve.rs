//! The rules of all Services of a pod, resolved into one answer per prefix of destinations.
//!
//! The rules of a pod are a list, and the first that matches decides. The kernel asks by the longest prefix instead. So
//! for each prefix that a rule names, the answer of the whole list is worked out, and an entry is made where it is
//! another than that of the prefix around it: whichever entry is found first, it has the answer of the list. A packet
//! to a port that a rule names may have another answer than one to any other port. Those answers are entries with the
//! port, which are asked before the one without, at each length.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::decision::Rule;
use crate::net::{Family, Protocol};

/// Most entries by prefix that one pod has; one that needs more has a chain. A chain of so many networks takes some ten
/// microseconds to walk for a new connection, and each of so many elements takes 170 bytes of the kernel for each pod.
const MAX_ENTRIES: usize = 512;

/// How many answers may be worked out for a pod: prefixes times ports.
const MAX_WORK: usize = 1 << 16;

/// Where a pod is, as far as its rules depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodLocation {
    /// In a pod network that is known.
    Known,
    /// In none: to private destinations it is not translated.
    Elsewhere,
}

/// A port that elements can name.
pub type Port = (Protocol, u16);

/// One of the ordered rules of a pod, and of which of its Services it is.
pub type Numbered<'a> = (usize, &'a Rule);

/// What becomes of the packets of a pod to one prefix, unless a longer one says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The first address.
    pub network: IpAddr,
    /// How many bits of it count; none at all for every destination.
    pub bits: u8,
    /// To this port; none for all that have no entry.
    pub port: Option<Port>,
    pub answer: EntryAction,
}

impl Entry {
    /// Whether packets do not stay as they are.
    pub fn is_translated(&self) -> bool {
        match self.answer {
            EntryAction::Translated { .. } => true,
            EntryAction::Untranslated { .. } => false,
        }
    }
}

/// What happens to a packet, and which Service says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryAction {
    /// Its source is replaced by this address.
    Translated {
        /// One of its Service's addresses.
        to: IpAddr,
        /// Which of the pod's Services.
        service: usize,
    },
    /// It leaves as it is, though around it this Service translates.
    Untranslated {
        /// Which of the pod's Services.
        around: usize,
    },
}

/// The entries of a pod with these rules, which are in order; none where they are to be a chain.
pub fn resolve(family: Family, rules: &[Numbered<'_>]) -> Option<Vec<Entry>> {
    resolve_where(family, rules, |_| true)
}

/// The same, where rules to other addresses than such ones leave a packet as it is: they decide too, and no later one
/// is asked.
pub fn resolve_where(family: Family, rules: &[Numbered<'_>], is_such: impl Fn(IpAddr) -> bool) -> Option<Vec<Entry>> {
    let cases = cases(rules, &is_such)?;
    let mut prefixes: BTreeMap<Prefix, Vec<Change>> = BTreeMap::from([(Prefix::ALL, Vec::new())]);
    for (number, case) in cases.iter().enumerate() {
        case.included.iter().for_each(|prefix| prefixes.entry(*prefix).or_default().push(Change::Include(number)));
        case.excluded.iter().for_each(|prefix| prefixes.entry(*prefix).or_default().push(Change::Exclude(number)));
    }
    let ports: BTreeSet<Port> = cases.iter().flat_map(|case| case.ports.iter().copied()).collect();
    if prefixes.len() > 1 && prefixes.len() * ports.len() > MAX_WORK {
        return None;
    }
    let mut walk =
        PrefixWalk { family, cases: &cases, ports: ports.into_iter().collect(), open: Vec::new(), entries: Vec::new() };
    prefixes.iter().for_each(|(prefix, changes)| walk.enter(*prefix, changes));
    let by_prefix = walk.entries.iter().filter(|entry| entry.bits > 0).count();
    (by_prefix <= MAX_ENTRIES).then_some(walk.entries)
}

/// One rule, by prefixes.
struct RuleCase {
    included: Vec<Prefix>,
    excluded: Vec<Prefix>,
    /// Empty: all.
    ports: BTreeSet<Port>,
    /// None: a packet stays as it is.
    answer: Option<(IpAddr, usize)>,
}

/// None where a rule looks at source ports or ranges of ports, which no key can.
fn cases(rules: &[Numbered<'_>], is_such: &impl Fn(IpAddr) -> bool) -> Option<Vec<RuleCase>> {
    let listed: usize = rules.iter().map(|(_, rule)| rule.include().len() + rule.exclude().len()).sum();
    if listed > MAX_ENTRIES {
        return None;
    }
    let answer = |service: usize, rule: &Rule| Some((rule.address(), service)).filter(|(to, _)| is_such(*to));
    rules.iter().map(|(service, rule)| case(rule, answer(*service, rule))).collect()
}

fn case(rule: &Rule, answer: Option<(IpAddr, usize)>) -> Option<RuleCase> {
    if !rule.source_ports().is_empty() {
        return None;
    }
    let ports = rule.destination_ports().iter().map(|ports| ports.exact().map(|port| (ports.protocol(), port)));
    let prefixes = |networks: &[IpNet]| networks.iter().copied().flat_map(Prefix::all_of).collect::<Vec<_>>();
    Some(RuleCase {
        included: if rule.include().is_empty() { vec![Prefix::ALL] } else { prefixes(rule.include()) },
        excluded: prefixes(rule.exclude()),
        ports: ports.collect::<Option<_>>()?,
        answer,
    })
}

/// The bits of a network, from the left, and how many count. One that contains another sorts before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Prefix {
    value: u128,
    bits: u8,
}

impl Prefix {
    const ALL: Self = Self { value: 0, bits: 0 };

    /// A network, in prefixes of the lengths that are used. Each length costs every pod with networks a look-up for
    /// each new connection, whoever's rules brought it. So of IPv6 only each fourth is used: 32 lengths instead of 128,
    /// as IPv4 has, and what networks are given out by, so that few have to be divided.
    fn all_of(network: IpNet) -> impl Iterator<Item = Self> {
        let value = match network.network() {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let step = match network {
            IpNet::V4(_) => 1,
            IpNet::V6(_) => 4,
        };
        let bits = network.prefix_len().next_multiple_of(step);
        let parts = 1_u128 << (bits - network.prefix_len());
        let place = 128_u32.saturating_sub(u32::from(bits));
        (0..parts).map(move |part| Self { value: value | part.checked_shl(place).unwrap_or(0), bits })
    }

    fn contains(self, other: Self) -> bool {
        let differing = self.value ^ other.value;
        self.bits <= other.bits && (self.bits == 0 || differing >> (128 - u32::from(self.bits)) == 0)
    }

    fn first(self, family: Family) -> IpAddr {
        match family {
            Family::Ipv4 => IpAddr::V4(((self.value >> 96) as u32).into()),
            Family::Ipv6 => IpAddr::V6(self.value.into()),
        }
    }
}

/// A start of a prefix.
#[derive(Clone, Copy, Debug)]
enum Change {
    Include(usize),
    Exclude(usize),
}

/// A prefix and what holds in it.
struct OpenPrefix {
    prefix: Prefix,
    /// The cases that include it and do not exclude it, in order.
    active: BTreeSet<usize>,
    /// The cases that exclude it.
    excluded: BTreeSet<usize>,
    /// What the entries up to here say of a packet to no port that is named.
    any: Option<EntryAction>,
    /// Of one to each of the ports.
    by_port: Vec<Option<EntryAction>>,
}

struct PrefixWalk<'a> {
    family: Family,
    cases: &'a [RuleCase],
    ports: Vec<Port>,
    /// The prefixes around the one at hand, the largest first.
    open: Vec<OpenPrefix>,
    entries: Vec<Entry>,
}

impl PrefixWalk<'_> {
    /// Prefixes come in order: each before those in it.
    fn enter(&mut self, prefix: Prefix, changes: &[Change]) {
        while self.open.last().is_some_and(|open| !open.prefix.contains(prefix)) {
            self.open.pop();
        }
        let mut open = self.inherit(prefix);
        for change in changes {
            match change {
                Change::Include(case) => drop(open.active.insert(*case)),
                Change::Exclude(case) => drop(open.excluded.insert(*case)),
            }
        }
        open.active.retain(|case| !open.excluded.contains(case));
        self.answer(&mut open);
        self.open.push(open);
    }

    fn inherit(&self, prefix: Prefix) -> OpenPrefix {
        match self.open.last() {
            Some(around) => OpenPrefix {
                prefix,
                active: around.active.clone(),
                excluded: around.excluded.clone(),
                any: around.any,
                by_port: around.by_port.clone(),
            },
            None => OpenPrefix {
                prefix,
                active: BTreeSet::new(),
                excluded: BTreeSet::new(),
                any: None,
                by_port: vec![None; self.ports.len()],
            },
        }
    }

    /// Makes an entry wherever what the rules say is something else than what the entries around say.
    fn answer(&mut self, open: &mut OpenPrefix) {
        let FirstMatches { any: wanted, by_port } = self.first(open);
        if translation(open.any) != wanted {
            open.any = self.push(open.prefix, None, open.any, wanted);
            open.by_port.fill(open.any);
        }
        for number in 0..self.ports.len() {
            let (Some(port), Some(around)) = (self.ports.get(number).copied(), open.by_port.get_mut(number)) else {
                continue;
            };
            let wanted = by_port.get(&port).copied().unwrap_or(wanted);
            if translation(*around) != wanted {
                *around = self.push(open.prefix, Some(port), *around, wanted);
            }
        }
    }

    /// What the first rules say that match. A rule for all ports leaves nothing to those behind it.
    fn first(&self, open: &OpenPrefix) -> FirstMatches {
        let mut by_port = BTreeMap::new();
        for case in open.active.iter().filter_map(|number| self.cases.get(*number)) {
            if case.ports.is_empty() {
                return FirstMatches { any: case.answer, by_port };
            }
            for port in &case.ports {
                by_port.entry(*port).or_insert(case.answer);
            }
        }
        FirstMatches { any: None, by_port }
    }

    fn push(
        &mut self,
        prefix: Prefix,
        port: Option<Port>,
        around: Option<EntryAction>,
        wanted: Option<(IpAddr, usize)>,
    ) -> Option<EntryAction> {
        let around = match around {
            Some(EntryAction::Translated { service, .. } | EntryAction::Untranslated { around: service }) => service,
            None => 0,
        };
        let answer = match wanted {
            Some((to, service)) => EntryAction::Translated { to, service },
            None => EntryAction::Untranslated { around },
        };
        let Prefix { bits, .. } = prefix;
        self.entries.push(Entry { network: prefix.first(self.family), bits, port, answer });
        Some(answer)
    }
}

/// What the first rules say that match.
struct FirstMatches {
    /// Of a packet to a port that none of them names.
    any: Option<(IpAddr, usize)>,
    by_port: BTreeMap<Port, Option<(IpAddr, usize)>>,
}

fn translation(answer: Option<EntryAction>) -> Option<(IpAddr, usize)> {
    match answer {
        Some(EntryAction::Translated { to, service }) => Some((to, service)),
        Some(EntryAction::Untranslated { .. }) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testkit::{RuleParts, a, n, rule};

    fn entries(rules: &[Rule]) -> Vec<Entry> {
        let numbered: Vec<Numbered<'_>> = rules.iter().map(|rule| (0, rule)).collect();
        let family = Family::of(rules[0].address());
        resolve(family, &numbered).unwrap_or_default()
    }

    fn towards(include: &[&str], exclude: &[&str], address: &str) -> Rule {
        let networks = |texts: &[&str]| texts.iter().map(|text| n(text)).collect();
        RuleParts { include: networks(include), exclude: networks(exclude), ..rule([a("10.0.0.1")], a(address)).into() }
            .rule()
    }

    #[test]
    fn what_says_the_same_as_the_prefix_around_it_is_no_entry() {
        let rules = [towards(&["192.0.2.0/24", "192.0.2.128/25", "0.0.0.0/0"], &[], "11.0.0.2")];
        let translated = EntryAction::Translated { to: a("11.0.0.2"), service: 0 };
        assert_eq!(entries(&rules), [Entry { network: a("0.0.0.0"), bits: 0, port: None, answer: translated }]);
    }

    #[test]
    fn the_lengths_of_ipv6_are_few_and_what_is_divided_is_whole() {
        let all: Vec<String> = (1..=128).map(|bits| format!("2001:db8::/{bits}")).collect();
        let networks = all.iter().map(|text| n(text).trunc()).collect::<Vec<_>>();
        let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
        // Each is another answer than the one around it.
        let rules: Vec<Rule> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| towards(&[text], &[], if at % 2 == 0 { "fc00:11::2" } else { "fc00:11::3" }))
            .rev()
            .collect();
        let lengths: BTreeSet<u8> = entries(&rules).iter().map(|entry| entry.bits).collect();
        assert!(lengths.iter().all(|bits| bits % 4 == 0) && lengths.len() <= 32, "{lengths:?}");
        let divided = entries(&[towards(&["2001:db8::/29"], &[], "fc00:11::2")]);
        let parts: Vec<IpAddr> = divided.iter().map(|entry| entry.network).collect();
        assert_eq!(parts.len(), 8);
        assert!(divided.iter().all(|entry| entry.bits == 32) && parts[7] == a("2001:dbf::"), "{parts:?}");
    }
}
