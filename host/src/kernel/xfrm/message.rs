//! xfrm's bytes → policies, and policies → bytes. The structures are those of `linux/xfrm.h`, of which only the fields
//! are read that a policy of egressd's can differ in.

use std::net::IpAddr;

use egressd_core::net::{Family, MarkBit};
use egressd_core::node::{XfrmMaker, XfrmPolicy, XfrmRule, XfrmSelector, XfrmVerb};
use ipnet::IpNet;

use crate::kernel::netlink::{Attributes, Flags, Header, Message, Writer, array};

/// `XFRM_MSG_NEWPOLICY`, `XFRM_MSG_DELPOLICY`, `XFRM_MSG_GETPOLICY`.
const NEW_POLICY: u16 = 0x13;
const DELETE_POLICY: u16 = 0x14;
pub(super) const GET_POLICY: u16 = 0x15;

/// `XFRMA_TMPL`, `XFRMA_MARK`, `XFRMA_IF_ID`.
const TEMPLATES: u16 = 5;
const MARK: u16 = 21;
const INTERFACE_ID: u16 = 31;

/// `struct xfrm_selector`: daddr, saddr (16 bytes each), dport, dport_mask, sport, sport_mask, family (2 bytes each),
/// prefixlen_d, prefixlen_s, proto (1 byte each), 3 bytes of padding, ifindex, user (4 bytes each).
const SELECTOR: usize = 56;
const SOURCE: usize = 16;
const PORTS: usize = 32;
const FAMILY: usize = 40;
const DESTINATION_LENGTH: usize = 42;
const SOURCE_LENGTH: usize = 43;

/// `struct xfrm_userpolicy_info`: selector, `xfrm_lifetime_cfg` (8 numbers of 8 bytes), `xfrm_lifetime_cur` (4 of those),
/// priority, index (4 bytes each), dir, action, flags, share (1 byte each), padding to a multiple of 8.
const POLICY: usize = 168;
const LIFETIME: usize = SELECTOR;
const PRIORITY: usize = 152;
const DIRECTION: usize = 160;
const ACTION: usize = 161;

/// `struct xfrm_userpolicy_id`: selector, index (4 bytes), dir (1 byte), padding.
pub(super) const POLICY_ID: usize = 64;
const ID_DIRECTION: usize = 60;

/// `XFRM_POLICY_FWD`; from `XFRM_POLICY_MAX` on there are the policies of single sockets.
const FORWARD: u8 = 2;
const OF_SOCKETS: u8 = 3;
/// `XFRM_POLICY_ALLOW`, `XFRM_POLICY_BLOCK`.
const ALLOW: u8 = 0;
const BLOCK: u8 = 1;

/// A policy that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Ours(XfrmPolicy),
    /// Another egressd's of this node, or the policy of a single socket: neither is in the way.
    Unrelated,
    /// Another program's, as a message names it.
    Foreign(String),
}

/// One message that adds or deletes a policy.
pub(super) fn write(writer: &mut Writer, verb: XfrmVerb, policy: &XfrmPolicy, sequence: u32) {
    let header = |kind| Header { kind, flags: Flags::REQUEST, sequence };
    let mark = [0u32.to_ne_bytes(), policy.bit.mask().to_ne_bytes()].concat();
    let attributes = |writer: &mut Writer| writer.bytes(MARK, &mark);
    match verb {
        XfrmVerb::Add => writer.frame(header(NEW_POLICY), &policy_info(policy), attributes),
        XfrmVerb::Delete => {
            let mut id = [0; POLICY_ID];
            id[..SELECTOR].copy_from_slice(&selector(policy));
            id[ID_DIRECTION] = FORWARD;
            writer.frame(header(DELETE_POLICY), &id, attributes);
        }
    }
}

fn policy_info(policy: &XfrmPolicy) -> [u8; POLICY] {
    let mut info = [0; POLICY];
    info[..SELECTOR].copy_from_slice(&selector(policy));
    // The limits of bytes and packets, soft and hard: none (`XFRM_INF`). The times after them are 0, which is none.
    info[LIFETIME..LIFETIME + 32].fill(0xff);
    info[PRIORITY..PRIORITY + 4].copy_from_slice(&policy.priority().to_ne_bytes());
    info[DIRECTION] = FORWARD;
    info[ACTION] = match policy.rule {
        XfrmRule::Inside(_) => ALLOW,
        XfrmRule::Pod(_) => BLOCK,
    };
    info
}

fn selector(policy: &XfrmPolicy) -> [u8; SELECTOR] {
    let XfrmSelector { source, destination } = policy.selector();
    let mut selector = [0; SELECTOR];
    put(&mut selector[..SOURCE], destination.addr());
    put(&mut selector[SOURCE..PORTS], source.addr());
    let family = match policy.family() {
        Family::Ipv4 => libc::AF_INET,
        Family::Ipv6 => libc::AF_INET6,
    };
    selector[FAMILY..DESTINATION_LENGTH].copy_from_slice(&(family as u16).to_ne_bytes());
    selector[DESTINATION_LENGTH] = destination.prefix_len();
    selector[SOURCE_LENGTH] = source.prefix_len();
    selector
}

/// An IPv4 address is the first of the four words.
fn put(bytes: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(address) => bytes[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes.copy_from_slice(&address.octets()),
    }
}

/// What a message of a dump is about; none when it is shorter than it must be.
pub(super) fn read(message: &Message<'_>, ours: XfrmMaker) -> Option<Found> {
    let info = message.payload().get(..POLICY)?;
    if info[DIRECTION] >= OF_SOCKETS {
        return Some(Found::Unrelated);
    }
    let made = own(info, message.attributes_behind(POLICY)?);
    Some(match made {
        Some(policy) if policy.maker == ours => Found::Ours(policy),
        Some(_) => Found::Unrelated,
        None => Found::Foreign(describe(info)),
    })
}

/// The policy, if an egressd could have made it.
fn own(info: &[u8], attributes: Attributes<'_>) -> Option<XfrmPolicy> {
    let priority = u32::from_ne_bytes(array(info, PRIORITY)?);
    let maker = XfrmPolicy::maker_by(priority)?;
    let mark = attributes.get(MARK)?;
    let value = u32::from_ne_bytes(array(mark, 0)?);
    let bit = MarkBit::new(u32::from_ne_bytes(array(mark, 4)?)).ok()?;
    let rule = match info[ACTION] {
        ALLOW => XfrmRule::Inside(network(info, Side::Destination)?),
        BLOCK => XfrmRule::Pod(network(info, Side::Source)?.addr()),
        _ => return None,
    };
    let policy = XfrmPolicy { rule, bit, maker };
    let others = [TEMPLATES, INTERFACE_ID].into_iter().find_map(|kind| attributes.get(kind));
    let is_plain = others.is_none_or(|value| value.iter().all(|byte| *byte == 0));
    let is_exact = info[..SELECTOR] == selector(&policy) && policy.priority() == priority && value == 0;
    (is_plain && is_exact && info[DIRECTION] == FORWARD).then_some(policy)
}

#[derive(Clone, Copy)]
enum Side {
    Source,
    Destination,
}

fn network(info: &[u8], side: Side) -> Option<IpNet> {
    let family = i32::from(u16::from_ne_bytes(array(info, FAMILY)?));
    let (offset, length) = match side {
        Side::Destination => (0, DESTINATION_LENGTH),
        Side::Source => (SOURCE, SOURCE_LENGTH),
    };
    let address = match family {
        libc::AF_INET => IpAddr::from(array::<4>(info, offset)?),
        libc::AF_INET6 => IpAddr::from(array::<16>(info, offset)?),
        _ => return None,
    };
    IpNet::new(address, info[length]).ok()
}

/// As `ip xfrm policy` begins its lines.
fn describe(info: &[u8]) -> String {
    let text = |side| network(info, side).map_or_else(|| "any".to_owned(), |network| network.to_string());
    let direction = match info[DIRECTION] {
        0 => "in",
        1 => "out",
        _ => "fwd",
    };
    let priority = array(info, PRIORITY).map_or(0, u32::from_ne_bytes);
    format!("src {} dst {} dir {direction} priority {priority}", text(Side::Source), text(Side::Destination))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
