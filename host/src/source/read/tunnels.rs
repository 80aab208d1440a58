//! `spec.tunnels` of an EgressNode. An end of which a part cannot be read is no end, so that nothing is sent to half of it;
//! one of a type that this release does not know is of a newer one, and passed over.

use std::net::IpAddr;
use std::num::NonZeroU16;

use egressd_core::model::{MOST_TUNNELS, PublishedTunnels, SMALLEST_TUNNEL_MTU, TunnelEnd, TunnelKind};

use super::address::address;
use super::fault::Fault;
use super::field::Field;

/// What one item is.
enum Tunnel {
    End(TunnelEnd),
    UnknownType,
}

/// What cannot be read of one item.
struct Unread {
    fault: Fault,
    /// Of which kinds it may be.
    kinds: Vec<TunnelKind>,
}

impl Unread {
    fn of(kind: TunnelKind) -> impl Fn(Fault) -> Self {
        move |fault| Self { fault, kinds: vec![kind] }
    }
}

/// Of a type that cannot be read, too.
impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self { fault, kinds: TunnelKind::ALL.to_vec() }
    }
}

/// The ends, and how many are passed over.
pub(super) fn tunnels(field: &Field<'_>, faults: &mut Vec<Fault>) -> PublishedTunnels {
    let mut of_list = Vec::new();
    let items = field.items(&mut of_list);
    if items.len() > MOST_TUNNELS {
        of_list.push(field.fault("a list of at most 4 tunnel ends"));
    }
    let mut unread: Vec<Unread> = of_list.into_iter().map(Unread::from).collect();
    let (mut ends, mut unknown): (Vec<TunnelEnd>, u8) = (Vec::new(), 0);
    for item in items.iter().take(MOST_TUNNELS) {
        match tunnel(item) {
            Ok(Tunnel::End(end)) if ends.iter().any(|other| other.kind() == end.kind()) => {
                let fault = item.get("type").fault("the type of one tunnel end alone");
                unread.push(Unread::of(end.kind())(fault));
            }
            Ok(Tunnel::End(end)) => ends.push(end),
            Ok(Tunnel::UnknownType) => unknown += 1,
            Err(fault) => unread.push(fault),
        }
    }
    let kinds: Vec<TunnelKind> = unread.iter().flat_map(|unread| unread.kinds.iter().copied()).collect();
    faults.extend(unread.into_iter().map(|unread| unread.fault));
    PublishedTunnels::new(ends, unknown).with_unread(kinds)
}

fn tunnel(item: &Field<'_>) -> Result<Tunnel, Unread> {
    let field = item.get("type");
    let expected = "a type of tunnels like vxlan-gpe";
    let text = field.text()?.filter(|text| !text.is_empty()).ok_or_else(|| field.fault(expected))?;
    let Some(kind) = TunnelKind::of(text) else { return Ok(Tunnel::UnknownType) };
    end(item, kind).map(Tunnel::End).map_err(Unread::of(kind))
}

fn end(item: &Field<'_>, kind: TunnelKind) -> Result<TunnelEnd, Fault> {
    let (listed, port) = (item.get("addresses"), port(&item.get("port"), kind)?);
    let addresses = addresses(&listed)?;
    let mtu = item.get("mtu").number(SMALLEST_TUNNEL_MTU, "a number of bytes from 576 to 65535")?;
    let end = TunnelEnd::new(kind, addresses, port, mtu);
    end.map_err(|_| listed.fault("a list of one address of each family at most"))
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
