//! Many new connections: numbered datagrams, each from a port of its own, and the source address of each at its
//! receiver.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use socket2::{Domain, Socket, Type};

use crate::topology::{Lab, Pod};

/// Where the outside host listens for a flood; a source port is used once for each.
const PORTS: [u16; 4] = [9001, 9002, 9003, 9004];
/// The first source port; below are those on which pods answer.
const FIRST_SOURCE_PORT: u16 = 10_000;
const SOURCE_PORTS: u32 = 50_000;
/// Most datagrams of one flood: each its own connection, so that no old entry of conntrack is met.
pub const MAX_DATAGRAMS: u32 = SOURCE_PORTS * PORTS.len() as u32;
/// Between two datagrams: some 15,000 per second, and a core is left for changes of the rules.
const SEND_INTERVAL: Duration = Duration::from_micros(10);
/// Buffer for what arrives while the receiver's thread waits for its turn.
const RECEIVE_BUFFER: usize = 8 << 20;

/// A flood that is under way. It ends by itself after [`MAX_DATAGRAMS`] datagrams.
#[derive(Debug)]
pub struct Flood {
    sent: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
    sender: JoinHandle<io::Result<()>>,
    receivers: Vec<JoinHandle<io::Result<()>>>,
    seen: Arc<Mutex<BTreeMap<u32, IpAddr>>>,
}

impl Lab {
    /// Lets a pod send numbered datagrams to the outside host, each as a new connection, until it is stopped.
    ///
    /// # Errors
    /// When a socket cannot be opened.
    pub fn flood(&self, pod: &Pod, destination: IpAddr) -> Result<Flood> {
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let (sent, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let listen = |port| {
            let socket = self.outside().namespace.run(|| listen(SocketAddr::new(destination, port)))??;
            let (seen, over) = (Arc::clone(&seen), Arc::clone(&over));
            Ok(thread::spawn(move || receive(&socket, &seen, &over)))
        };
        let receivers = PORTS.into_iter().map(listen).collect::<Result<_>>()?;
        let source = pod.like(destination);
        let (counter, stop, namespace) = (Arc::clone(&sent), Arc::clone(&over), pod.host.namespace.try_clone()?);
        let send = move || namespace.run(|| send(source, destination, &counter, &stop))?;
        Ok(Flood { sent, over, sender: thread::spawn(send), receivers, seen })
    }
}

impl Flood {
    /// The number of the next datagram: all before it were sent, and it may be on its way.
    pub fn position(&self) -> u32 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Waits until so many were sent.
    ///
    /// # Errors
    /// When the sender has ended before.
    pub fn wait_until_sent(&self, count: u32) -> Result<()> {
        while self.position() < count {
            anyhow::ensure!(!self.sender.is_finished(), "the flood ended after {} datagrams", self.position());
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Stops it; returns for every datagram that arrived as whom it was seen.
    ///
    /// # Errors
    /// When a socket failed meanwhile.
    pub fn end(self) -> Result<BTreeMap<u32, IpAddr>> {
        self.over.store(true, Ordering::SeqCst);
        join(self.sender).context("the sender of the flood")?;
        for receiver in self.receivers {
            join(receiver).context("a receiver of the flood")?;
        }
        Ok(std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn join(thread: JoinHandle<io::Result<()>>) -> Result<()> {
    Ok(thread.join().map_err(|_| anyhow!("a thread panicked"))??)
}

fn listen(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    Ok(socket.into())
}

/// Until it is over and nothing came for a while.
fn receive(socket: &UdpSocket, seen: &Mutex<BTreeMap<u32, IpAddr>>, over: &AtomicBool) -> io::Result<()> {
    let mut number = [0; 4];
    loop {
        match socket.recv_from(&mut number) {
            Ok((_, from)) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.insert(u32::from_be_bytes(number), from.ip());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && over.load(Ordering::SeqCst) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn send(source: IpAddr, destination: IpAddr, sent: &AtomicU32, over: &AtomicBool) -> io::Result<()> {
    for number in 0..MAX_DATAGRAMS {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let offset = u16::try_from(number % SOURCE_PORTS).unwrap_or_default();
        let port = PORTS[(number / SOURCE_PORTS) as usize];
        match UdpSocket::bind((source, FIRST_SOURCE_PORT + offset)) {
            Ok(socket) => drop(socket.send_to(&number.to_be_bytes(), (destination, port))?),
            // One of the lab's own calls has it for the moment.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
        sent.store(number + 1, Ordering::SeqCst);
        thread::sleep(SEND_INTERVAL);
    }
    Ok(())
}
