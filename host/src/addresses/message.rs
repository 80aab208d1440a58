//! rtnetlink bytes → what they say about links and addresses. Only what we look at is read, so that attributes of
//! kernels to come cannot confuse us.

use std::net::IpAddr;

use egressd_core::owner::Standing;
use netlink_packet_core::{NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NlasIterator};

use super::Error;

/// `struct ifinfomsg`: family, padding, type, index, flags, change.
const LINK_HEADER: usize = 16;
/// `struct ifaddrmsg`: family, prefix length, flags, scope, index.
const ADDRESS_HEADER: usize = 8;
/// `IFLA_IFNAME` (linux/if_link.h).
const IFLA_IFNAME: u16 = 3;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// It belongs to answers that may have gaps, because something changed meanwhile.
    pub(super) interrupted: bool,
    /// What it says.
    pub(super) event: Event,
}

/// What is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// There is an interface of this name.
    Link { index: u32, name: String },
    /// An interface is gone, with all that was on it.
    LinkGone { index: u32 },
    /// An address is on an interface.
    Address(Place, Standing),
    /// It is not any more.
    AddressGone(Place),
    /// The answers to a question end.
    End,
    /// The question is refused with this error number.
    Refused(i32),
    /// Nothing that we look at.
    Other,
}

/// What makes one address of an interface another than the next: IPv4 can have the same one with several networks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) local: IpAddr,
    /// The prefix length and the other end's address; none for IPv6, which has an address once at most and can
    /// change the other end in place.
    pub(super) network: Option<(u8, IpAddr)>,
}

/// The messages of a datagram.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Result<Message, Error>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let Ok(buffer) = NetlinkBuffer::new_checked(bytes) else {
            bytes = &[];
            return Some(Err(Error::Garbled));
        };
        let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        bytes = bytes.get(length.saturating_add(3) & !3..).unwrap_or_default();
        let interrupted = buffer.flags() & NLM_F_DUMP_INTR != 0;
        let event = event(buffer.message_type(), buffer.payload()).ok_or(Error::Garbled);
        Some(event.map(|event| Message { interrupted, event }))
    })
}

/// None when a message is shorter than its kind must be.
fn event(kind: u16, payload: &[u8]) -> Option<Event> {
    match kind {
        // Both carry an error number, negative, or zero where all is well.
        NLMSG_DONE | NLMSG_ERROR => match i32::from_ne_bytes(array(payload, 0)?) {
            0.. => Some(Event::End),
            error => Some(Event::Refused(error.saturating_neg())),
        },
        libc::RTM_NEWLINK | libc::RTM_DELLINK => link(kind, payload),
        libc::RTM_NEWADDR => {
            place(payload)?.map_or(Some(Event::Other), |place| Some(Event::Address(place, standing(payload)?)))
        }
        libc::RTM_DELADDR => Some(place(payload)?.map_or(Event::Other, Event::AddressGone)),
        _ => Some(Event::Other),
    }
}

fn link(kind: u16, payload: &[u8]) -> Option<Event> {
    let family = *payload.first()?;
    let index = u32::from_ne_bytes(array(payload, 4)?);
    // A bridge tells in its own family about its ports: there, a link that is gone has only left the bridge.
    if i32::from(family) != libc::AF_UNSPEC {
        return Some(Event::Other);
    }
    if kind == libc::RTM_DELLINK {
        return Some(Event::LinkGone { index });
    }
    let name = attribute(payload.get(LINK_HEADER..)?, IFLA_IFNAME)?;
    let name = name.strip_suffix(&[0]).unwrap_or(&name);
    Some(Event::Link { index, name: String::from_utf8_lossy(name).into_owned() })
}

/// The inner none: an address of a family that is none of ours.
fn place(payload: &[u8]) -> Option<Option<Place>> {
    let (family, prefix) = (i32::from(*payload.first()?), *payload.get(1)?);
    let index = u32::from_ne_bytes(array(payload, 4)?);
    let attributes = payload.get(ADDRESS_HEADER..)?;
    let address = |kind| attribute(attributes, kind).and_then(|value| ip(family, &value));
    if family != libc::AF_INET && family != libc::AF_INET6 {
        return Some(None);
    }
    // On a point-to-point link the "address" is the other end's; without one, the "local" may be missing.
    let other_end = address(libc::IFA_ADDRESS);
    let local = address(libc::IFA_LOCAL).or(other_end)?;
    let network = local.is_ipv4().then(|| (prefix, other_end.unwrap_or(local)));
    Some(Some(Place { index, local, network }))
}

fn standing(payload: &[u8]) -> Option<Standing> {
    let wide = attribute(payload.get(ADDRESS_HEADER..)?, libc::IFA_FLAGS).and_then(|value| array(&value, 0));
    let flags = wide.map_or(u32::from(*payload.get(2)?), u32::from_ne_bytes);
    // A duplicate stays tentative, too.
    Some(match (flags & libc::IFA_F_DADFAILED != 0, flags & libc::IFA_F_TENTATIVE != 0) {
        (true, _) => Standing::Duplicate,
        (false, true) => Standing::Tentative,
        (false, false) => Standing::Usable,
    })
}

fn ip(family: i32, value: &[u8]) -> Option<IpAddr> {
    if family == libc::AF_INET {
        Some(IpAddr::from(array::<4>(value, 0)?))
    } else {
        Some(IpAddr::from(array::<16>(value, 0)?))
    }
}

fn attribute(attributes: &[u8], kind: u16) -> Option<Vec<u8>> {
    let found = NlasIterator::new(attributes).map_while(Result::ok).find(|attribute| attribute.kind() == kind)?;
    Some(found.value().to_vec())
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn message(kind: u16, header: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut payload = header.to_vec();
        for (kind, value) in attributes {
            payload.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            payload.extend(kind.to_ne_bytes());
            payload.extend(*value);
            payload.resize(payload.len().next_multiple_of(4), 0);
        }
        let length = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes();
        [&length[..], &kind.to_ne_bytes(), &[0; 10], &payload].concat()
    }

    fn told(bytes: &[u8]) -> Event {
        messages(bytes).next().unwrap().unwrap().event
    }

    /// An IPv6 address on interface 7 with these flags.
    fn ipv6(flags: u32) -> Event {
        let header = [libc::AF_INET6 as u8, 128, flags as u8, 0, 7, 0, 0, 0];
        let attributes = [(libc::IFA_ADDRESS, &[1; 16][..]), (libc::IFA_FLAGS, &flags.to_ne_bytes())];
        told(&message(libc::RTM_NEWADDR, &header, &attributes))
    }

    fn link_header(family: i32) -> [u8; LINK_HEADER] {
        [family as u8, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    #[test]
    fn an_address_that_is_looked_for_elsewhere_is_not_usable_yet() {
        let place = Place { index: 7, local: IpAddr::from([1; 16]), network: None };
        assert_eq!(ipv6(libc::IFA_F_TENTATIVE), Event::Address(place.clone(), Standing::Tentative));
        let failed = libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED;
        assert_eq!(ipv6(failed), Event::Address(place.clone(), Standing::Duplicate));
        assert_eq!(ipv6(libc::IFA_F_PERMANENT), Event::Address(place, Standing::Usable));
    }

    #[test]
    fn the_address_of_a_point_to_point_link_is_the_near_one() {
        let attributes = [(libc::IFA_ADDRESS, &[10, 0, 0, 2][..]), (libc::IFA_LOCAL, &[10, 0, 0, 1])];
        let header = [libc::AF_INET as u8, 32, 0, 0, 7, 0, 0, 0];
        let network = Some((32, IpAddr::from([10, 0, 0, 2])));
        let place = Place { index: 7, local: IpAddr::from([10, 0, 0, 1]), network };
        assert_eq!(told(&message(libc::RTM_DELADDR, &header, &attributes)), Event::AddressGone(place));
    }

    #[test]
    fn a_link_that_leaves_a_bridge_is_not_gone() {
        let left = message(libc::RTM_DELLINK, &link_header(libc::AF_BRIDGE), &[(IFLA_IFNAME, b"eth0\0")]);
        assert_eq!(told(&left), Event::Other);
        let gone = message(libc::RTM_DELLINK, &link_header(libc::AF_UNSPEC), &[(IFLA_IFNAME, b"eth0\0")]);
        assert_eq!(told(&gone), Event::LinkGone { index: 7 });
    }

    #[test]
    fn every_message_of_a_datagram_is_read() {
        let link = |name: &[u8]| message(libc::RTM_NEWLINK, &link_header(libc::AF_UNSPEC), &[(IFLA_IFNAME, name)]);
        let events: Vec<Event> =
            messages(&[link(b"lo\0"), link(b"kube-ipvs0\0")].concat()).map(|message| message.unwrap().event).collect();
        let named = |name: &str| Event::Link { index: 7, name: name.to_owned() };
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
