//! Why there are no probes.

use std::io;
use std::net::IpAddr;

/// Why this node can neither ask others nor answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open a socket for probes at {address}")]
    Socket {
        /// The end of the tunnel on this node.
        address: IpAddr,
        source: io::Error,
    },
    #[error("cannot start the thread for probes")]
    Thread(#[source] io::Error),
}
