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

use gateways::Routes;
use interfaces::Interfaces;
use message::{Event, messages};
use socket::{Groups, Question, Received, Socket, ask, open, wait};

use crate::kernel::netlink::{self, Refusal};

pub use observer::Observer;

/// How often to read everything when it changes while it is read. On a quiet node once is enough.
const MAX_ATTEMPTS: usize = 16;
/// Between two tries to hear from the kernel again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Why it is unknown what this node's interfaces have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no socket to ask with.
    #[error("cannot open a netlink socket for the node's interfaces")]
    Open(#[source] io::Error),
    /// The kernel cannot be asked, or does not answer.
    #[error("cannot read the node's interfaces")]
    Read(#[source] io::Error),
    /// The kernel refuses the question.
    #[error("cannot read the node's interfaces")]
    Refused(#[source] Refusal),
    /// The kernel does not report by which interfaces routes leave.
    #[error("cannot read the node's routes")]
    Routes(#[source] Refusal),
    /// It changed whenever it was read.
    #[error("cannot read the node's interfaces: they changed each of {MAX_ATTEMPTS} times meanwhile")]
    Unsettled,
    /// The answer makes no sense.
    #[error("cannot understand what the kernel says about the node's interfaces")]
    Garbled,
    /// There is no thread to listen on.
    #[error("cannot start the thread that listens to the node's interfaces")]
    Thread(#[source] io::Error),
    /// The thread is gone, which is a defect of egressd.
    #[error("cannot hear about the node's interfaces any more: the thread that listens is gone")]
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
pub struct Known {
    /// The addresses that they have.
    pub held: LocalAddresses,
    /// The networks that they are connected to, where no gateway is reached by the same interface: sorted, each once. One of
    /// which that is unknown is not among them.
    pub connected: Vec<Connected>,
}

/// What is known of this node's interfaces now, in the network namespace of the calling thread. Needs no privileges.
///
/// # Errors
/// When the kernel does not report.
pub fn read() -> Result<Known, Error> {
    Ok(Listener::begin()?.known())
}

/// What would be known if the kernel sent this, for tests that want answers no kernel gives.
///
/// # Errors
/// At the first message that makes no sense.
#[cfg(feature = "testkit")]
pub fn known_after(datagram: &[u8]) -> Result<Known, Error> {
    let mut interfaces = Interfaces::default();
    for message in messages(datagram) {
        interfaces.take(message?.event);
    }
    let lead_to_one = gateways::reported_gateway_interfaces(datagram)?;
    let leads_to_none = |index| lead_to_one.as_ref().is_some_and(|interfaces| !interfaces.contains(&index));
    Ok(Known { held: interfaces.held(), connected: interfaces.connected(leads_to_none) })
}

/// What is known of this node's interfaces, always the newest.
#[derive(Debug)]
pub struct Addresses {
    newest: watch::Receiver<Known>,
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

    /// What is known now.
    pub fn now(&mut self) -> Known {
        self.newest.borrow_and_update().clone()
    }

    /// What is known as soon as it is something else than was handed over last. Changes coalesce while nothing asks.
    ///
    /// # Errors
    /// When the thread is gone.
    pub async fn changed(&mut self) -> Result<Known, Error> {
        self.newest.changed().await.map_err(|_| Error::ThreadGone)?;
        Ok(self.now())
    }
}

/// Hands over what is new until nothing takes it any more.
fn listen(mut listener: Listener, sender: &watch::Sender<Known>) {
    while !sender.is_closed() {
        let heard = match listener.wait() {
            Ok(Heard::Everything) => Ok(()),
            Ok(Heard::Gaps) => listener.begin_again(),
            Err(error) => Err(error),
        };
        match heard {
            Ok(()) => {
                listener.attend();
                give(sender, listener.known());
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "what this node holds stays as it was known last");
                thread::sleep(RETRY_INTERVAL);
                listener.hearing.heard = Heard::Gaps;
            }
        }
    }
}

fn give(sender: &watch::Sender<Known>, newest: Known) {
    sender.send_if_modified(|known| {
        let changed = *known != newest;
        *known = newest;
        changed
    });
}

/// Whether the kernel reported all that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Everything,
    Gaps,
}

struct Listener {
    hearing: Hearing,
    routes: Routes,
}

impl Listener {
    fn begin() -> Result<Self, Error> {
        // What changes while everything is read is heard.
        let mut listener = Self { routes: Routes::open()?, hearing: Hearing::begin()? };
        listener.attend();
        Ok(listener)
    }

    fn begin_again(&mut self) -> Result<(), Error> {
        self.hearing = Hearing::begin()?;
        self.routes.doubt_all();
        Ok(())
    }

    /// Waits for news, and takes in all that there are of interfaces and addresses.
    fn wait(&mut self) -> Result<Heard, Error> {
        let Self { hearing, routes } = self;
        if hearing.heard == Heard::Gaps {
            return Ok(Heard::Gaps);
        }
        wait([Some(&hearing.socket), routes.socket()].into_iter().flatten(), routes.rest())?;
        hearing.take_news(routes)
    }

    /// Sees to what is known of gateways.
    fn attend(&mut self) {
        self.routes.attend(&self.hearing.interfaces.candidates());
    }

    fn known(&self) -> Known {
        let Hearing { interfaces, .. } = &self.hearing;
        let connected = interfaces.connected(|index| self.routes.lead_to_none(index));
        Known { held: interfaces.held(), connected }
    }
}

/// What is heard of interfaces and their addresses.
struct Hearing {
    socket: Socket,
    interfaces: Interfaces,
    heard: Heard,
}

impl Hearing {
    /// Listens, and then reads everything. Both come over one socket in the order in which they happened, so whoever
    /// takes in message after message ends with what is.
    fn begin() -> Result<Self, Error> {
        for _ in 0..MAX_ATTEMPTS {
            // A new one each time: in an old one there may be news from before the gap, and its end is lost.
            let socket = open(Groups::Interfaces)?;
            let mut hearing = Self { socket, interfaces: Interfaces::default(), heard: Heard::Everything };
            for question in [Question::Links, Question::Addresses] {
                if hearing.heard == Heard::Everything {
                    hearing.ask(question)?;
                }
            }
            if hearing.heard == Heard::Everything {
                return Ok(hearing);
            }
        }
        Err(Error::Unsettled)
    }

    /// Takes in all answers to a question, and the news among them.
    fn ask(&mut self, question: Question) -> Result<(), Error> {
        let sequence = ask(&mut self.socket, question)?;
        let mut interrupted = false;
        loop {
            let Received::Bytes(bytes) = self.socket.receive()? else {
                self.heard = Heard::Gaps;
                return Ok(());
            };
            for message in messages(bytes) {
                let message = message?;
                let is_answer = message.sequence == sequence;
                interrupted |= is_answer && message.interrupted;
                match message.event {
                    Event::End if is_answer => {
                        self.heard = if interrupted { Heard::Gaps } else { Heard::Everything };
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
                        self.interfaces.take(event);
                    }
                }
            }
        }
    }

    /// Takes in all that there is; routes that may be gone with it are in doubt.
    fn take_news(&mut self, routes: &mut Routes) -> Result<Heard, Error> {
        loop {
            match self.socket.receive_if_any()? {
                Received::Bytes(bytes) => {
                    for message in messages(bytes) {
                        if let Some(index) = self.interfaces.take(message?.event) {
                            routes.doubt(index);
                        }
                    }
                }
                Received::Nothing => return Ok(Heard::Everything),
                Received::Gap => return Ok(Heard::Gaps),
            }
        }
    }
}

#[cfg(test)]
impl Addresses {
    /// What a test says is known, without a kernel.
    pub(crate) fn from(newest: watch::Receiver<Known>) -> Self {
        Self { newest }
    }
}
