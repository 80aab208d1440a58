//! The netlink socket: one `send` for each batch, and what the kernel answers.
//!
//! The kernel works inside `send`, so all answers to a batch are queued when it returns. No message asks for an
//! acknowledgement: success is silence.

use std::{
    fmt, io,
    os::fd::{AsRawFd, OwnedFd},
};

use rustables::sys;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, getsockname, netlink, recv, send, socket_with,
    sockopt,
};

use super::{
    attributes::{Attributes, Message, Messages, array},
    error::{Error, Refusal},
    transaction::Sealed,
    wire::{Flags, Header, Writer},
};

/// The kernel puts at most 32 KiB into one datagram of a dump; an error echoes no more than a header.
const RECEIVE_CHUNK: usize = 64 * 1024;

/// Room for the refusals of some thousands of messages. What does not fit is dropped, and the first is what counts.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The kernel wants this much of the send buffer for itself (`netlink_sendmsg`).
const SEND_OVERHEAD: usize = 32;

/// Where messages go, and where the answers come from.
pub(super) trait Line: fmt::Debug + Send {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<()>;

    /// How many bytes of an answer came.
    fn receive(&mut self, buffer: &mut [u8], flags: RecvFlags) -> rustix::io::Result<usize>;

    /// Makes the send buffer hold so many bytes, as far as it may grow; gives what it holds then.
    fn make_room(&mut self, bytes: usize) -> usize;
}

/// The kernel.
impl Line for OwnedFd {
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
}

/// A socket for nf_tables, of the network namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Socket {
    line: Box<dyn Line>,
    buffer: Vec<u8>,
    sequence: u32,
    /// The size of the send buffer.
    room: usize,
    /// Our netlink port.
    port: u32,
}

/// What the kernel said about a batch it did not take.
#[derive(Debug)]
pub(super) struct Refused {
    /// Which message; 0 for all of them.
    pub(super) sequence: u32,
    /// Where in the message.
    pub(super) offset: Option<u32>,
    /// Why.
    pub(super) refusal: Refusal,
}

/// How sending a batch ended.
pub(super) type Outcome = Result<(), Refused>;

impl Socket {
    /// Opens it in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel has no netfilter netlink, or forbids sockets.
    pub(super) fn open() -> Result<Self, Error> {
        let opening = |source| failed("open a netlink socket", source);
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::NETFILTER))
            .map_err(opening)?;
        // Refusals say why (NETLINK_EXT_ACK) and do not send the request back (NETLINK_CAP_ACK).
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK] {
            enable(&fd, option).map_err(|source| Error::Io { doing: "set up a netlink socket", source })?;
        }
        bind(&fd, &netlink::SocketAddrNetlink::new(0, 0)).map_err(opening)?;
        let address = getsockname(&fd).and_then(netlink::SocketAddrNetlink::try_from).map_err(opening)?;
        // A smaller buffer does too.
        let _ = sockopt::set_socket_recv_buffer_size_force(&fd, RECEIVE_BUFFER)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&fd, RECEIVE_BUFFER));
        Ok(Self::over(fd, address.pid()))
    }

    /// Over a line that is there.
    pub(super) fn over(line: impl Line + 'static, port: u32) -> Self {
        Self { line: Box::new(line), buffer: vec![0; RECEIVE_CHUNK], sequence: 0, room: 0, port }
    }

    /// The port by which the kernel knows us as the owner of a table.
    pub(super) fn port(&self) -> u32 {
        self.port
    }

    /// Hands a batch to the kernel. The inner error is the kernel's, and then nothing has changed.
    ///
    /// # Errors
    /// When the batch could not be sent at all.
    pub(super) fn commit(&mut self, transaction: &Sealed) -> Result<Outcome, Error> {
        let bytes = transaction.bytes.len();
        self.grow(bytes + SEND_OVERHEAD);
        match self.line.send(&transaction.bytes) {
            Ok(()) => self.drain(),
            Err(rustix::io::Errno::MSGSIZE) => Err(Error::BatchTooLarge { bytes }),
            Err(source) => Err(failed("send a batch to nf_tables", source)),
        }
    }

    /// Asks for all things of a kind and gives every answer to `each`.
    ///
    /// # Errors
    /// [`DumpError::Interrupted`] when the ruleset changed meanwhile.
    pub(super) fn dump(
        &mut self,
        header: Header,
        filter: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), DumpError> {
        let sequence = self.request(Header { flags: Flags::DUMP, ..header }, filter)?;
        let mut interrupted = false;
        loop {
            let length = self.receive(RecvFlags::empty())?.unwrap_or_default();
            for message in Messages(&self.buffer[..length]).filter(|message| message.sequence == sequence) {
                interrupted |= message.interrupted();
                match u32::from(message.kind) {
                    sys::NLMSG_DONE if interrupted => return Err(DumpError::Interrupted),
                    sys::NLMSG_DONE => return Ok(()),
                    sys::NLMSG_ERROR => return Err(dump_refused(&message)),
                    _ => each(&message),
                }
            }
        }
    }

    /// Asks for some things and gives every answer to `each`. The kernel answers inside `send`.
    ///
    /// # Errors
    /// When it refuses; the answers before are given all the same.
    pub(super) fn ask(
        &mut self,
        header: Header,
        attributes: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), DumpError> {
        let sequence = self.request(header, attributes)?;
        let mut refused = Ok(());
        while let Some(length) = self.receive(RecvFlags::DONTWAIT)? {
            for message in Messages(&self.buffer[..length]).filter(|message| message.sequence == sequence) {
                match u32::from(message.kind) {
                    sys::NLMSG_ERROR => refused = Err(dump_refused(&message)),
                    _ => each(&message),
                }
            }
        }
        refused
    }

    /// The number of the ruleset's generation: it is another one after every change.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub(super) fn generation(&mut self) -> Result<u32, DumpError> {
        let sequence = self.request(Header::nftables(sys::NFT_MSG_GETGEN, Flags::REQUEST, None), |_| {})?;
        let length = self.receive(RecvFlags::empty())?.unwrap_or_default();
        let answer = Messages(&self.buffer[..length]).find(|message| message.sequence == sequence);
        match answer {
            Some(message) if u32::from(message.kind) == sys::NLMSG_ERROR => Err(dump_refused(&message)),
            Some(message) => message.attributes().number(sys::NFTA_GEN_ID).ok_or(GARBLED),
            None => Err(GARBLED),
        }
    }

    fn request(&mut self, header: Header, attributes: impl FnOnce(&mut Writer)) -> Result<u32, DumpError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut writer = Writer::default();
        writer.message(Header { sequence: self.sequence, ..header }, attributes);
        self.line.send(&writer.finish()?).map_err(|source| failed("ask nf_tables", source))?;
        Ok(self.sequence)
    }

    /// Reads all that is there. The first refusal is the cause; later ones often follow from it.
    fn drain(&mut self) -> Result<Outcome, Error> {
        let mut outcome: Outcome = Ok(());
        while let Some(length) = self.receive(RecvFlags::DONTWAIT)? {
            for refused in Messages(&self.buffer[..length]).filter_map(|message| refusal(&message)) {
                match &mut outcome {
                    Ok(()) => outcome = Err(refused),
                    Err(first) => first.refusal.others += 1,
                }
            }
        }
        Ok(outcome)
    }

    /// How many bytes came; none when none are there and `flags` says not to wait.
    fn receive(&mut self, flags: RecvFlags) -> Result<Option<usize>, Error> {
        loop {
            match self.line.receive(&mut self.buffer, flags) {
                Ok(length) => return Ok(Some(length)),
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                // Interrupted by a signal; or more refusals than fit, of which the first are still there.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::NOBUFS) => {}
                Err(source) => return Err(failed("read the answer of nf_tables", source)),
            }
        }
    }

    /// Makes the send buffer hold `bytes`. Where it may not grow, `send` will tell.
    fn grow(&mut self, bytes: usize) {
        if bytes > self.room {
            self.room = self.line.make_room(bytes);
        }
    }
}

/// Why nothing could be read.
#[derive(Debug)]
pub(super) enum DumpError {
    /// The ruleset changed: ask again.
    Interrupted,
    /// Anything else.
    Failed(Error),
}

impl From<Error> for DumpError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

const GARBLED: DumpError = DumpError::Failed(Error::Garbled("a question about the ruleset"));

fn failed(doing: &'static str, source: rustix::io::Errno) -> Error {
    Error::Io { doing, source: source.into() }
}

/// What was to be dumped is gone, or the dump was interrupted: both mean that the ruleset changed.
fn dump_refused(message: &Message<'_>) -> DumpError {
    let Some(refused) = refusal(message) else {
        return GARBLED;
    };
    match refused.refusal.errno {
        libc::EINTR | libc::ENOENT => DumpError::Interrupted,
        libc::EPERM => DumpError::Failed(Error::NotPermitted),
        _ => DumpError::Failed(Error::Refused { action: "read the ruleset".to_owned(), source: refused.refusal }),
    }
}

/// `struct nlmsgerr`: the error number, the header of the request, attributes.
fn refusal(message: &Message<'_>) -> Option<Refused> {
    let payload = (u32::from(message.kind) == sys::NLMSG_ERROR).then(|| message.payload())?;
    let error = i32::from_ne_bytes(array(payload, 0)?);
    let sequence = u32::from_ne_bytes(array(payload, 12)?);
    let attributes = Attributes(payload.get(20..).unwrap_or_default());
    let words = attributes.text(sys::NLMSGERR_ATTR_MSG as u16).map(str::to_owned);
    // The only number here that is in the machine's order.
    let offset =
        attributes.get(sys::NLMSGERR_ATTR_OFFS as u16).and_then(|value| array(value, 0)).map(u32::from_ne_bytes);
    (error != 0).then(|| Refused {
        sequence,
        offset,
        refusal: Refusal { errno: error.wrapping_neg(), words, others: 0 },
    })
}

/// Switches a `SOL_NETLINK` option on. `rustix` does not know them.
fn enable(fd: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the descriptor is open, and the kernel reads `length` bytes of `on` before the call returns.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const on).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer to message 7 of a batch: "File exists", about the byte 48, in some words.
    fn answer(words: &str) -> Vec<u8> {
        let mut writer = Writer::default();
        let request = [20_u32.to_ne_bytes(), [0; 4], 7_u32.to_ne_bytes(), [0; 4]].concat();
        writer.raw(&[(-libc::EEXIST).to_ne_bytes().to_vec(), request].concat());
        writer.text(sys::NLMSGERR_ATTR_MSG as u16, words);
        writer.bytes(sys::NLMSGERR_ATTR_OFFS as u16, &48_u32.to_ne_bytes());
        let payload = writer.finish().unwrap_or_default();
        let length = u32::try_from(payload.len() + 16).unwrap_or_default();
        let kind = (sys::NLMSG_ERROR as u16).to_ne_bytes();
        [&length.to_ne_bytes()[..], &kind, &[0; 2], &[0; 8], &payload].concat()
    }

    #[test]
    fn a_refusal_has_the_message_the_place_and_the_kernels_words() {
        let bytes = answer("no such luck");
        let Some(refused) = Messages(&bytes).next().as_ref().and_then(refusal) else {
            panic!("it is a refusal");
        };
        assert_eq!((refused.sequence, refused.offset), (7, Some(48)));
        assert_eq!(refused.refusal.to_string(), "File exists (os error 17): no such luck");
    }
}
