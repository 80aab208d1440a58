//! What other programs change in tables of ours, as the kernel notifies of it.
//!
//! The kernel sends a message for each object of each commit to whoever listens (`NFNLGRP_NFTABLES`), ours among them, and
//! drops what does not fit. So a message is looked at no further than to its table, all that came is one piece of news, and
//! a gap is news about everything. What changed is read by others; nothing here decides.

use std::thread;
use std::time::Duration;
use std::{fmt, io};

use egressd_core::ruleset::TableNames;
use rustables::sys;
use rustix::net::netlink::NETFILTER;
use tokio::sync::watch;
use tracing::warn;

use super::attributes::{Message, Messages, text};
use super::describe::TableId;
use super::thread::KernelThread;
use super::wire::protocol;
use crate::errors::with_causes;
use crate::kernel::netlink::{self, Received, Setup, Socket, wait};
use crate::kernel::nft;

/// `NFNLGRP_NFTABLES`, the 7th (linux/netfilter/nfnetlink.h), as a bit.
const GROUP: u32 = 1 << 6;
/// Room for the notifications of a slice of ours while this thread waits for a core.
const RECEIVE_BUFFER: usize = 4 << 20;
const SETUP: Setup = Setup { protocol: Some(NETFILTER), groups: GROUP, receive_buffer: RECEIVE_BUFFER, switches: &[] };
/// What is gathered before it is news: neighbours may commit thousands of times a second.
const GATHERING: Duration = Duration::from_millis(1);
/// Between two tries to listen again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The table is the first attribute of every message (`NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE` and so on).
const TABLE: u16 = sys::NFTA_TABLE_NAME;

/// What other programs did since this process listens, as numbers that only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignChanges {
    /// How often something in a table of ours was changed.
    pub ours: u64,
    /// How often notifications were lost, or could not be received: anything may have changed.
    pub gaps: u64,
    /// Who changed a table of ours last, where the kernel named it.
    pub program: Option<Program>,
}

/// A program that committed a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name of the thread.
    pub name: String,
    /// The number of the process in the first namespace of processes.
    pub process: u32,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.process)
    }
}

/// What other programs do, always the newest. Clones wait for news each for itself.
#[derive(Clone, Debug)]
pub struct Notifications {
    newest: watch::Receiver<ForeignChanges>,
}

impl Notifications {
    /// Listens on a thread of its own for the life of the process, in the network namespace of the calling thread. What
    /// `kernel` commits is not foreign. Where the system does not let it listen, there is no news.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub async fn follow(kernel: &KernelThread, tables: &TableNames) -> Result<Self, nft::Error> {
        let own = kernel.ask(|kernel| Ok(kernel.port())).await?;
        let (sender, newest) = watch::channel(ForeignChanges::default());
        let tables: Vec<TableId> = TableId::all(tables).collect();
        let thread = thread::Builder::new().name("nft-news".to_owned());
        let started = thread.spawn(move || listen(own, &tables, &sender));
        let doing = "start the thread that receives notifications of nftables";
        started.map_err(|source| nft::Error::Io { doing, source })?;
        Ok(Self { newest })
    }

    /// What is known now, which is no news any more.
    pub fn now(&mut self) -> ForeignChanges {
        self.newest.borrow_and_update().clone()
    }

    /// What is known as soon as there is news. Where the thread has ended there is none.
    pub async fn changed(&mut self) -> ForeignChanges {
        match self.newest.changed().await {
            Ok(()) => self.now(),
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
impl Notifications {
    /// What a test says, without a kernel.
    pub(crate) fn from(newest: watch::Receiver<ForeignChanges>) -> Self {
        Self { newest }
    }
}

/// Hands over what is new until nothing takes it any more.
fn listen(own: u32, tables: &[TableId], sender: &watch::Sender<ForeignChanges>) {
    let mut reader = Reader { own, tables, seen: ForeignChanges::default(), unnamed: None };
    let mut trouble = None;
    while !sender.is_closed() {
        let ended = reader.follow(sender).map_err(|error| with_causes(&error)).err();
        if let Some(error) = ended.filter(|error| trouble.as_ref() != Some(error)) {
            warn!(error, "cannot receive notifications of nftables; the tables are read every minute");
            trouble = Some(error);
        }
        // Whatever came meanwhile is lost.
        reader.seen.gaps += 1;
        thread::sleep(RETRY_INTERVAL);
    }
}

/// Why there are no notifications.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot open a netlink socket for notifications")]
    Open(#[source] io::Error),
    #[error("cannot receive a notification")]
    Receive(#[source] io::Error),
    #[error("cannot receive a notification: it is malformed")]
    Malformed,
}

impl From<netlink::Error> for Error {
    fn from(error: netlink::Error) -> Self {
        match error {
            netlink::Error::Open(source) | netlink::Error::SetUp(source) => Self::Open(source),
            netlink::Error::Send(source) | netlink::Error::Receive(source) => Self::Receive(source),
            netlink::Error::TooLong
            | netlink::Error::Malformed
            | netlink::Error::Interrupted
            | netlink::Error::Refused(_) => Self::Malformed,
        }
    }
}

/// What is read of notifications.
struct Reader<'a> {
    own: u32,
    tables: &'a [TableId],
    seen: ForeignChanges,
    /// The port of a commit that changed a table of ours, and whose end, which names the program, did not come yet.
    unnamed: Option<u32>,
}

impl Reader<'_> {
    fn follow(&mut self, sender: &watch::Sender<ForeignChanges>) -> Result<(), Error> {
        let mut socket = Socket::open(&SETUP)?;
        loop {
            let news = self.seen.clone();
            sender.send_if_modified(|known| {
                let is_news = *known != news;
                *known = news;
                is_news
            });
            if sender.is_closed() {
                return Ok(());
            }
            wait([&socket], None)?;
            thread::sleep(GATHERING);
            self.receive(&mut socket)?;
        }
    }

    /// Takes in all that came.
    fn receive(&mut self, socket: &mut Socket) -> Result<(), Error> {
        loop {
            match socket.receive_if_any()? {
                Received::Bytes(bytes) => Messages(bytes).for_each(|message| self.take(&message)),
                Received::Nothing => return Ok(()),
                Received::Gap => self.seen.gaps += 1,
            }
        }
    }

    fn take(&mut self, message: &Message<'_>) {
        let port = message.port();
        if u32::from(message.kind >> 8) != sys::NFNL_SUBSYS_NFTABLES || port == self.own {
            return;
        }
        let kind = u32::from(message.kind & 0xff);
        if kind == sys::NFT_MSG_NEWGEN {
            self.end(message, port);
        } else if self.is_ours(message) {
            self.seen.ours += 1;
            self.unnamed = Some(port);
        }
    }

    fn is_ours(&self, message: &Message<'_>) -> bool {
        let Some(table) = message.attributes().text(TABLE) else { return false };
        let is_it = |ours: &TableId| ours.name.as_str() == table && protocol(ours.family) == message.protocol();
        self.tables.iter().any(is_it)
    }

    /// The end of a commit names the program.
    fn end(&mut self, message: &Message<'_>, port: u32) {
        if self.unnamed.take_if(|unnamed| *unnamed == port).is_none() {
            return;
        }
        let attributes = message.attributes();
        let name = attributes.get(sys::NFTA_GEN_PROC_NAME).and_then(text);
        let process = attributes.number(sys::NFTA_GEN_PROC_PID);
        self.seen.program = name.zip(process).map(|(name, process)| Program { name: name.to_owned(), process });
    }
}

#[cfg(test)]
#[path = "notifications_tests.rs"]
mod tests;
