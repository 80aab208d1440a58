//! rtnetlink bytes → what they say about links and addresses. Only what we look at is read, so that attributes of
//! kernels to come cannot confuse us.

use std::net::IpAddr;

use egressd_core::owner::AddressState;
use ipnet::IpNet;

use super::Error;
use super::route::{Gateways, gateways};
use crate::kernel::netlink::{self, Answer, Attributes, Refusal, array, strictly};

/// `struct ifinfomsg`: family, padding, type, index, flags, change.
const LINK_HEADER: usize = 16;
/// `struct ifaddrmsg`: family, prefix length, flags, scope, index.
const ADDRESS_HEADER: usize = 8;
/// `IFLA_IFNAME` (linux/if_link.h).
const IFLA_IFNAME: u16 = 3;
/// Messages about next hops that are objects of their own (linux/rtnetlink.h).
const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// It belongs to answers that may have gaps, because something changed meanwhile.
    pub(super) interrupted: bool,
    /// The number of the question that it answers; notifications have another one.
    pub(super) sequence: u32,
    /// What it says.
    pub(super) event: Event,
}

/// What is reported.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// There is an interface of this name.
    Link {
        index: u32,
        name: String,
        state: LinkState,
    },
    /// An interface is gone, with all that was on it.
    LinkGone {
        index: u32,
    },
    /// An address is on an interface, with the network that is reached by it.
    Address(AddressId, AddressState, Option<IpNet>),
    /// It is not any more.
    AddressGone(AddressId),
    /// There is a route, or there is none any more, that leads to gateways like this.
    Route(Gateways),
    /// The answers to a question end.
    End,
    Refused(Refusal),
    /// Nothing that we look at.
    Other,
}

/// Whether packets leave by an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkState {
    /// They do.
    Up,
    /// It is switched off, or leads back to this node: loopback.
    Nowhere,
}

/// What makes one address of an interface another than the next: IPv4 can have the same one with several networks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AddressId {
    pub(super) index: u32,
    pub(super) local: IpAddr,
    /// The prefix length and the other end's address; none for IPv6, which has an address once at most and can
    /// change the other end in place.
    pub(super) network: Option<(u8, IpAddr)>,
}

/// The messages of a datagram.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = Result<Message, Error>> {
    strictly(bytes).map(|message| {
        let message = message.map_err(netlink::Error::from)?;
        Ok(Message { interrupted: message.interrupted(), sequence: message.sequence, event: event_of(message)? })
    })
}

fn event_of(message: netlink::Message<'_>) -> Result<Event, Error> {
    match message.answer().map_err(netlink::Error::from)? {
        Answer::Part(part) => parsed(&part),
        Answer::End => Ok(Event::End),
        Answer::Refused(refused) => Ok(Event::Refused(refused.refusal)),
    }
}

/// What a part of an answer, or a notification, says.
///
/// # Errors
/// When it is shorter than its kind must be.
pub(super) fn parsed(message: &netlink::Message<'_>) -> Result<Event, Error> {
    let event = event(message.kind, message.payload()).ok_or(Error::Garbled)?;
    let replaces = message.has(libc::NLM_F_REPLACE) && matches!(event, Event::Route(_));
    // The kernel does not name the route that it takes the place of.
    Ok(if replaces { Event::Route(Gateways::Somewhere) } else { event })
}

/// None when a message is shorter than its kind must be.
fn event(kind: u16, payload: &[u8]) -> Option<Event> {
    match kind {
        libc::RTM_NEWLINK | libc::RTM_DELLINK => link(kind, payload),
        libc::RTM_NEWADDR => match id(payload)? {
            Some((id, network)) => Some(Event::Address(id, standing(payload)?, network)),
            None => Some(Event::Other),
        },
        libc::RTM_DELADDR => Some(id(payload)?.map_or(Event::Other, |(id, _)| Event::AddressGone(id))),
        libc::RTM_NEWROUTE | libc::RTM_DELROUTE => gateways(payload).map(Event::Route),
        RTM_NEWNEXTHOP | RTM_DELNEXTHOP => Some(Event::Route(Gateways::Somewhere)),
        _ => Some(Event::Other),
    }
}

fn link(kind: u16, payload: &[u8]) -> Option<Event> {
    let family = *payload.first()?;
    let index = u32::from_ne_bytes(array(payload, 4)?);
    // A bridge reports in its own family about its ports: there, a link that is gone has only left the bridge.
    if i32::from(family) != libc::AF_UNSPEC {
        return Some(Event::Other);
    }
    if kind == libc::RTM_DELLINK {
        return Some(Event::LinkGone { index });
    }
    let name = Attributes(payload.get(LINK_HEADER..)?).get(IFLA_IFNAME)?;
    let name = String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name)).into_owned();
    let flags = u32::from_ne_bytes(array(payload, 8)?).cast_signed();
    let is_up = flags & libc::IFF_UP != 0 && flags & libc::IFF_LOOPBACK == 0;
    Some(Event::Link { index, name, state: if is_up { LinkState::Up } else { LinkState::Nowhere } })
}

/// An address, and the network that is reached by it. The inner none: an address of a family that is none of ours.
fn id(payload: &[u8]) -> Option<Option<(AddressId, Option<IpNet>)>> {
    let (family, prefix) = (i32::from(*payload.first()?), *payload.get(1)?);
    let index = u32::from_ne_bytes(array(payload, 4)?);
    let attributes = Attributes(payload.get(ADDRESS_HEADER..)?);
    let address = |kind| attributes.get(kind).and_then(|value| ip(family, value));
    if family != libc::AF_INET && family != libc::AF_INET6 {
        return Some(None);
    }
    // On a point-to-point link the "address" is the other end's; without one, the "local" may be missing.
    let other_end = address(libc::IFA_ADDRESS);
    let local = address(libc::IFA_LOCAL).or(other_end)?;
    let far = other_end.unwrap_or(local);
    let network = local.is_ipv4().then_some((prefix, far));
    let reached = IpNet::new(far, prefix).ok().map(|network| network.trunc());
    Some(Some((AddressId { index, local, network }, reached)))
}

fn standing(payload: &[u8]) -> Option<AddressState> {
    let wide = Attributes(payload.get(ADDRESS_HEADER..)?).get(libc::IFA_FLAGS).and_then(|value| array(value, 0));
    let flags = wide.map_or(u32::from(*payload.get(2)?), u32::from_ne_bytes);
    // A duplicate stays tentative, too.
    Some(match (flags & libc::IFA_F_DADFAILED != 0, flags & libc::IFA_F_TENTATIVE != 0) {
        (true, _) => AddressState::Duplicate,
        (false, true) => AddressState::Tentative,
        (false, false) => AddressState::Usable,
    })
}

fn ip(family: i32, value: &[u8]) -> Option<IpAddr> {
    if family == libc::AF_INET {
        Some(IpAddr::from(array::<4>(value, 0)?))
    } else {
        Some(IpAddr::from(array::<16>(value, 0)?))
    }
}

/// What messages are made of, for tests.
#[cfg(test)]
pub(super) mod testkit {
    #![expect(clippy::unwrap_used, reason = "tests")]

    /// Attributes as the kernel writes them.
    pub(crate) fn attributes(of: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, value) in of {
            bytes.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn message(kind: u16, header: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let payload = [header, &testkit::attributes(attributes)].concat();
        let length = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes();
        [&length[..], &kind.to_ne_bytes(), &[0; 10], &payload].concat()
    }

    fn parsed(bytes: &[u8]) -> Event {
        messages(bytes).next().unwrap().unwrap().event
    }

    /// An IPv6 address on interface 7 with these flags.
    fn ipv6(flags: u32) -> Event {
        let header = [libc::AF_INET6 as u8, 128, flags as u8, 0, 7, 0, 0, 0];
        let attributes = [(libc::IFA_ADDRESS, &[1; 16][..]), (libc::IFA_FLAGS, &flags.to_ne_bytes())];
        parsed(&message(libc::RTM_NEWADDR, &header, &attributes))
    }

    /// What the kernel says of an address with this prefix, and of the one at the other end.
    fn network(family: i32, prefix: u8, attributes: &[(u16, &[u8])]) -> Option<String> {
        let header = [family as u8, prefix, 0, 0, 7, 0, 0, 0];
        let Event::Address(_, _, network) = parsed(&message(libc::RTM_NEWADDR, &header, attributes)) else { panic!() };
        network.map(|network| network.to_string())
    }

    #[test]
    fn an_address_has_the_network_of_its_prefix_or_of_the_other_end() {
        let (local, far) = ((libc::IFA_LOCAL, &[10, 0, 0, 1][..]), (libc::IFA_ADDRESS, &[10, 9, 0, 2][..]));
        assert_eq!(network(libc::AF_INET, 24, &[local]).as_deref(), Some("10.0.0.0/24"));
        assert_eq!(network(libc::AF_INET, 16, &[local, far]).as_deref(), Some("10.9.0.0/16"));
        assert_eq!(network(libc::AF_INET, 33, &[local]), None);
        let v6 = [(libc::IFA_ADDRESS, &[0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9][..])];
        assert_eq!(network(libc::AF_INET6, 64, &v6).as_deref(), Some("2001:db8:1::/64"));
    }

    #[test]
    fn packets_leave_by_an_interface_that_is_up_and_no_loopback() {
        for (flags, expected) in [(0, LinkState::Nowhere), (1, LinkState::Up), (1 | 8, LinkState::Nowhere)] {
            let mut header = link_header(libc::AF_UNSPEC);
            header[8] = flags;
            let event = parsed(&message(libc::RTM_NEWLINK, &header, &[(IFLA_IFNAME, b"a\0")]));
            assert_eq!(event, Event::Link { index: 7, name: "a".to_owned(), state: expected }, "{flags}");
        }
    }

    #[test]
    fn a_route_that_takes_the_place_of_another_could_have_led_anywhere() {
        let mut route = message(libc::RTM_NEWROUTE, &[0; 12], &[]);
        assert_eq!(parsed(&route), Event::Route(Gateways::By(vec![])));
        route[6..8].copy_from_slice(&(libc::NLM_F_REPLACE as u16).to_ne_bytes());
        assert_eq!(parsed(&route), Event::Route(Gateways::Somewhere));
        assert_eq!(parsed(&message(RTM_NEWNEXTHOP, &[0; 8], &[])), Event::Route(Gateways::Somewhere));
    }

    fn link_header(family: i32) -> [u8; LINK_HEADER] {
        [family as u8, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    #[test]
    fn an_address_that_is_looked_for_elsewhere_is_not_usable_yet() {
        let id = AddressId { index: 7, local: IpAddr::from([1; 16]), network: None };
        let expected = |standing| Event::Address(id.clone(), standing, Some(IpNet::from(id.local)));
        assert_eq!(ipv6(libc::IFA_F_TENTATIVE), expected(AddressState::Tentative));
        let failed = libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED;
        assert_eq!(ipv6(failed), expected(AddressState::Duplicate));
        assert_eq!(ipv6(libc::IFA_F_PERMANENT), expected(AddressState::Usable));
    }

    #[test]
    fn the_address_of_a_point_to_point_link_is_the_near_one() {
        let attributes = [(libc::IFA_ADDRESS, &[10, 0, 0, 2][..]), (libc::IFA_LOCAL, &[10, 0, 0, 1])];
        let header = [libc::AF_INET as u8, 32, 0, 0, 7, 0, 0, 0];
        let network = Some((32, IpAddr::from([10, 0, 0, 2])));
        let id = AddressId { index: 7, local: IpAddr::from([10, 0, 0, 1]), network };
        assert_eq!(parsed(&message(libc::RTM_DELADDR, &header, &attributes)), Event::AddressGone(id));
    }

    #[test]
    fn a_link_that_leaves_a_bridge_is_not_gone() {
        let left = message(libc::RTM_DELLINK, &link_header(libc::AF_BRIDGE), &[(IFLA_IFNAME, b"eth0\0")]);
        assert_eq!(parsed(&left), Event::Other);
        let gone = message(libc::RTM_DELLINK, &link_header(libc::AF_UNSPEC), &[(IFLA_IFNAME, b"eth0\0")]);
        assert_eq!(parsed(&gone), Event::LinkGone { index: 7 });
    }

    #[test]
    fn every_message_of_a_datagram_is_read() {
        let link = |name: &[u8]| message(libc::RTM_NEWLINK, &link_header(libc::AF_UNSPEC), &[(IFLA_IFNAME, name)]);
        let events: Vec<Event> =
            messages(&[link(b"lo\0"), link(b"kube-ipvs0\0")].concat()).map(|message| message.unwrap().event).collect();
        let named = |name: &str| Event::Link { index: 7, name: name.to_owned(), state: LinkState::Nowhere };
        assert_eq!(events, [named("lo"), named("kube-ipvs0")]);
    }

    #[test]
    fn what_makes_no_sense_is_an_error_and_no_panic() {
        let whole = message(libc::RTM_NEWLINK, &link_header(libc::AF_UNSPEC), &[(IFLA_IFNAME, b"lo\0")]);
        for length in 1..whole.len() - 1 {
            let cut: Vec<_> = messages(&whole[..length]).collect();
            assert!(matches!(cut[..], [Err(Error::Garbled)]), "{length}: {cut:?}");
        }
        let short = message(libc::RTM_NEWADDR, &[libc::AF_INET as u8], &[]);
        assert!(messages(&short).next().unwrap().is_err());
    }
}
