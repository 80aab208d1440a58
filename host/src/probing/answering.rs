//! The answers to other nodes' probes: as large as those, and with the same number.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

use super::packet::{MAX_BYTES, Packet};
use super::{Error, PROBE_PORT, ProbeConfig, sockets};

/// A socket at each end of this node.
pub(super) fn open(config: &ProbeConfig) -> Result<Vec<UdpSocket>, Error> {
    let open = |address: &_| {
        let socket = sockets::open(SocketAddr::new(*address, PROBE_PORT), config.marks.home());
        socket.map_err(|source| Error::Socket { address: *address, source })
    };
    config.own.iter().map(open).collect()
}

/// Answers for the life of the thread.
pub(super) async fn answer(socket: UdpSocket) {
    let mut bytes = vec![0; MAX_BYTES];
    loop {
        // An error is about an earlier answer, for which there was no receiver.
        let Ok((length, from)) = socket.recv_from(&mut bytes).await else { continue };
        let received = &mut bytes[..length];
        // One that cannot be sent is one that got lost.
        if Packet::answer(received) {
            let _lost = socket.send_to(received, from).await;
        }
    }
}
