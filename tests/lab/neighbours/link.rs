//! An interface of a node, and sockets for its link layer.

use std::io;
use std::mem::size_of;
use std::net::Ipv6Addr;

use anyhow::{Context, Result};
use serde_json::Value;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use crate::namespace::{Namespace, output_of};
use crate::topology::Node;

// linux/if_ether.h, linux/if_arp.h
const ETH_P_ARP: u16 = 0x0806;
const ARPHRD_ETHER: u16 = 1;
const BROADCAST: Mac = [0xff; 6];
/// Neighbour discovery only believes packets that passed no router (RFC 4861, 7.1).
const HOP_LIMIT: u32 = 255;

/// An Ethernet address.
pub(super) type Mac = [u8; 6];

/// `sockaddr_ll` of linux/if_packet.h.
#[repr(C)]
struct LinkAddress {
    family: u16,
    protocol: u16,
    index: i32,
    hardware_type: u16,
    packet_type: u8,
    length: u8,
    address: [u8; 8],
}

#[derive(Debug)]
pub(super) struct Link {
    namespace: Namespace,
    name: String,
    index: u32,
    pub(super) mac: Mac,
}

impl Link {
    /// The interface of this name on a node.
    pub(super) fn of(node: &Node, name: &str) -> Result<Self> {
        let namespace = node.namespace.try_clone()?;
        let listing = output_of(namespace.command("ip").args(["-json", "link", "show", "dev", name]))?;
        let found = serde_json::from_str::<Value>(&listing)?;
        let (index, mac) = (found[0]["ifindex"].as_u64(), found[0]["address"].as_str().and_then(parse));
        let index = index.and_then(|index| index.try_into().ok()).with_context(|| format!("no index in {listing}"))?;
        let mac = mac.with_context(|| format!("no Ethernet address in {listing}"))?;
        Ok(Self { namespace, name: name.to_owned(), index, mac })
    }

    /// A socket that sends and hears ARP on this link.
    pub(super) fn arp(&self) -> Result<Socket> {
        let protocol = Protocol::from(i32::from(ETH_P_ARP.to_be()));
        let open = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol))?;
            socket.bind(&self.all_stations())?;
            Ok(socket)
        };
        self.namespace.run(open)?.context("cannot open a socket for ARP")
    }

    /// A socket that sends and hears neighbour discovery on this link.
    pub(super) fn neighbour_discovery(&self) -> Result<Socket> {
        let open = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
            socket.bind_device(Some(self.name.as_bytes()))?;
            socket.set_multicast_if_v6(self.index)?;
            socket.set_multicast_hops_v6(HOP_LIMIT)?;
            socket.set_unicast_hops_v6(HOP_LIMIT)?;
            Ok(socket)
        };
        self.namespace.run(open)?.context("cannot open a socket for neighbour discovery")
    }

    /// Joins a multicast group.
    pub(super) fn join(&self, socket: &Socket, group: &Ipv6Addr) -> Result<()> {
        socket.join_multicast_v6(group, self.index).with_context(|| format!("cannot join {group}"))
    }

    /// All stations on this link, as an address for ARP.
    pub(super) fn all_stations(&self) -> SockAddr {
        self.station(BROADCAST)
    }

    /// One station on this link, as an address for ARP.
    pub(super) fn station(&self, mac: Mac) -> SockAddr {
        let mut storage = SockAddrStorage::zeroed();
        let mut address = [0; 8];
        address[..mac.len()].copy_from_slice(&mac);
        // SAFETY: `LinkAddress` is what the kernel takes for an address of the family AF_PACKET; it holds integers only
        // and is smaller than any storage of an address.
        let link = unsafe { storage.view_as::<LinkAddress>() };
        *link = LinkAddress {
            family: i32::from(Domain::PACKET) as u16,
            protocol: ETH_P_ARP.to_be(),
            index: self.index as i32,
            hardware_type: ARPHRD_ETHER,
            packet_type: 0,
            length: mac.len() as u8,
            address,
        };
        // SAFETY: the family is set, and the length is that of what was written.
        unsafe { SockAddr::new(storage, size_of::<LinkAddress>() as u32) }
    }
}

/// `02:00:00:00:00:01` as bytes.
fn parse(text: &str) -> Option<Mac> {
    let bytes: Vec<u8> = text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<_, _>>().ok()?;
    bytes.try_into().ok()
}
