//! Deletes connections from conntrack: conntrack translates a flow as it did the first time, whatever the rules say
//! since.

use std::io;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::topology::Node;

// linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h
const AF_NETLINK: i32 = 16;
const NETLINK_NETFILTER: i32 = 12;
const IPCTNL_MSG_CT_DELETE: u16 = 0x0102;
const NLM_F_REQUEST_AND_ACK: u16 = 0x0005;
/// A header of 16 bytes, then `nfgenmsg`: any family, version 0. Without an attribute it means every entry.
const MESSAGE_LENGTH: u32 = 20;

impl Node {
    /// Forgets all connections, so that the next packet of each is a first one again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forget_connections(&self) -> Result<()> {
        self.namespace.run(flush)?.context("cannot forget the node's connections")
    }
}

fn flush() -> io::Result<()> {
    let socket = Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(NETLINK_NETFILTER)))?;
    let mut message = Vec::new();
    message.extend(MESSAGE_LENGTH.to_ne_bytes());
    message.extend(IPCTNL_MSG_CT_DELETE.to_ne_bytes());
    message.extend(NLM_F_REQUEST_AND_ACK.to_ne_bytes());
    message.resize(MESSAGE_LENGTH as usize, 0);
    socket.send(&message)?;
    let mut answer = [0; 64];
    io::Read::read(&mut &socket, &mut answer)?;
    // `nlmsgerr`: its number comes right after the header, negative.
    match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}
