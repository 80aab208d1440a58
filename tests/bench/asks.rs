//! Requests of Services, with a substitute for the policies that costs nothing.

use std::net::Ipv4Addr;

use egressd_core::decision::Rule;
use egressd_core::model::SubjectView;
use egressd_core::net::{PortRange, Protocol};
use egressd_core::testkit::{RuleParts, n};
use ipnet::{IpNet, Ipv4Net};

/// What becomes of the rule that a Service without any wish has: from its endpoints to its first address.
pub(crate) type Policy = Box<dyn Fn(Rule, &SubjectView) -> Vec<Rule>>;

/// The request of each of many Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EgressRequest {
    Plain,
    Ports,
    Networks,
}

impl EgressRequest {
    pub(crate) fn policy(self) -> Policy {
        match self {
            Self::Plain => Box::new(|rule, _| vec![rule]),
            Self::Ports => Box::new(|rule, _| vec![RuleParts { destination_ports: ports(), ..rule.into() }.rule()]),
            Self::Networks => Box::new(|rule, _| {
                let include = vec![n("192.0.2.0/24"), n("198.51.100.0/24")];
                vec![RuleParts { include, exclude: vec![n("192.0.2.128/25")], ..rule.into() }.rule()]
            }),
        }
    }
}

fn ports() -> Vec<PortRange> {
    [(Protocol::Tcp, 443), (Protocol::Udp, 5060)]
        .map(|(protocol, port)| PortRange::new(protocol, port, port).expect("a port"))
        .to_vec()
}

/// So many ports that no element names them: a pod with these has a chain.
pub(crate) fn range() -> Vec<PortRange> {
    vec![PortRange::new(Protocol::Tcp, 8_000, 8_999).expect("a range")]
}

/// A network by number, of which no two overlap as long as all have the same length.
pub(crate) fn network(number: u32, bits: u8) -> IpNet {
    let address = Ipv4Addr::from(0x2000_0000 + number * (1 << (32 - bits)));
    Ipv4Net::new_assert(address, bits).into()
}
