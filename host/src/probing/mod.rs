//! Probes through the tunnel between nodes: what [`egressd_core::probing`] decides to send is sent, and this node answers
//! those of others. All packets have the mark that leads into the tunnel, so both ways are tried. On a thread of its own:
//! a loop that is busy would answer late, and count answers as missing that wait for it.

mod answering;
mod asking;
mod error;
mod packet;
mod sockets;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::{io, thread};

use egressd_core::net::TunnelMarks;
use egressd_core::probing::Reachability;
use tokio::runtime::Builder;
use tokio::sync::watch;

pub use error::Error;
pub use packet::ProbeSize;

use asking::Asking;

/// The UDP port on which nodes answer inside the tunnel. IANA has assigned it to no service.
pub const PROBE_PORT: u16 = 4793;

/// How this node takes part.
#[derive(Clone, Debug)]
pub struct ProbeConfig {
    /// The ends of the tunnel on this node, one of each family at most.
    pub own: Vec<IpAddr>,
    pub marks: TunnelMarks,
}

/// The nodes that are to be asked by the ends of their tunnels, and how large the packets to each are.
pub type ProbeTargets = BTreeMap<IpAddr, ProbeSize>;

/// What is known about each of them.
pub type Reached = BTreeMap<IpAddr, Reachability>;

/// Answers probes, and asks whom `targets` has, until its sender is gone. In the network namespace of the caller.
///
/// # Errors
/// When the system gives no socket or no thread. No socket is left then.
pub fn start(config: ProbeConfig, targets: watch::Receiver<ProbeTargets>) -> Result<watch::Receiver<Reached>, Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
    let guard = runtime.enter();
    let answering = answering::open(&config)?;
    let (reached, receiver) = watch::channel(Reached::default());
    let asking = Asking::new(config, reached);
    drop(guard);
    let run = move || {
        runtime.block_on(async {
            answering.into_iter().for_each(|socket| drop(tokio::spawn(answering::answer(socket))));
            asking.run(targets).await;
        });
    };
    spawn(run).map_err(Error::Thread)?;
    Ok(receiver)
}

fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("probing".to_owned()).spawn(run).map(drop)
}
