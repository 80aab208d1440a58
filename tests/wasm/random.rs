//! Thousands of random Services: the component and the native policy say the same about each.

use egressd_core::decision::Decision;
use egressd_core::model::{ServiceKind, ServiceView, TrafficPolicy};
use egressd_core::net::Family;

use crate::agreement::word;
use crate::services::{changed, ip, view};

const SERVICES: usize = 2_000;

const NAMES: [&str; 12] = [
    "egress",
    "egress-ipv6",
    "egress-internal",
    "egress-source-ports",
    "egress-destination-ports",
    "egress-allowed-networks",
    "egress-denied-networks",
    "egress-no-internal-traffic",
    "egress-detect-api-server",
    "egress-nftables-table",
    "egress-allowed-network",
    "flush-conntrack",
];

/// What values are made of: whole items that are right, and pieces that are right or wrong in company.
const ITEMS: [&str; 30] = [
    "tcp:80",
    "udp:53",
    "sctp:1-65535",
    "tcp:90-80",
    "tcp:0",
    "tcp:65536",
    "TCP:80",
    "5060",
    "tcp:80:90",
    "192.0.2.0/24",
    "192.0.2.7",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8::7",
    "10.0.0.1/8",
    "::ffff:192.0.2.1",
    "192.0.2.0/33",
    "fe80::1%eth0",
    "true",
    "false",
    "True",
    "",
    " ",
    "\u{a0}",
    "ä",
    "-",
    ":",
    "/",
    "8०",
];

/// The same on every machine: a test that fails fails again.
struct Dice(u64);

impl Dice {
    /// A number below `sides` (xorshift64).
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn some<T: Copy>(&mut self, items: &[T]) -> Vec<T> {
        items.iter().copied().filter(|_| self.below(2) == 0).collect()
    }

    /// One value in two is made to be accepted.
    fn value(&mut self, name: &str) -> String {
        if self.below(2) == 0 {
            let separator = self.of(&[",", ", ", " ,", ":", ""]);
            let count = self.below(4);
            return (0..=count).map(|_| self.of(&ITEMS)).collect::<Vec<_>>().join(separator);
        }
        let good: &[&str] = match name {
            "egress-source-ports" | "egress-destination-ports" => &ITEMS[..3],
            "egress-allowed-networks" | "egress-denied-networks" => &ITEMS[9..15],
            _ => return self.of(&["true", "true ", "false"]).to_owned(),
        };
        let count = self.below(4);
        (0..=count).map(|_| self.of(good)).collect::<Vec<_>>().join(self.of(&[",", " , "]))
    }

    fn service(&mut self) -> ServiceView {
        let names = [vec!["egress"], self.some(&NAMES[1..])].concat();
        let few: Vec<&str> = names.into_iter().filter(|name| *name == "egress" || self.below(2) == 0).collect();
        let values: Vec<(String, String)> = few
            .iter()
            .map(|name| {
                let value = if *name == "egress" && self.below(8) > 0 { "true".to_owned() } else { self.value(name) };
                (format!("kube-vip.io/{name}"), value)
            })
            .collect();
        let pairs: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut view = changed(view("web", &pairs), |service| {
            service.kind = self.of(&[ServiceKind::LoadBalancer, ServiceKind::LoadBalancer, ServiceKind::NodePort]);
            service.traffic_policy = self.of(&[TrafficPolicy::Cluster, TrafficPolicy::Local]);
            service.families = self.some(&[Family::Ipv4, Family::Ipv6]);
        });
        view.addresses = self.some(&["192.0.2.10", "2001:db8::10", "192.0.2.11"].map(ip));
        view.endpoints.retain(|_| self.below(4) > 0);
        view
    }
}

#[test]
fn both_say_the_same_about_random_services() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut decided = [0; 4];
    for _ in 0..SERVICES {
        let decision = word(&dice.service()).decision;
        decided[match decision {
            Decision::Pass => 0,
            Decision::Plan(draft) if !draft.rules.is_empty() => 1,
            Decision::Plan(_) => 2,
            Decision::Invalid => 3,
            Decision::Deny => panic!("the built-in policy never denies"),
        }] += 1;
    }
    // A comparison of refusals alone would compare little.
    assert!(decided.iter().all(|count| *count > SERVICES / 100), "{decided:?}");
}
