//! What a load balancer in layer 2 sends: which station has an address. ARP (RFC 826, RFC 5944 4.6) for IPv4,
//! neighbour discovery (RFC 4861) for IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

use anyhow::Result;

use super::link::{Link, Mac};

/// Ethernet, IPv4, and the lengths of both addresses.
const ARP_KINDS: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Bytes of an ARP message.
const ARP_LENGTH: usize = 28;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Where the options of both begin; the target is before them.
const OPTIONS: usize = 24;
const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: [u8; 2] = [2, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The operation of an ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Request = 1,
    Reply = 2,
}

/// Why a neighbour advertisement is sent, which is its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdvertisementReason {
    /// It answers a question; what the asker knows already stays.
    Solicited = 0x40,
    /// Not an answer; it replaces what neighbours have cached.
    Unsolicited = 0x20,
}

/// Announces on the link that this station has an address: by both forms of gratuitous ARP, or by an unsolicited
/// neighbour advertisement. kube-vip v1.2.3: `pkg/vip/arp.go` (`gratuitousARP`, request and reply in turn), `ndp.go`
/// (`SendGratuitous`). MetalLB v0.16.1: `internal/layer2/arp.go` and `ndp.go` (`Gratuitous`).
pub(super) fn announce(link: &Link, address: IpAddr) -> Result<()> {
    match address {
        IpAddr::V4(address) => {
            let socket = link.arp()?;
            for operation in [Operation::Reply, Operation::Request] {
                let message = arp(operation, (link.mac, address), (link.mac, address));
                socket.send_to(&message, &link.all_stations())?;
            }
        }
        IpAddr::V6(address) => {
            let message = advertisement(address, link.mac, AdvertisementReason::Unsolicited);
            link.neighbour_discovery()?.send_to(&message, &SocketAddrV6::new(ALL_NODES, 0, 0, 0).into())?;
        }
    }
    Ok(())
}

/// An ARP message with its sender and target.
pub(super) fn arp(operation: Operation, from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut message = ARP_KINDS.to_vec();
    message.extend([0, operation as u8]);
    for (mac, address) in [from, to] {
        message.extend(mac);
        message.extend(address.octets());
    }
    message
}

/// The sender of a request on the link, and the requested address; none for other messages.
pub(super) fn asked_by_arp(message: &[u8]) -> Option<((Mac, Ipv4Addr), Ipv4Addr)> {
    let message = message.get(..ARP_LENGTH)?;
    let address = |at: usize| Some(Ipv4Addr::from(*message[at..].first_chunk::<4>()?));
    let asks = message[..6] == ARP_KINDS && message[6..8] == [0, Operation::Request as u8];
    asks.then_some(((*message[8..].first_chunk()?, address(14)?), address(24)?))
}

/// The address that a neighbour solicitation requests. MetalLB ignores one without the sender's link address.
pub(super) fn asked_by_solicitation(message: &[u8]) -> Option<Ipv6Addr> {
    let asks = *message.first()? == SOLICITATION && *message.get(OPTIONS)? == SOURCE_LINK_ADDRESS;
    asks.then_some(Ipv6Addr::from(*message.get(8..)?.first_chunk::<16>()?))
}

/// A neighbour advertisement; the kernel fills in its checksum.
pub(super) fn advertisement(target: Ipv6Addr, mac: Mac, occasion: AdvertisementReason) -> Vec<u8> {
    let mut message = vec![ADVERTISEMENT, 0, 0, 0, occasion as u8, 0, 0, 0];
    message.extend(target.octets());
    message.extend(TARGET_LINK_ADDRESS);
    message.extend(mac);
    message
}
