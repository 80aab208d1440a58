//! Sockets whose packets go through the tunnel.

use std::io;
use std::net::{IpAddr, SocketAddr};

use egressd_core::net::Family;
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// One at this address, whose packets have this mark. They are never cut into fragments: a probe that is too large for the way
/// is to get lost.
///
/// # Errors
/// When the system refuses it: marks need CAP_NET_ADMIN.
pub(super) fn open(at: SocketAddr, mark: u32) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_mark(mark)?;
    match Family::of(at.ip()) {
        Family::Ipv4 => set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?,
        Family::Ipv6 => {
            set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::PROBE)?;
            socket.set_only_v6(true)?;
        }
    }
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}

/// One with a port of the system's choice, that takes answers of this node alone.
///
/// # Errors
/// As [`open`], and where no way leads there.
pub(super) async fn connected(own: IpAddr, to: SocketAddr, mark: u32) -> io::Result<UdpSocket> {
    let socket = open(SocketAddr::new(own, 0), mark)?;
    socket.connect(to).await?;
    Ok(socket)
}
