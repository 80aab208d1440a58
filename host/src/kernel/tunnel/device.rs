//! rtnetlink's bytes → the tunnel's device, and the device → bytes (linux/if_link.h).

use std::num::NonZeroU16;

use egressd_core::node::{DeviceSetup, Tunnel, TunnelDevice, TunnelKind, TunnelMaker};

use super::LINK_HEADER;
use crate::kernel::netlink::{Attributes, Flags, Header, Message, Writer, array};

/// `struct ifinfomsg`: family (1 byte), padding, type (2 bytes), index, flags, change (4 bytes each).
const INDEX: usize = 4;
const LINK_FLAGS: usize = 8;
const CHANGE: usize = 12;

/// `struct ifaddrmsg`: family, prefixlen, flags, scope (1 byte each), index (4 bytes).
pub(super) const ADDRESS_HEADER: usize = 8;

/// `IFLA_INFO_KIND`, `IFLA_INFO_DATA` in `IFLA_LINKINFO`.
const KIND: u16 = 1;
const DATA: u16 = 2;
const VXLAN: &str = "vxlan";

/// `IFLA_VXLAN_LEARNING`, `IFLA_VXLAN_PORT`, `IFLA_VXLAN_COLLECT_METADATA`, `IFLA_VXLAN_GPE`.
const LEARNING: u16 = 7;
const PORT: u16 = 15;
const EXTERNAL: u16 = 25;
const GPE: u16 = 27;

/// `IFLA_INET_CONF` in `AF_INET` in `IFLA_AF_SPEC`: parameters by their numbers (`IPV4_DEVCONF_*`).
const PARAMETERS: u16 = 1;
const REVERSE_PATH: u16 = 8;
const MARK_IN_REVERSE_PATH: u16 = 24;
/// What they have to be: sources are accepted that are reached through another device.
const LOOSE: u32 = 2;
const ON: u32 = 1;

/// What has the name of the tunnel's device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// The tunnel of an egressd; complete but for its address, which another question is about.
    Tunnel { index: u32, device: TunnelDevice },
    /// What another program made, as in "a device of the kind bridge".
    Other(String),
}

/// Asks for it: the attributes. The kernel finds a device by its other names, too.
pub(super) fn by_name(writer: &mut Writer) {
    writer.text(libc::IFLA_IFNAME, Tunnel::DEVICE);
}

/// Makes the device, which is down.
pub(super) fn write_creation(writer: &mut Writer, device: &TunnelDevice, sequence: u32) {
    let header = Header { kind: libc::RTM_NEWLINK, flags: Flags::CREATE, sequence };
    writer.frame(header, &[0; LINK_HEADER], |writer| {
        writer.text(libc::IFLA_IFNAME, Tunnel::DEVICE);
        writer.bytes(libc::IFLA_GROUP, &device.maker.group().to_ne_bytes());
        writer.nest(libc::IFLA_LINKINFO, |writer| {
            writer.text(KIND, VXLAN);
            writer.nest(DATA, |writer| {
                writer.bytes(EXTERNAL, &[1]);
                // By default it learns the other ends of Ethernet addresses, which are not in its packets.
                writer.bytes(LEARNING, &[0]);
                writer.bytes(PORT, &device.port.get().to_be_bytes());
                match device.kind {
                    TunnelKind::VxlanGpe => writer.bytes(GPE, &[]),
                    TunnelKind::Vxlan => {}
                }
            });
        });
    });
}

/// Gives it its parameters and its MTU; both before it is up.
pub(super) fn write_parameters(writer: &mut Writer, index: u32, mtu: u32, sequence: u32) {
    let header = Header { kind: libc::RTM_SETLINK, flags: Flags::REQUEST, sequence };
    writer.frame(header, &link(index), |writer| {
        writer.bytes(libc::IFLA_MTU, &mtu.to_ne_bytes());
        writer.nest(libc::IFLA_AF_SPEC, |writer| {
            writer.nest(libc::AF_INET as u16, |writer| {
                writer.nest(PARAMETERS, |writer| {
                    writer.bytes(REVERSE_PATH, &LOOSE.to_ne_bytes());
                    writer.bytes(MARK_IN_REVERSE_PATH, &ON.to_ne_bytes());
                });
            });
        });
    });
}

/// Gives it its address, or the one that it has these flags.
pub(super) fn write_address(writer: &mut Writer, index: u32, sequence: u32) {
    let flags = Flags(Flags::UPDATE.0 | libc::NLM_F_REPLACE as u16);
    let header = Header { kind: libc::RTM_NEWADDR, flags, sequence };
    let mut fixed = [0; ADDRESS_HEADER];
    fixed[..4].copy_from_slice(&[libc::AF_INET as u8, 32, 0, libc::RT_SCOPE_LINK]);
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    writer.frame(header, &fixed, |writer| {
        let address = Tunnel::ADDRESS.octets();
        writer.bytes(libc::IFA_LOCAL, &address);
        writer.bytes(libc::IFA_ADDRESS, &address);
        writer.bytes(libc::IFA_FLAGS, &libc::IFA_F_NOPREFIXROUTE.to_ne_bytes());
    });
}

/// Brings it up.
pub(super) fn write_up(writer: &mut Writer, index: u32, sequence: u32) {
    let header = Header { kind: libc::RTM_SETLINK, flags: Flags::REQUEST, sequence };
    let up = (libc::IFF_UP as u32).to_ne_bytes();
    let mut fixed = link(index);
    fixed[LINK_FLAGS..CHANGE].copy_from_slice(&up);
    fixed[CHANGE..].copy_from_slice(&up);
    writer.frame(header, &fixed, |_| {});
}

pub(super) fn write_deletion(writer: &mut Writer, index: u32, sequence: u32) {
    let header = Header { kind: libc::RTM_DELLINK, flags: Flags::REQUEST, sequence };
    writer.frame(header, &link(index), |_| {});
}

fn link(index: u32) -> [u8; LINK_HEADER] {
    let mut header = [0; LINK_HEADER];
    header[INDEX..LINK_FLAGS].copy_from_slice(&index.to_ne_bytes());
    header
}

/// What a message says about the device; none when it is shorter than it must be.
pub(super) fn read(message: &Message<'_>) -> Option<Link> {
    let header = message.payload();
    let attributes = message.attributes_behind(LINK_HEADER)?;
    let index = u32::from_ne_bytes(array(header, INDEX)?);
    let info = attributes.nest(libc::IFLA_LINKINFO);
    let is_external = info.nest(DATA).get(EXTERNAL).is_some_and(|value| value == [1]);
    let group = attributes.get(libc::IFLA_GROUP).and_then(|value| array(value, 0)).map(u32::from_ne_bytes);
    let maker = group.and_then(TunnelMaker::by);
    let name = attributes.text(libc::IFLA_IFNAME)?;
    let other = |what: &str| Link::Other(what.to_owned());
    Some(match info.text(KIND) {
        _ if name != Tunnel::DEVICE => Link::Other(format!("another name of the device {}", name.escape_default())),
        Some(VXLAN) if !is_external => other("a VXLAN device of one network (not external)"),
        Some(VXLAN) => match maker {
            Some(maker) => Link::Tunnel { index, device: tunnel(header, attributes, maker)? },
            None => other("a VXLAN device that is in no group of egressd's"),
        },
        Some(kind) => Link::Other(format!("a device of the kind {}", kind.escape_default())),
        None => other("a device without a kind"),
    })
}

fn tunnel(header: &[u8], attributes: Attributes<'_>, maker: TunnelMaker) -> Option<TunnelDevice> {
    let data = attributes.nest(libc::IFLA_LINKINFO).nest(DATA);
    let port = NonZeroU16::new(u16::from_be_bytes(array(data.get(PORT)?, 0)?))?;
    let mtu = u32::from_ne_bytes(array(attributes.get(libc::IFLA_MTU)?, 0)?);
    let kind = if data.get(GPE).is_some() { TunnelKind::VxlanGpe } else { TunnelKind::Vxlan };
    let is_up = u32::from_ne_bytes(array(header, LINK_FLAGS)?) & libc::IFF_UP as u32 != 0;
    let parameters = attributes.nest(libc::IFLA_AF_SPEC).nest(libc::AF_INET as u16).get(PARAMETERS);
    let parameter = |number: u16| {
        let at = usize::from(number - 1) * 4;
        parameters.and_then(|all| array(all, at)).map(u32::from_ne_bytes)
    };
    let is_set = parameter(REVERSE_PATH) == Some(LOOSE) && parameter(MARK_IN_REVERSE_PATH) == Some(ON);
    let setup = if is_up && is_set { DeviceSetup::Complete } else { DeviceSetup::Incomplete };
    Some(TunnelDevice { kind, port, mtu, setup, maker })
}

/// Whether a message of a dump is about the tunnel's address.
pub(super) fn is_its_address(message: &Message<'_>, index: u32) -> bool {
    let header = message.payload();
    let is_on_it = array(header, 4).map(u32::from_ne_bytes) == Some(index) && header.get(1) == Some(&32);
    let local = message.attributes_behind(ADDRESS_HEADER).and_then(|attributes| attributes.get(libc::IFA_LOCAL));
    is_on_it && local == Some(&Tunnel::ADDRESS.octets())
}
