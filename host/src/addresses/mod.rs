//! Which addresses this node's interfaces have, as the kernel tells it over rtnetlink. Nothing is polled: the
//! kernel says what changes, and where it had to drop a word of that, everything is read again.

mod interfaces;
mod message;
mod socket;

use std::io;
use std::thread;
use std::time::Duration;

use egressd_core::owner::Held;
use tokio::sync::watch;
use tracing::warn;

use interfaces::Interfaces;
use message::{Event, messages};
use socket::{Question, Received, Socket};

/// How often to read everything when it changes while it is read. On a quiet node once is enough.
const ATTEMPTS: usize = 16;
/// Between two tries to hear from the kernel again.
const RETRY: Duration = Duration::from_secs(1);

/// Why it is unknown what this node's interfaces have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no socket to ask with.
    #[error("cannot open a netlink socket for the node's interfaces")]
    Open(#[source] io::Error),
    /// The kernel cannot be asked, or does not answer.
    #[error("cannot read the node's interfaces")]
    Read(#[source] io::Error),
    /// It changed whenever it was read.
    #[error("cannot read the node's interfaces: they changed each of {ATTEMPTS} times meanwhile")]
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

/// What this node's interfaces have now, in the network namespace of the calling thread. Needs no privileges.
///
/// # Errors
/// When the kernel does not tell.
pub fn read() -> Result<Held, Error> {
    Ok(Listener::begin()?.interfaces.held())
}

/// What they would have if the kernel said this, for tests that want answers no kernel gives.
///
/// # Errors
/// At the first message that makes no sense.
#[cfg(feature = "testkit")]
pub fn held_after(datagram: &[u8]) -> Result<Held, Error> {
    let mut interfaces = Interfaces::default();
    messages(datagram).try_for_each(|message| message.map(|message| interfaces.take(message.event)))?;
    Ok(interfaces.held())
}

/// What this node's interfaces have, always the newest.
#[derive(Debug)]
pub struct Addresses {
    newest: watch::Receiver<Held>,
}

impl Addresses {
    /// Reads everything, and goes on listening on a thread of its own: its socket blocks.
    ///
    /// # Errors
    /// When the kernel does not tell, or there is no thread.
    pub fn follow() -> Result<Self, Error> {
        let listener = Listener::begin()?;
        let (giver, newest) = watch::channel(listener.interfaces.held());
        let thread = thread::Builder::new().name("addresses".to_owned());
        thread.spawn(move || listen(listener, &giver)).map_err(Error::Thread)?;
        Ok(Self { newest })
    }

    /// What they have now.
    pub fn now(&mut self) -> Held {
        self.newest.borrow_and_update().clone()
    }

    /// What they have as soon as it is something else than was told last. Changes coalesce while nobody asks.
    ///
    /// # Errors
    /// When the thread is gone.
    pub async fn changed(&mut self) -> Result<Held, Error> {
        self.newest.changed().await.map_err(|_| Error::ThreadGone)?;
        Ok(self.now())
    }
}

/// Hands over what is new until nobody takes it any more.
fn listen(mut listener: Listener, giver: &watch::Sender<Held>) {
    while !giver.is_closed() {
        let heard = match listener.wait() {
            Ok(Heard::Everything) => Ok(()),
            Ok(Heard::Gaps) => listener.begin_again(),
            Err(error) => Err(error),
        };
        match heard {
            Ok(()) => give(giver, listener.interfaces.held()),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "what this node holds stays as it was known last");
                thread::sleep(RETRY);
                listener.heard = Heard::Gaps;
            }
        }
    }
}

fn give(giver: &watch::Sender<Held>, held: Held) {
    giver.send_if_modified(|known| {
        let changed = *known != held;
        *known = held;
        changed
    });
}

/// Whether the kernel told all that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Everything,
    Gaps,
}

struct Listener {
    socket: Socket,
    interfaces: Interfaces,
    heard: Heard,
}

impl Listener {
    /// Listens, and then reads everything. Both come over one socket in the order in which they happened, so whoever
    /// takes in message after message ends with what is.
    fn begin() -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            // A new one each time: in an old one there may be news from before the gap, and its end is lost.
            let (socket, interfaces) = (Socket::open()?, Interfaces::default());
            let mut listener = Self { socket, interfaces, heard: Heard::Everything };
            for question in [Question::Links, Question::Addresses] {
                if listener.heard == Heard::Everything {
                    listener.ask(question)?;
                }
            }
            if listener.heard == Heard::Everything {
                return Ok(listener);
            }
        }
        Err(Error::Unsettled)
    }

    fn begin_again(&mut self) -> Result<(), Error> {
        *self = Self::begin()?;
        Ok(())
    }

    /// Takes in all answers to a question, and the news among them.
    fn ask(&mut self, question: Question) -> Result<(), Error> {
        self.socket.ask(question)?;
        let mut interrupted = false;
        loop {
            let Received::Bytes(bytes) = self.socket.receive()? else {
                self.heard = Heard::Gaps;
                return Ok(());
            };
            for message in messages(bytes) {
                let message = message?;
                interrupted |= message.interrupted;
                match message.event {
                    Event::End => {
                        self.heard = if interrupted { Heard::Gaps } else { Heard::Everything };
                        return Ok(());
                    }
                    Event::Refused(errno) => return Err(Error::Read(io::Error::from_raw_os_error(errno))),
                    event @ (Event::Link { .. }
                    | Event::LinkGone { .. }
                    | Event::Address(..)
                    | Event::AddressGone(_)
                    | Event::Other) => self.interfaces.take(event),
                }
            }
        }
    }

    /// Waits for news, and takes in all that there are.
    fn wait(&mut self) -> Result<Heard, Error> {
        if self.heard == Heard::Gaps {
            return Ok(Heard::Gaps);
        }
        self.socket.ready()?;
        loop {
            match self.socket.receive_if_any()? {
                Received::Bytes(bytes) => {
                    for message in messages(bytes) {
                        self.interfaces.take(message?.event);
                    }
                }
                Received::Nothing => return Ok(Heard::Everything),
                Received::Gap => return Ok(Heard::Gaps),
            }
        }
    }
}
