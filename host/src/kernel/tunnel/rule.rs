//! rtnetlink's bytes → rules of policy routing, and rules → bytes (linux/fib_rules.h).

use egressd_core::net::Family;
use egressd_core::node::{PacketOrigin, RoutingRule, RuleAction, RuleMatch, Tunnel, TunnelTable};

use crate::kernel::netlink::{Attributes, Flags, Header, Message, Writer, array};

/// `struct fib_rule_hdr`: family, dst_len, src_len, tos, table, two bytes that are reserved, action (1 byte each), flags
/// (4 bytes).
pub(super) const RULE_HEADER: usize = 12;
const DESTINATION_LENGTH: usize = 1;
const TOS: usize = 3;
const ACTION: usize = 7;
const RULE_FLAGS: usize = 8;

/// `FR_ACT_*`.
const TO_TABLE: u8 = 1;
const GOTO: u8 = 2;
const NOP: u8 = 3;
const UNREACHABLE: u8 = 7;

/// `FIB_RULE_INVERT`: it matches what it does not say.
const INVERTED: u32 = 2;

/// `FRA_*`.
const INTERFACE: u16 = 3;
const TARGET: u16 = 4;
const PREFERENCE: u16 = 6;
const MARK: u16 = 10;
const TUNNEL_ID: u16 = 12;
const TABLE: u16 = 15;
const MASK: u16 = 16;
const PROTOCOL: u16 = 21;

/// What else a rule can match: addresses, realms, groups of interfaces, an outgoing interface, an l3mdev, users, protocols and
/// ports, DSCP and flow labels.
const MORE: [u16; 16] = [1, 2, 11, 13, 17, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29, 30];
/// `FRA_SUPPRESS_PREFIXLEN`, with which a rule passes over some routes of its table, and what it is where it passes over none.
const SUPPRESSED: u16 = 14;
const NONE_SUPPRESSED: [u8; 4] = [0xff; 4];

/// A rule that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Ours(RoutingRule),
    /// It is not among the preferences of the tunnel.
    Unrelated,
    /// It is, and egressd makes no such rule: its text.
    Foreign(String),
}

/// What becomes of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Delete,
}

/// One message that adds or deletes a rule.
pub(super) fn write(writer: &mut Writer, verb: Verb, rule: &RoutingRule, sequence: u32) {
    let (kind, flags) = match verb {
        Verb::Add => (libc::RTM_NEWRULE, Flags::CREATE),
        Verb::Delete => (libc::RTM_DELRULE, Flags::REQUEST),
    };
    writer.frame(Header { kind, flags, sequence }, &header(rule), |writer| attributes(writer, rule));
}

fn header(rule: &RoutingRule) -> [u8; RULE_HEADER] {
    let mut header = [0; RULE_HEADER];
    header[0] = super::number(rule.family);
    header[ACTION] = match rule.action {
        RuleAction::Lookup(_) => TO_TABLE,
        RuleAction::Goto => GOTO,
        RuleAction::Nop => NOP,
        RuleAction::Unreachable => UNREACHABLE,
    };
    header
}

fn attributes(writer: &mut Writer, rule: &RoutingRule) {
    writer.bytes(PREFERENCE, &u32::from(rule.preference).to_ne_bytes());
    writer.bytes(PROTOCOL, &[Tunnel::PROTOCOL]);
    if rule.packets.mask != 0 {
        writer.bytes(MARK, &rule.packets.mark.to_ne_bytes());
        writer.bytes(MASK, &rule.packets.mask.to_ne_bytes());
    }
    match rule.packets.origin {
        PacketOrigin::Any => {}
        PacketOrigin::Tunnel => {
            writer.text(INTERFACE, Tunnel::DEVICE);
            writer.bytes(TUNNEL_ID, &u64::from(Tunnel::NETWORK).to_be_bytes());
        }
    }
    match rule.action {
        RuleAction::Lookup(table) => writer.bytes(TABLE, &table.number().to_ne_bytes()),
        RuleAction::Goto => writer.bytes(TARGET, &u32::from(RoutingRule::END).to_ne_bytes()),
        RuleAction::Nop | RuleAction::Unreachable => {}
    }
}

/// What a message of a dump is about; none when it is shorter than it must be.
pub(super) fn read(message: &Message<'_>) -> Option<Found> {
    let header: [u8; RULE_HEADER] = array(message.payload(), 0)?;
    let attributes = message.attributes_behind(RULE_HEADER)?;
    // The kernel leaves out a preference of 0.
    let preference = attributes.get(PREFERENCE).map_or(Some(0), |value| array(value, 0).map(u32::from_ne_bytes))?;
    let among = u16::try_from(preference).ok().filter(|number| RoutingRule::PREFERENCES.contains(number));
    let Some(preference) = among else { return Some(Found::Unrelated) };
    let rule = own(&header, attributes, preference);
    Some(rule.map_or_else(|| Found::Foreign(describe(&header, attributes, preference)), Found::Ours))
}

/// The rule, if egressd makes such rules.
fn own(header: &[u8; RULE_HEADER], attributes: Attributes<'_>, preference: u16) -> Option<RoutingRule> {
    let has_more = MORE.into_iter().any(|kind| attributes.get(kind).is_some())
        || header[DESTINATION_LENGTH..=TOS] != [0; 3]
        || u32::from_ne_bytes(array(header, RULE_FLAGS)?) & INVERTED != 0
        || attributes.get(SUPPRESSED).is_some_and(|value| value != NONE_SUPPRESSED);
    let is_ours = attributes.get(PROTOCOL) == Some(&[Tunnel::PROTOCOL]);
    let number = |kind| attributes.get(kind).map_or(Some(0), |value| array(value, 0).map(u32::from_ne_bytes));
    let action = match header[ACTION] {
        TO_TABLE => RuleAction::Lookup(TunnelTable::numbered(number(TABLE)?)?),
        GOTO if number(TARGET)? == u32::from(RoutingRule::END) => RuleAction::Goto,
        NOP => RuleAction::Nop,
        UNREACHABLE => RuleAction::Unreachable,
        _ => return None,
    };
    let tunnel = u64::from(Tunnel::NETWORK).to_be_bytes();
    let origin = match (attributes.text(INTERFACE), attributes.get(TUNNEL_ID)) {
        (None, None) => PacketOrigin::Any,
        (Some(Tunnel::DEVICE), Some(id)) if id == tunnel => PacketOrigin::Tunnel,
        _ => return None,
    };
    let packets = RuleMatch { mark: number(MARK)?, mask: number(MASK)?, origin };
    let family = super::family(header[0])?;
    (is_ours && !has_more).then_some(RoutingRule { action, family, preference, packets })
}

/// As far as it is needed to find it in the output of `ip rule`.
fn describe(header: &[u8; RULE_HEADER], attributes: Attributes<'_>, preference: u16) -> String {
    let family = match super::family(header[0]) {
        Some(Family::Ipv6) => "IPv6",
        Some(Family::Ipv4) | None => "IPv4",
    };
    let protocol = attributes.get(PROTOCOL).and_then(<[u8]>::first).copied().unwrap_or_default();
    let end = RoutingRule::END;
    format!(
        "{family} rule with preference {preference} and protocol {protocol}, which packets without a mark of egressd's \
         pass over, on to {end}"
    )
}
