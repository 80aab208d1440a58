//! Which interfaces lead to a gateway. A node may have a million routes that change all the time, so none is kept: what
//! changes is received for a moment and then not for a while, and only where it concerns an interface that matters is the
//! kernel asked for the routes of that one, until one with a gateway was found.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::ControlFlow;
use std::time::Duration;

use tracing::warn;

use super::Error;
use super::message::{Event, messages, parsed};
use super::route::Gateways;
use super::socket::{Groups, Question, Received, Socket, each_answer, open};
use crate::clock::{self, Instant};
use crate::kernel::netlink;

/// How long nothing is received after something was.
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// How many times longer than it took to look: to pass over a million routes takes the kernel some tenths of a second.
const PAUSE_FACTOR: u32 = 50;

/// How many notifications are taken in before something else is done.
const MAX_MESSAGES: usize = 1024;

/// What is known of the interfaces that matter.
#[derive(Debug)]
pub(super) struct GatewayRoutes {
    socket: Socket,
    known: BTreeMap<u32, GatewayState>,
    /// Until when nothing is received or queried.
    pause: Option<Instant>,
    trouble: Trouble,
}

/// What is known of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GatewayState {
    reach: Reach,
    freshness: Freshness,
}

/// Where an interface leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// A route with a gateway leaves by it.
    Gateway,
    /// None does.
    OwnNetworks,
}

/// Whether something was received since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Fresh,
    /// It counts until it was looked for again, so that nothing goes and comes with each notification.
    Stale,
}

/// Whether looking failed last time, which is reported once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Reported,
}

impl GatewayRoutes {
    /// Listens; nothing is known yet.
    ///
    /// # Errors
    /// When the kernel forbids it.
    pub(super) fn open() -> Result<Self, Error> {
        let socket = open(Groups::Routes)?;
        Ok(Self { socket, known: BTreeMap::new(), pause: None, trouble: Trouble::None })
    }

    /// The socket to receive from, outside of a pause.
    pub(super) fn socket(&self) -> Option<&Socket> {
        self.pause_left().is_none().then_some(&self.socket)
    }

    /// How long nothing is received yet.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        self.pause.map(|until| until.saturating_duration_since(clock::now())).filter(|rest| !rest.is_zero())
    }

    /// What is known of an interface may not hold any more.
    pub(super) fn mark_stale(&mut self, index: u32) {
        if let Some(known) = self.known.get_mut(&index) {
            known.freshness = Freshness::Stale;
        }
    }

    /// The same of all of them.
    pub(super) fn mark_all_stale(&mut self) {
        self.known.values_mut().for_each(|known| known.freshness = Freshness::Stale);
    }

    /// Whether it is known that an interface leads to no gateway.
    pub(super) fn reaches_no_gateway(&self, index: u32) -> bool {
        self.known.get(&index).is_some_and(|known| known.reach == Reach::OwnNetworks)
    }

    /// Takes in the notifications, and looks for what is not known of these interfaces, which are all that matter.
    pub(super) fn refresh(&mut self, candidates: &BTreeSet<u32>) {
        if self.pause_left().is_some() {
            return;
        }
        let begun = clock::now();
        let activity = self.receive_changes();
        self.known.retain(|index, _| candidates.contains(index));
        let is_fresh = |index: &u32| self.known.get(index).is_some_and(|known| known.freshness == Freshness::Fresh);
        let asked: BTreeSet<u32> = candidates.iter().copied().filter(|index| !is_fresh(index)).collect();
        if !asked.is_empty() {
            self.query(&asked);
        }
        let is_quiet = activity == Activity::None && asked.is_empty();
        self.pause = (!is_quiet).then(|| clock::now() + MIN_PAUSE.max(clock::since(begun) * PAUSE_FACTOR));
    }

    /// Takes in what there is.
    fn receive_changes(&mut self) -> Activity {
        let mut activity = Activity::None;
        // What waits beyond that is received after the next pause.
        for _ in 0..MAX_MESSAGES {
            match route_changes(&mut self.socket) {
                RouteChanges::None => return activity,
                RouteChanges::Of(interfaces) => interfaces.into_iter().for_each(|index| self.mark_stale(index)),
                RouteChanges::Any => self.mark_all_stale(),
            }
            activity = Activity::Some;
        }
        activity
    }

    /// Where it fails, what was known before goes on to count, and an interface of which nothing was is not known to lead to
    /// none.
    fn query(&mut self, asked: &BTreeSet<u32>) {
        let before = mem::replace(&mut self.trouble, Trouble::None);
        for index in asked {
            match query_reach(*index) {
                Ok(Some(reach)) => {
                    self.known.insert(*index, GatewayState { reach, freshness: Freshness::Fresh });
                }
                Ok(None) => {}
                Err(error) if before == Trouble::None && self.trouble == Trouble::None => {
                    self.trouble = Trouble::Reported;
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "cannot determine by which interfaces gateways are reached");
                }
                Err(_) => self.trouble = Trouble::Reported,
            }
        }
    }
}

/// Whether there was any notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    None,
    Some,
}

/// What is received about routes.
enum RouteChanges {
    /// Nothing now.
    None,
    /// By these interfaces one leads to a gateway, or did.
    Of(Vec<u32>),
    /// It could be about any: some of it is lost, or cannot be understood.
    Any,
}

fn route_changes(socket: &mut Socket) -> RouteChanges {
    let bytes = match socket.receive_if_any() {
        Ok(Received::Nothing) => return RouteChanges::None,
        Ok(Received::Gap) | Err(_) => return RouteChanges::Any,
        Ok(Received::Bytes(bytes)) => bytes,
    };
    let mut concerned = Vec::new();
    for message in messages(bytes) {
        match message.map(|message| message.event) {
            Ok(Event::Route(Gateways::By(interfaces))) => concerned.extend(interfaces),
            Ok(Event::Route(Gateways::Somewhere)) | Err(_) => return RouteChanges::Any,
            Ok(
                Event::Link { .. }
                | Event::LinkGone { .. }
                | Event::Address(..)
                | Event::AddressGone(_)
                | Event::End
                | Event::Refused(_)
                | Event::Other,
            ) => {}
        }
    }
    RouteChanges::Of(concerned)
}

/// Where an interface leads. None when the routes changed while they were read, so that one may have been missed, and when it
/// is gone.
fn query_reach(index: u32) -> Result<Option<Reach>, Error> {
    let mut consistency = Consistency::Whole;
    for question in [Question::RoutesV4(index), Question::RoutesV6(index)] {
        // One for each: when it is dropped, the kernel goes on no further.
        let mut socket = open(Groups::None)?;
        match each_answer(&mut socket, question, |route| find_gateway(index, route)) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(found)) => return found.map(Some),
            Err(netlink::Error::Interrupted) => consistency = Consistency::Interrupted,
            Err(netlink::Error::Refused(refused)) if refused.refusal.errno == libc::ENODEV => return Ok(None),
            Err(netlink::Error::Refused(refused)) => return Err(Error::Routes(refused.refusal)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((consistency == Consistency::Whole).then_some(Reach::OwnNetworks))
}

/// Whether all routes that were read are of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consistency {
    Whole,
    Interrupted,
}

/// Breaks off at a route that leads to a gateway by this interface. Kernels before 4.20 answer with the routes of all of them.
fn find_gateway(index: u32, route: &netlink::Message<'_>) -> ControlFlow<Result<Reach, Error>> {
    match parsed(route) {
        Ok(Event::Route(Gateways::By(interfaces))) if !interfaces.contains(&index) => ControlFlow::Continue(()),
        Ok(Event::Route(Gateways::By(_) | Gateways::Somewhere)) => ControlFlow::Break(Ok(Reach::Gateway)),
        Ok(
            Event::Link { .. }
            | Event::LinkGone { .. }
            | Event::Address(..)
            | Event::AddressGone(_)
            | Event::End
            | Event::Refused(_)
            | Event::Other,
        ) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Err(error)),
    }
}

/// Which of all interfaces lead to a gateway as a datagram reports, for tests; none when it could be any.
#[cfg(feature = "testkit")]
pub(super) fn reported_gateway_interfaces(datagram: &[u8]) -> Result<Option<BTreeSet<u32>>, Error> {
    let mut found = BTreeSet::new();
    for message in messages(datagram) {
        match message?.event {
            Event::Route(Gateways::By(interfaces)) => found.extend(interfaces),
            Event::Route(Gateways::Somewhere) => return Ok(None),
            Event::Link { .. }
            | Event::LinkGone { .. }
            | Event::Address(..)
            | Event::AddressGone(_)
            | Event::End
            | Event::Refused(_)
            | Event::Other => {}
        }
    }
    Ok(Some(found))
}
