//! Limits on the kernel objects of a Service, a namespace and a node, and the size of a Service's part of the plan.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::SubjectPlan;
use super::resolve::{Numbered, resolve};
use crate::decision::Rule;
use crate::net::Family;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one Service.
    pub service: ServiceLimits,
    /// Of all Services of one namespace together.
    pub namespace: Capacity,
    /// Of all namespaces together.
    pub node: Capacity,
}

/// The limits of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Rules in its part of the plan.
    pub rules: usize,
    /// Networks in them.
    pub networks: usize,
    /// Endpoints on all nodes.
    pub endpoints: usize,
}

/// What fits into a namespace or a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Elements of maps, and the ports that chains match.
    pub elements: usize,
    /// The networks that rules name.
    pub networks: usize,
    /// The pods that have a chain.
    pub chains: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            service: ServiceLimits { rules: 256, networks: 4_096, endpoints: 10_000 },
            // The kernel checks all chains and all that leads to them with each change of an element that leads to one,
            // and walks all chains with every commit of anybody: 77 ms among 30,000.
            namespace: Capacity { elements: 65_536, networks: 16_384, chains: 256 },
            node: Capacity { elements: 500_000, networks: 65_536, chains: 4_096 },
        }
    }
}

/// As many pods of one subject are guarded whatever limits say: a guard that is refused would be a leak, and a node has
/// room for some hundred pods.
pub(crate) const GUARDED_PODS_OF_A_NODE: usize = 512;

/// One that it is guarded, and one for a source.
const ELEMENTS_OF_A_GUARDED_POD: usize = 2;

/// How much a part of a plan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Its rules.
    pub rules: usize,
    /// What becomes an element of a map, and the ports that its chains match. A pod that is behind several Services may
    /// have fewer, or for ports of one and networks of another more.
    pub elements: usize,
    /// The networks that it names, once for all pods with the same rules.
    pub networks: usize,
    /// The pods that have a chain for it.
    pub chains: usize,
}

impl Size {
    /// Of one Service's part; nothing where it has none.
    pub fn of(service: Option<&SubjectPlan>) -> Self {
        let Some(service) = service else { return Self::default() };
        let beyond = service.guarded.len().saturating_sub(GUARDED_PODS_OF_A_NODE);
        let elements = beyond * ELEMENTS_OF_A_GUARDED_POD;
        let mut size = Self { rules: service.rules.len(), elements, ..Self::default() };
        for family in Family::ALL {
            let rules: Vec<&Rule> = service.rules.iter().filter(|rule| Family::of(rule.address()) == family).collect();
            for (rules, pods) in by_rules(&rules) {
                size = size.and(kind(family, &rules, pods));
            }
        }
        size
    }

    /// Of both together.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            rules: self.rules + other.rules,
            elements: self.elements + other.elements,
            networks: self.networks + other.networks,
            chains: self.chains + other.chains,
        }
    }

    /// With another part in the place of one of its own.
    #[must_use]
    pub(super) fn replacing(self, before: Self, after: Self) -> Self {
        let all = self.and(after);
        Self {
            rules: all.rules - before.rules,
            elements: all.elements - before.elements,
            networks: all.networks - before.networks,
            chains: all.chains - before.chains,
        }
    }

    /// The larger of both, in each respect.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            rules: self.rules.max(other.rules),
            elements: self.elements.max(other.elements),
            networks: self.networks.max(other.networks),
            chains: self.chains.max(other.chains),
        }
    }

    /// Whether it takes no more room than another.
    pub(crate) fn fits_in_place_of(self, other: Self) -> bool {
        self.elements <= other.elements && self.networks <= other.networks && self.chains <= other.chains
    }
}

/// The pods with equal rules, which share a chain: these rules, and how many pods.
fn by_rules<'r>(rules: &[&'r Rule]) -> Vec<(Vec<&'r Rule>, usize)> {
    if let [only] = rules {
        return vec![(vec![only], only.sources().len())];
    }
    let mut of_pod: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        rule.sources().iter().for_each(|pod| of_pod.entry(*pod).or_default().push(place));
    }
    let mut groups: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for places in of_pod.into_values() {
        *groups.entry(places).or_default() += 1;
    }
    let named = |(places, pods): (Vec<usize>, usize)| {
        (places.into_iter().filter_map(|place| rules.get(place).copied()).collect(), pods)
    };
    groups.into_iter().map(named).collect()
}

/// Of so many pods with these rules. Each pod has an element for each answer that its packets may get; where they have
/// a chain, that costs once what it matches, and each pod one element that leads to it.
fn kind(family: Family, rules: &[&Rule], pods: usize) -> Size {
    let networks = rules.iter().map(|rule| rule.include().len() + rule.exclude().len()).sum();
    // Nearly all Services ask for nothing else.
    if let ([rule], 0) = (rules, networks)
        && rule.source_ports().is_empty()
        && rule.destination_ports().is_empty()
    {
        return Size { elements: pods, ..Size::default() };
    }
    let numbered: Vec<Numbered<'_>> = rules.iter().map(|rule| (0, *rule)).collect();
    match resolve(family, &numbered) {
        Some(entries) => {
            let gate = usize::from(entries.iter().any(|entry| entry.bits > 0));
            Size { rules: 0, elements: pods * (entries.len() + gate), networks, chains: 0 }
        }
        None => {
            let ports =
                rules.iter().map(|rule| rule.source_ports().len() + rule.destination_ports().len()).sum::<usize>();
            Size { rules: 0, elements: pods + ports, networks, chains: pods }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::Uid;
    use crate::net::{PortRange, Protocol};
    use crate::testkit::{RuleParts, a, n, rule};

    fn size(rules: &[Rule]) -> (usize, usize, usize) {
        let service = SubjectPlan {
            uid: Uid::new("u").unwrap(),
            created: 0,
            rules: rules.to_vec().into(),
            foreign: Default::default(),
            guarded: Default::default(),
            on_change: Default::default(),
        };
        let Size { rules: _, elements, networks, chains } = Size::of(Some(&service));
        (elements, networks, chains)
    }

    fn of_pods(count: u8) -> Rule {
        rule((1..=count).map(|i| IpAddr::from([10, 0, 0, i])), a("11.0.0.2"))
    }

    fn port(first: u16, last: u16) -> PortRange {
        PortRange::new(Protocol::Tcp, first, last).unwrap()
    }

    #[test]
    fn a_pod_is_an_element_and_with_ports_one_for_each() {
        assert_eq!(size(&[of_pods(3)]), (3, 0, 0));
        let ports = RuleParts { destination_ports: vec![port(80, 80), port(443, 443)], ..of_pods(3).into() }.rule();
        assert_eq!(size(std::slice::from_ref(&ports)), (6, 0, 0));
        let ranges = RuleParts { destination_ports: vec![port(80, 90), port(443, 443)], ..ports.into() }.rule();
        assert_eq!(size(&[ranges]), (5, 0, 3), "one leads to the chain, which has two");
    }

    #[test]
    fn networks_are_elements_of_each_pod_and_count_once_for_those_with_the_same_rules() {
        let networks =
            RuleParts { include: vec![n("192.0.2.0/24")], exclude: vec![n("192.0.2.1/32")], ..of_pods(3).into() }
                .rule();
        assert_eq!(size(std::slice::from_ref(&networks)), (9, 2, 0), "two, and one that says so");
        // What lies in another network of the same rule says nothing new.
        let include = vec![n("192.0.2.0/24"), n("192.0.2.64/26")];
        assert_eq!(size(&[RuleParts { include, exclude: vec![], ..networks.clone().into() }.rule()]), (6, 2, 0));
        let more = RuleParts { id: "more".to_owned(), sources: vec![a("10.0.0.3")], ..networks.clone().into() }.rule();
        assert_eq!(size(&[networks, more]), (9, 6, 0));
    }

    #[test]
    fn of_very_many_networks_all_pods_have_one_chain() {
        let include = (0..=255).flat_map(|i| [0, 128].map(|half| n(&format!("10.0.{i}.{half}/26")))).collect();
        let many = RuleParts { include, ..of_pods(3).into() }.rule();
        assert_eq!(size(std::slice::from_ref(&many)), (3 * 513, 512, 0));
        let one_more = RuleParts { exclude: vec![n("192.0.2.1/32")], ..many.into() }.rule();
        assert_eq!(size(&[one_more]), (3, 513, 3));
    }

    #[test]
    fn families_are_counted_apart() {
        let ipv6 =
            RuleParts { id: "six".to_owned(), ..rule([a("fd00::1"), a("fd00::2")], a("2001:db8::1")).into() }.rule();
        assert_eq!(size(&[of_pods(3), ipv6]), (5, 0, 0));
    }
}
