//! Where messages go and answers come from: the kernel, or what tests put in its place.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, getsockname, recv, send, socket_with,
    sockopt,
};

use super::error::Error;

/// A way to the kernel and back.
pub(in crate::kernel) trait Transport: fmt::Debug + Send {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<()>;

    /// How many bytes of an answer came.
    fn receive(&mut self, buffer: &mut [u8], flags: RecvFlags) -> rustix::io::Result<usize>;

    /// Makes the send buffer hold so many bytes, as far as it may grow; gives what it holds then.
    fn make_room(&mut self, bytes: usize) -> usize;

    /// What to wait at; none where nothing has to be waited for.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// The kernel.
impl Transport for OwnedFd {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<()> {
        send(self, bytes, SendFlags::empty()).map(drop)
    }

    fn receive(&mut self, buffer: &mut [u8], flags: RecvFlags) -> rustix::io::Result<usize> {
        recv(self, buffer, flags).map(|(length, _)| length)
    }

    fn make_room(&mut self, bytes: usize) -> usize {
        // A user namespace forbids the forced size, and the other is cut to net.core.wmem_max.
        let _ = sockopt::set_socket_send_buffer_size_force(&*self, bytes)
            .or_else(|_| sockopt::set_socket_send_buffer_size(&*self, bytes));
        sockopt::socket_send_buffer_size(self).unwrap_or_default()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

/// What a socket is for.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Setup {
    /// Whom it talks to; none for NETLINK_ROUTE, which is protocol 0.
    pub(in crate::kernel) protocol: Option<Protocol>,
    /// Its multicast groups, as bits; none: answers alone.
    pub(in crate::kernel) groups: u32,
    /// Room for what comes and was not read yet. What does not fit is dropped.
    pub(in crate::kernel) receive_buffer: usize,
    /// What it does beside that.
    pub(in crate::kernel) switches: &'static [Switch],
}

/// A `SOL_NETLINK` option that is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Switch {
    /// Refusals say why, and do not send the request back (`NETLINK_EXT_ACK`, `NETLINK_CAP_ACK`).
    Explanations,
    /// Questions are looked at as a whole (`NETLINK_GET_STRICT_CHK`, Linux 4.20). Without it, a kernel passes over what it does
    /// not look at in a question, and answers with more; one that has no such option does so anyway.
    StrictQuestions,
}

/// Opens a socket in the calling thread's network namespace, which receives the notifications of its groups from then on; and
/// the port by which the kernel knows it.
///
/// # Errors
/// When the kernel has no such protocol, or forbids sockets.
pub(super) fn open(setup: &Setup) -> Result<(OwnedFd, u32), Error> {
    let opening = |errno: rustix::io::Errno| Error::Open(errno.into());
    let fd =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, setup.protocol).map_err(opening)?;
    for switch in setup.switches {
        switch.on(&fd)?;
    }
    // Before it receives anything. A smaller buffer does too.
    let _ = sockopt::set_socket_recv_buffer_size_force(&fd, setup.receive_buffer)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(&fd, setup.receive_buffer));
    bind(&fd, &SocketAddrNetlink::new(0, setup.groups)).map_err(opening)?;
    let address = getsockname(&fd).and_then(SocketAddrNetlink::try_from).map_err(opening)?;
    Ok((fd, address.pid()))
}

impl Switch {
    fn on(self, fd: &OwnedFd) -> Result<(), Error> {
        match self {
            Self::Explanations => {
                let options = [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK];
                options.into_iter().try_for_each(|option| enable(fd, option)).map_err(Error::SetUp)
            }
            Self::StrictQuestions => {
                let _ = enable(fd, libc::NETLINK_GET_STRICT_CHK);
                Ok(())
            }
        }
    }
}

/// `rustix` does not know these options.
fn enable(fd: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the descriptor is open, and the kernel reads `length` bytes of `on` before the call returns.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const on).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
