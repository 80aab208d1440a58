//! Asks other nodes, and takes in what they answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{io, process};

use egressd_core::net::Family;
use egressd_core::probing::{Answer, Probe, Probes};
use futures_util::future::{FutureExt as _, select_all};
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::packet::{MAX_BYTES, Packet, PacketKind};
use super::{PROBE_PORT, ProbeConfig, ProbeSize, ProbeTargets, Reached, sockets};
use crate::clock::{self, Instant, Moment};

/// The side of this node that asks.
pub(super) struct Asking {
    config: ProbeConfig,
    /// Distinguishes answers to this process from those to an earlier one.
    nonce: u64,
    begun: Instant,
    probes: Probes,
    peers: BTreeMap<IpAddr, Peer>,
    reached: watch::Sender<Reached>,
}

struct Peer {
    size: ProbeSize,
    /// None until it could be opened.
    socket: Option<UdpSocket>,
    /// The number of the newest probe.
    newest: u64,
}

/// What a socket has: a packet, or that one was refused.
type Received = io::Result<usize>;

impl Asking {
    pub(super) fn new(config: ProbeConfig, reached: watch::Sender<Reached>) -> Self {
        // Two processes that run one after the other differ in the second, and others in the number.
        let nonce = Moment::now().as_second().cast_unsigned() << 32 | u64::from(process::id());
        let (probes, peers) = (Probes::default(), BTreeMap::new());
        Self { config, nonce, begun: clock::now(), probes, peers, reached }
    }

    /// For as long as there is a sender of targets.
    pub(super) async fn run(mut self, mut targets: watch::Receiver<ProbeTargets>) {
        let mut bytes = vec![0; MAX_BYTES];
        self.follow(&targets.borrow_and_update().clone());
        loop {
            // In this order: answers that are there count before anything is missing.
            tokio::select! {
                biased;
                end = readable(&self.peers) => self.take(end, &mut bytes),
                changed = targets.changed() => match changed {
                    Ok(()) => self.follow(&targets.borrow_and_update().clone()),
                    Err(_) => return,
                },
                () = clock::until(self.probes.next().map(|next| self.begun + next)) => self.send().await,
            }
            self.publish();
        }
    }

    fn now(&self) -> Duration {
        clock::since(self.begun)
    }

    fn follow(&mut self, targets: &ProbeTargets) {
        self.probes.follow(&targets.keys().copied().collect(), self.now());
        self.peers.retain(|end, _| targets.contains_key(end));
        for (end, size) in targets {
            let new = Peer { size: *size, socket: None, newest: 0 };
            self.peers.entry(*end).or_insert(new).size = *size;
        }
    }

    async fn send(&mut self) {
        for probe in self.probes.due(self.now()) {
            let own = self.config.own.iter().find(|own| Family::of(**own) == Family::of(probe.end));
            let (Some(peer), Some(own)) = (self.peers.get_mut(&probe.end), own) else { continue };
            peer.newest = probe.number;
            let packet = Packet { nonce: self.nonce, number: probe.number };
            match peer.send(*own, probe.end, self.config.marks.home(), packet).await {
                // The error is about the probe before this one, which was not sent for it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.probes.answered(Probe { number: probe.number - 1, ..probe }, Answer::NoListener);
                    let _lost = peer.send(*own, probe.end, self.config.marks.home(), packet).await;
                }
                // What cannot be sent is not answered, which is what counts.
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Takes in everything that a socket has.
    fn take(&mut self, end: IpAddr, bytes: &mut [u8]) {
        let Some(Peer { socket: Some(socket), newest, .. }) = self.peers.get(&end) else { return };
        loop {
            let answer = match socket.try_recv(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                received => answer(received, bytes, self.nonce, *newest),
            };
            if let Some((number, answer)) = answer {
                self.probes.answered(Probe { end, number }, answer);
            }
        }
    }

    fn publish(&self) {
        let known = |end: &IpAddr| Some((*end, self.probes.reachability(*end)?));
        let now: Reached = self.peers.keys().filter_map(known).collect();
        self.reached.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }
}

impl Peer {
    async fn send(&mut self, own: IpAddr, end: IpAddr, mark: u32, packet: Packet) -> io::Result<()> {
        if self.socket.is_none() {
            self.socket = Some(sockets::connected(own, SocketAddr::new(end, PROBE_PORT), mark).await?);
        }
        match &self.socket {
            Some(socket) => socket.try_send(&packet.bytes(self.size)).map(drop),
            None => Ok(()),
        }
    }
}

/// What was received means for which probe.
fn answer(received: Received, bytes: &[u8], nonce: u64, newest: u64) -> Option<(u64, Answer)> {
    match received {
        Ok(length) => {
            let packet = Packet::of(PacketKind::Answer, &bytes[..length]).filter(|packet| packet.nonce == nonce)?;
            Some((packet.number, Answer::Echo))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Some((newest, Answer::NoListener)),
        Err(_) => None,
    }
}

/// The end of a node from which something came.
async fn readable(peers: &BTreeMap<IpAddr, Peer>) -> IpAddr {
    let sockets = peers.iter().filter_map(|(end, peer)| Some((*end, peer.socket.as_ref()?)));
    let waiting: Vec<_> = sockets.map(|(end, socket)| socket.readable().map(move |_| end).boxed()).collect();
    if waiting.is_empty() { std::future::pending().await } else { select_all(waiting).await.0 }
}
