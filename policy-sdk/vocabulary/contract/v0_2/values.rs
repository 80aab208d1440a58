//! Addresses, networks, ports and marks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_vocabulary::{ContractError, Family, Mark, PortRange, PortSpan, Protocol};
use ipnet::IpNet;

use super::types;

impl From<IpAddr> for types::IpAddress {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::Ipv4(address.octets().into()),
            IpAddr::V6(address) => Self::Ipv6(address.segments().into()),
        }
    }
}

impl From<types::IpAddress> for IpAddr {
    fn from(address: types::IpAddress) -> Self {
        match address {
            types::IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
            types::IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => Ipv6Addr::new(a, b, c, d, e, f, g, h).into(),
        }
    }
}

impl From<IpNet> for types::Network {
    fn from(network: IpNet) -> Self {
        Self { address: network.addr().into(), prefix_length: network.prefix_len() }
    }
}

/// Bits behind the prefix are found where the rule is made, which says of which rule.
impl TryFrom<types::Network> for IpNet {
    type Error = ContractError;

    fn try_from(network: types::Network) -> Result<Self, ContractError> {
        let (address, length) = (network.address.into(), network.prefix_length);
        Self::new(address, length).map_err(|_| ContractError::PrefixTooLong { address, length })
    }
}

impl From<Family> for types::IpFamily {
    fn from(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::Ipv4,
            Family::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<types::IpFamily> for Family {
    fn from(family: types::IpFamily) -> Self {
        match family {
            types::IpFamily::Ipv4 => Self::Ipv4,
            types::IpFamily::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<Protocol> for types::Protocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Sctp => Self::Sctp,
        }
    }
}

impl From<types::Protocol> for Protocol {
    fn from(protocol: types::Protocol) -> Self {
        match protocol {
            types::Protocol::Tcp => Self::Tcp,
            types::Protocol::Udp => Self::Udp,
            types::Protocol::Sctp => Self::Sctp,
        }
    }
}

impl From<PortRange> for types::PortRange {
    fn from(range: PortRange) -> Self {
        Self { protocol: range.protocol().into(), first: range.first(), last: range.last() }
    }
}

impl TryFrom<types::PortRange> for PortRange {
    type Error = ContractError;

    fn try_from(range: types::PortRange) -> Result<Self, ContractError> {
        Self::new(range.protocol.into(), range.first, range.last).map_err(ContractError::Ports)
    }
}

impl From<PortSpan> for types::PortSpan {
    fn from(span: PortSpan) -> Self {
        Self { first: span.first(), last: span.last() }
    }
}

impl TryFrom<types::PortSpan> for PortSpan {
    type Error = ContractError;

    fn try_from(span: types::PortSpan) -> Result<Self, ContractError> {
        Self::new(span.first, span.last).map_err(ContractError::Ports)
    }
}

impl From<Mark> for types::Mark {
    fn from(mark: Mark) -> Self {
        Self { value: mark.value(), mask: mark.mask() }
    }
}

impl TryFrom<types::Mark> for Mark {
    type Error = ContractError;

    fn try_from(mark: types::Mark) -> Result<Self, ContractError> {
        Self::new(mark.value, mark.mask).map_err(ContractError::Mark)
    }
}
