//! `spec.tunnels` of an EgressNode. An end of which a part cannot be read is no end, so that nothing is sent to half of it;
//! one of a type that this release does not know is of a newer one, and passed over.

use std::net::IpAddr;
use std::num::NonZeroU16;

use egressd_core::model::{Completeness, MOST_TUNNELS, PublishedTunnels, SMALLEST_TUNNEL_MTU, TunnelEnd, TunnelKind};

use super::address::address;
use super::fault::Fault;
use super::field::{Field, kept};

/// What one item is.
enum Tunnel {
    End(TunnelEnd),
    UnknownType,
}

/// The ends, and how many are passed over.
pub(super) fn tunnels(field: &Field<'_>, faults: &mut Vec<Fault>) -> PublishedTunnels {
    let mut unread = Vec::new();
    let items = field.items(&mut unread);
    if items.len() > MOST_TUNNELS {
        unread.push(field.fault("a list of at most 4 tunnel ends"));
    }
    let (mut ends, mut unknown): (Vec<TunnelEnd>, u8) = (Vec::new(), 0);
    for item in items.iter().take(MOST_TUNNELS) {
        match kept(tunnel(item).map(Some), &mut unread) {
            Some(Tunnel::End(end)) if ends.iter().any(|other| other.kind() == end.kind()) => {
                unread.push(item.get("type").fault("the type of one tunnel end alone"));
            }
            Some(Tunnel::End(end)) => ends.push(end),
            Some(Tunnel::UnknownType) => unknown += 1,
            None => {}
        }
    }
    let completeness = if unread.is_empty() { Completeness::Whole } else { Completeness::Partial };
    faults.append(&mut unread);
    PublishedTunnels::new(ends, unknown, completeness)
}

fn tunnel(item: &Field<'_>) -> Result<Tunnel, Fault> {
    let field = item.get("type");
    let expected = "a type of tunnels like vxlan-gpe";
    let text = field.text()?.filter(|text| !text.is_empty()).ok_or_else(|| field.fault(expected))?;
    let Some(kind) = TunnelKind::of(text) else { return Ok(Tunnel::UnknownType) };
    let (listed, port) = (item.get("addresses"), port(&item.get("port"), kind)?);
    let addresses = addresses(&listed)?;
    let mtu = item.get("mtu").number(SMALLEST_TUNNEL_MTU, "a number of bytes from 576 to 65535")?;
    let end = TunnelEnd::new(kind, addresses, port, mtu);
    end.map(Tunnel::End).map_err(|_| listed.fault("a list of one address of each family at most"))
}

fn addresses(field: &Field<'_>) -> Result<Vec<IpAddr>, Fault> {
    let items = field.list()?;
    let read = |item: &Field<'_>| address(item)?.ok_or_else(|| item.fault("an address"));
    items.iter().map(read).collect()
}

fn port(field: &Field<'_>, kind: TunnelKind) -> Result<NonZeroU16, Fault> {
    let number = field.number(1, "a port from 1 to 65535")?;
    Ok(number.and_then(NonZeroU16::new).unwrap_or_else(|| kind.port()))
}
