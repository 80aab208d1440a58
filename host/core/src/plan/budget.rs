//! How much of the kernel a Service, a namespace and a node may use, and how much a Service's part of the plan is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::PlannedService;
use crate::decision::Rule;
use crate::net::Family;

/// All limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one Service.
    pub service: ServiceLimits,
    /// Of all Services of one namespace together.
    pub namespace: Room,
    /// Of all namespaces together.
    pub node: Room,
}

/// What one Service may have.
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
pub struct Room {
    /// Elements of maps, and the ports that chains match.
    pub elements: usize,
    /// The networks that chains match.
    pub networks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            service: ServiceLimits { rules: 256, networks: 4_096, endpoints: 10_000 },
            namespace: Room { elements: 65_536, networks: 16_384 },
            node: Room { elements: 500_000, networks: 65_536 },
        }
    }
}

/// How much a part of a plan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Its rules.
    pub rules: usize,
    /// What becomes an element of a map, and the ports that its chains match: at most, since of a pod that is behind
    /// several Services some elements are left out.
    pub elements: usize,
    /// The networks that its chains match.
    pub networks: usize,
}

impl Size {
    /// Of one Service's part; nothing where it has none.
    pub fn of(service: Option<&PlannedService>) -> Self {
        let Some(service) = service else { return Self::default() };
        let mut size = Self { rules: service.rules.len(), ..Self::default() };
        for family in Family::ALL {
            let rules: Vec<&Rule> = service.rules.iter().filter(|rule| Family::of(rule.address) == family).collect();
            for (rules, pods) in by_rules(&rules) {
                let (elements, networks) = kind(&rules, pods);
                size.elements += elements;
                size.networks += networks;
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
        }
    }

    /// The larger of both, in each respect.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            rules: self.rules.max(other.rules),
            elements: self.elements.max(other.elements),
            networks: self.networks.max(other.networks),
        }
    }

    /// Whether it takes no more room than another.
    pub(crate) fn fits_in_place_of(self, other: Self) -> bool {
        self.elements <= other.elements && self.networks <= other.networks
    }
}

/// The pods with equal rules, which share a chain: these rules, and how many pods.
fn by_rules<'r>(rules: &[&'r Rule]) -> Vec<(Vec<&'r Rule>, usize)> {
    if let [only] = rules {
        return vec![(vec![only], only.sources.len())];
    }
    let mut of_pod: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        rule.sources.iter().for_each(|pod| of_pod.entry(*pod).or_default().push(place));
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

/// The elements and networks of so many pods with these rules. A chain costs once what it matches, and each pod one
/// element that leads to it; without a chain each pod has an element for each port.
fn kind(rules: &[&Rule], pods: usize) -> (usize, usize) {
    let networks: usize = rules.iter().map(|rule| rule.include.len() + rule.exclude.len()).sum();
    let in_chain = |rule: &&Rule| {
        !rule.source_ports.is_empty() || rule.destination_ports.iter().any(|ports| ports.exact().is_none())
    };
    if networks > 0 || rules.iter().any(in_chain) {
        let ports: usize = rules.iter().map(|rule| rule.source_ports.len() + rule.destination_ports.len()).sum();
        return (pods + ports, networks);
    }
    (pods * rules.iter().map(|rule| rule.destination_ports.len().max(1)).sum::<usize>(), 0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::Uid;
    use crate::net::{PortMatch, Protocol};
    use crate::testkit::{a, n, rule};

    fn size(rules: &[Rule]) -> (usize, usize) {
        let service = PlannedService {
            uid: Uid::new("u").unwrap(),
            created: 0,
            rules: rules.to_vec().into(),
            foreign: Default::default(),
            on_change: Default::default(),
            on_unavailable: Default::default(),
        };
        let Size { rules: _, elements, networks } = Size::of(Some(&service));
        (elements, networks)
    }

    fn of_pods(count: u8) -> Rule {
        rule((1..=count).map(|i| IpAddr::from([10, 0, 0, i])), a("11.0.0.2"))
    }

    fn port(first: u16, last: u16) -> PortMatch {
        PortMatch::new(Protocol::Tcp, first, last).unwrap()
    }

    #[test]
    fn a_pod_is_an_element_and_with_ports_one_for_each() {
        assert_eq!(size(&[of_pods(3)]), (3, 0));
        let ports = Rule { destination_ports: vec![port(80, 80), port(443, 443)], ..of_pods(3) };
        assert_eq!(size(std::slice::from_ref(&ports)), (6, 0));
        let ranges = Rule { destination_ports: vec![port(80, 90), port(443, 443)], ..ports };
        assert_eq!(size(&[ranges]), (5, 0), "one leads to the chain, which has two");
    }

    #[test]
    fn networks_count_once_for_all_pods_with_the_same_rules() {
        let networks = Rule { include: vec![n("192.0.2.0/24")], exclude: vec![n("192.0.2.1/32")], ..of_pods(3) };
        assert_eq!(size(std::slice::from_ref(&networks)), (3, 2));
        // The third pod has a chain of its own, with both rules' networks.
        let more = Rule { id: "more".to_owned(), sources: vec![a("10.0.0.3")], ..networks.clone() };
        assert_eq!(size(&[networks, more]), (3, 6));
    }

    #[test]
    fn families_are_counted_apart() {
        let ipv6 = Rule { id: "six".to_owned(), ..rule([a("fd00::1"), a("fd00::2")], a("2001:db8::1")) };
        assert_eq!(size(&[of_pods(3), ipv6]), (5, 0));
    }
}
