//! When the kernel has changed elements of maps: it sends events to the nftables multicast group, at each commit.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use lab::Namespace;
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netlink, recv, socket_with,
    sockopt::set_socket_recv_buffer_size_force,
};

/// The bit of `NFNLGRP_NFTABLES`, which is group 7.
const NFTABLES_GROUP: u32 = 1 << 6;
/// `NFT_MSG_NEWSETELEM` and `NFT_MSG_DELSETELEM` of the subsystem nf_tables; each message is about one element.
const ADDED: u16 = NFTABLES | 12;
const DELETED: u16 = NFTABLES | 14;
const NFTABLES: u16 = 10 << 8;
/// `struct nlmsghdr`.
const NETLINK_HEADER: usize = 16;
/// Room for the events of a commit with 10,000 elements.
const RECEIVE_BUFFER: usize = 64 << 20;
/// Large enough for every datagram.
const DATAGRAM: usize = 128 * 1024;

/// The events of one network namespace.
pub(crate) struct KernelMonitor(Receiver<ElementEvents>);

/// Counts of elements in one datagram.
struct ElementEvents {
    at: Instant,
    added: usize,
    deleted: usize,
}

impl KernelMonitor {
    /// Listens from now on, until the process ends.
    pub(crate) fn of(namespace: &Namespace) -> Self {
        let socket = namespace.run(open).unwrap();
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; DATAGRAM];
            while sender.send(next(&socket, &mut buffer)).is_ok() {}
        });
        Self(receiver)
    }

    /// The time at which so many elements were added.
    pub(crate) fn wait_for_elements(&self, count: usize, timeout: Duration) -> Instant {
        let (deadline, mut added) = (Instant::now() + timeout, 0);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let events = self.0.recv_timeout(left).unwrap_or_else(|_| panic!("only {added} elements were added"));
            added += events.added;
            if added >= count {
                return events.at;
            }
        }
    }

    /// When an element was added or deleted for the next time.
    pub(crate) fn wait_for_change(&self, timeout: Duration) -> Instant {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let events = self.0.recv_timeout(left).expect("the change comes to the kernel");
            if events.added + events.deleted > 0 {
                return events.at;
            }
        }
    }

    /// Waits until nothing has changed for so long.
    pub(crate) fn wait_for_quiet(&self, quiet: Duration) {
        while self.0.recv_timeout(quiet).is_ok() {}
    }

    /// Discards the events so far.
    pub(crate) fn forget(&self) {
        self.0.try_iter().for_each(drop);
    }
}

fn open() -> OwnedFd {
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::NETFILTER)).unwrap();
    set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).unwrap();
    bind(&socket, &netlink::SocketAddrNetlink::new(0, NFTABLES_GROUP)).unwrap();
    socket
}

fn next(socket: &OwnedFd, buffer: &mut [u8]) -> ElementEvents {
    let (length, _) = recv(socket, &mut *buffer, RecvFlags::empty()).unwrap();
    let (mut events, mut rest) = (ElementEvents { at: Instant::now(), added: 0, deleted: 0 }, &buffer[..length]);
    // A message begins with its length and type, at a multiple of four bytes.
    while let Some([a, b, c, d, kind @ ..]) = rest.first_chunk::<6>() {
        let kind = u16::from_ne_bytes(*kind);
        events.added += usize::from(kind == ADDED);
        events.deleted += usize::from(kind == DELETED);
        let length = usize::try_from(u32::from_ne_bytes([*a, *b, *c, *d])).unwrap().next_multiple_of(4);
        rest = rest.get(length.max(NETLINK_HEADER)..).unwrap_or_default();
    }
    events
}
