//! Which addresses this node's interfaces have, and which networks they are connected to, as the kernel reports it over
//! rtnetlink. Nothing is polled: the kernel says what changes, and where it had to drop a part of that, everything is read
//! again.

mod gateways;
mod interfaces;
mod message;
mod observer;
mod route;
mod socket;

use std::io;
use std::thread;
use std::time::Duration;

use egressd_core::model::Connected;
use egressd_core::owner::LocalAddresses;
use tokio::sync::watch;
use tracing::warn;

use gateways::GatewayRoutes;
use interfaces::Interfaces;
use message::{Event, messages};
use socket::{Groups, Question, Received, Socket, ask, open, wait};

use crate::kernel::netlink::{self, Refusal};

pub use observer::Observer;

/// How often to read everything when it changes while it is read. On a quiet node once is enough.
const MAX_ATTEMPTS: usize = 16;
/// Between two tries to subscribe again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Why it is unknown what this node's interfaces have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open a netlink socket for the node's interfaces")]
    Open(#[source] io::Error),
    /// The kernel cannot be asked, or does not answer.
    #[error("cannot read the node's interfaces")]
    Read(#[source] io::Error),
    #[error("cannot read the node's interfaces")]
    Refused(#[source] Refusal),
    /// The kernel does not report by which interfaces routes leave.
    #[error("cannot read the node's routes")]
    Routes(#[source] Refusal),
    #[error("cannot read the node's interfaces: they changed each of {MAX_ATTEMPTS} times meanwhile")]
    Unsettled,
    #[error("cannot decode the kernel's answer about the node's interfaces")]
    Garbled,
    #[error("cannot start the thread that listens to the node's interfaces")]
    Thread(#[source] io::Error),
    /// The thread is gone, which is a defect of egressd.
    #[error("cannot follow the node's interfaces: their thread has ended")]
    ThreadGone,
}

impl From<netlink::Error> for Error {
    fn from(error: netlink::Error) -> Self {
        match error {
            netlink::Error::Open(source) | netlink::Error::SetUp(source) => Self::Open(source),
            netlink::Error::Send(source) | netlink::Error::Receive(source) => Self::Read(source),
            netlink::Error::TooLong | netlink::Error::Malformed => Self::Garbled,
            netlink::Error::Interrupted => Self::Unsettled,
            netlink::Error::Refused(refused) => Self::Refused(refused.refusal),
        }
    }
}

/// What is known of this node's interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeInterfaces {
    pub held: LocalAddresses,
    /// The networks that they are connected to, where no gateway is reached by the same interface: sorted, each once. One of
    /// which that is unknown is not among them.
    pub connected: Vec<Connected>,
}

/// What is known of this node's interfaces now, in the network namespace of the calling thread. Needs no privileges.
///
/// # Errors
/// When the kernel does not report.
pub fn read() -> Result<NodeInterfaces, Error> {
    Ok(Listener::begin()?.known())
}

/// What would be known if the kernel sent this, for tests that want answers no kernel gives.
///
/// # Errors
/// At the first message that makes no sense.
#[cfg(feature = "testkit")]
pub fn interfaces_after(datagram: &[u8]) -> Result<NodeInterfaces, Error> {
    let mut interfaces = Interfaces::default();
    for message in messages(datagram) {
        interfaces.apply(message?.event);
    }
    let with_gateway = gateways::reported_gateway_interfaces(datagram)?;
    let leads_to_none = |index| with_gateway.as_ref().is_some_and(|interfaces| !interfaces.contains(&index));
    Ok(NodeInterfaces { held: interfaces.held(), connected: interfaces.connected(leads_to_none) })
}

/// What is known of this node's interfaces, always the newest.
#[derive(Debug)]
pub struct Addresses {
    newest: watch::Receiver<NodeInterfaces>,
}

impl Addresses {
    /// Reads everything, and goes on listening on a thread of its own: its socket blocks.
    ///
    /// # Errors
    /// When the kernel does not report, or there is no thread.
    pub fn follow() -> Result<Self, Error> {
        let listener = Listener::begin()?;
        let (sender, newest) = watch::channel(listener.known());
        let thread = thread::Builder::new().name("addresses".to_owned());
        thread.spawn(move || listen(listener, &sender)).map_err(Error::Thread)?;
        Ok(Self { newest })
    }

    pub fn now(&mut self) -> NodeInterfaces {
        self.newest.borrow_and_update().clone()
    }

    /// What is known as soon as it is something else than was handed over last. Changes coalesce while nothing asks.
    ///
    /// # Errors
    /// When the thread is gone.
    pub async fn changed(&mut self) -> Result<NodeInterfaces, Error> {
        self.newest.changed().await.map_err(|_| Error::ThreadGone)?;
        Ok(self.now())
    }
}

/// Hands over what is new until nothing takes it any more.
fn listen(mut listener: Listener, sender: &watch::Sender<NodeInterfaces>) {
    while !sender.is_closed() {
        let result = match listener.wait() {
            Ok(Coverage::Complete) => Ok(()),
            Ok(Coverage::Gaps) => listener.resubscribe(),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                listener.refresh_routes();
                send_if_changed(sender, listener.known());
            }
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot follow this node's interfaces; the last known addresses stay in use"
                );
                thread::sleep(RETRY_INTERVAL);
                listener.subscription.coverage = Coverage::Gaps;
            }
        }
    }
}

fn send_if_changed(sender: &watch::Sender<NodeInterfaces>, newest: NodeInterfaces) {
    sender.send_if_modified(|known| {
        let changed = *known != newest;
        *known = newest;
        changed
    });
}

/// Whether the kernel reported all that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coverage {
    Complete,
    Gaps,
}

struct Listener {
    subscription: Subscription,
    routes: GatewayRoutes,
}

impl Listener {
    fn begin() -> Result<Self, Error> {
        // What changes while everything is read is received.
        let mut listener = Self { routes: GatewayRoutes::open()?, subscription: Subscription::begin()? };
        listener.refresh_routes();
        Ok(listener)
    }

    fn resubscribe(&mut self) -> Result<(), Error> {
        self.subscription = Subscription::begin()?;
        self.routes.mark_all_stale();
        Ok(())
    }

    /// Waits for notifications, and takes in all about interfaces and addresses.
    fn wait(&mut self) -> Result<Coverage, Error> {
        let Self { subscription, routes } = self;
        if subscription.coverage == Coverage::Gaps {
            return Ok(Coverage::Gaps);
        }
        wait([Some(&subscription.socket), routes.socket()].into_iter().flatten(), routes.pause_left())?;
        subscription.receive_changes(routes)
    }

    /// Sees to what is known of gateways.
    fn refresh_routes(&mut self) {
        self.routes.refresh(&self.subscription.interfaces.candidates());
    }

    fn known(&self) -> NodeInterfaces {
        let Subscription { interfaces, .. } = &self.subscription;
        let connected = interfaces.connected(|index| self.routes.reaches_no_gateway(index));
        NodeInterfaces { held: interfaces.held(), connected }
    }
}

/// What is received about interfaces and their addresses.
struct Subscription {
    socket: Socket,
    interfaces: Interfaces,
    coverage: Coverage,
}

impl Subscription {
    /// Listens, and then reads everything. Both come over one socket in the order in which they happened, so whoever
    /// takes in message after message ends with what is.
    fn begin() -> Result<Self, Error> {
        for _ in 0..MAX_ATTEMPTS {
            // A new one each time: in an old one there may be notifications from before the gap, and its end is lost.
            let socket = open(Groups::Interfaces)?;
            let mut subscription = Self { socket, interfaces: Interfaces::default(), coverage: Coverage::Complete };
            for question in [Question::Links, Question::Addresses] {
                if subscription.coverage == Coverage::Complete {
                    subscription.ask(question)?;
                }
            }
            if subscription.coverage == Coverage::Complete {
                return Ok(subscription);
            }
        }
        Err(Error::Unsettled)
    }

    /// Takes in all answers to a question, and the notifications among them.
    fn ask(&mut self, question: Question) -> Result<(), Error> {
        let sequence = ask(&mut self.socket, question)?;
        let mut interrupted = false;
        loop {
            let Received::Bytes(bytes) = self.socket.receive()? else {
                self.coverage = Coverage::Gaps;
                return Ok(());
            };
            for message in messages(bytes) {
                let message = message?;
                let is_answer = message.sequence == sequence;
                interrupted |= is_answer && message.interrupted;
                match message.event {
                    Event::End if is_answer => {
                        self.coverage = if interrupted { Coverage::Gaps } else { Coverage::Complete };
                        return Ok(());
                    }
                    Event::Refused(refusal) if is_answer => return Err(Error::Refused(refusal)),
                    event @ (Event::Link { .. }
                    | Event::LinkGone { .. }
                    | Event::Address(..)
                    | Event::AddressGone(_)
                    | Event::Route(_)
                    | Event::End
                    | Event::Refused(_)
                    | Event::Other) => {
                        self.interfaces.apply(event);
                    }
                }
            }
        }
    }

    /// Takes in all that there is; routes that may be gone with it are in doubt.
    fn receive_changes(&mut self, routes: &mut GatewayRoutes) -> Result<Coverage, Error> {
        loop {
            match self.socket.receive_if_any()? {
                Received::Bytes(bytes) => {
                    for message in messages(bytes) {
                        if let Some(index) = self.interfaces.apply(message?.event) {
                            routes.mark_stale(index);
                        }
                    }
                }
                Received::Nothing => return Ok(Coverage::Complete),
                Received::Gap => return Ok(Coverage::Gaps),
            }
        }
    }
}

#[cfg(test)]
impl Addresses {
    /// What a test says is known, without a kernel.
    pub(crate) fn from(newest: watch::Receiver<NodeInterfaces>) -> Self {
        Self { newest }
    }
}
