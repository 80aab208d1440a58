//! Addresses and networks as objects write them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::fault::Fault;
use super::field::Field;

/// An address that a packet can carry: `::ffff:192.0.2.1` is IPv4 written as IPv6, which no packet carries.
pub(super) fn address(field: &Field<'_>) -> Result<Option<IpAddr>, Fault> {
    let address = field.parsed("an address like 192.0.2.10 or 2001:db8::10")?;
    match address {
        Some(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => {
            Err(field.fault("an address that a packet can carry; write it as IPv4, like 192.0.2.10"))
        }
        address => Ok(address),
    }
}

pub(super) fn pod_network(field: &Field<'_>) -> Result<Option<IpNet>, Fault> {
    network(field, "a network like 10.244.1.0/24")
}

/// A network of Services.
pub(super) fn service_network(field: &Field<'_>) -> Result<Option<IpNet>, Fault> {
    network(field, "a network like 10.96.0.0/12")
}

fn network(field: &Field<'_>, expected: &'static str) -> Result<Option<IpNet>, Fault> {
    match field.parsed::<IpNet>(expected)? {
        Some(IpNet::V6(v6)) if v6.addr().to_ipv4_mapped().is_some() => Err(field.fault(expected)),
        network => Ok(network),
    }
}
