//! The unix socket of a running egressd. Whoever connects and asks nothing gets its state, one JSON document, and the
//! connection is closed; whoever sends a request is answered over HTTP. Programs of other releases ask here, too, so what
//! is understood today stays.

mod client;

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use egressd_core::finding::Finding;
use rustix::fs::Mode;
use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, bind, listen, recv, socket_with};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

pub use client::{INSIDE, Probe, inside, probe, read};

use crate::admin::pool::{Bounds, ConnectionPool, ConnectionState};
use crate::clock;
use crate::files;

/// For so long a client may begin to ask. `status` ends its half of the connection at once; that of earlier releases sends
/// nothing, and waits for so long.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(300);

/// How long to look for another egressd in our place. One that is too busy to answer lives.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// How often to look whether the socket is still where clients look for it: whoever cleans /run may remove it. Probes come
/// every ten seconds.
const SOCKET_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The kernel's queue of clients that wait: all pods of a node may begin at once.
const BACKLOG: i32 = 256;

/// Only the owner, root as a rule, may ask: the document names every Service of the node.
const MODE: u32 = 0o600;

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot serve the status on {path}: another egressd answers there; set another --socket for this one")]
    Taken { path: PathBuf },
    #[error("cannot serve the status on {path}: the path exists and is not a socket")]
    NoSocket { path: PathBuf },
    #[error("cannot serve the status on {path}")]
    Serve {
        path: PathBuf,
        /// What it answers.
        source: io::Error,
    },
    #[error("cannot connect: no egressd answers on {path}; is `egressd run` running with this --socket?")]
    NoAnswer { path: PathBuf },
    #[error(
        "cannot read the status: the process that answers on {path} is not `egressd run`; `egressd clean --stay` has \
         no status"
    )]
    Empty { path: PathBuf },
    #[error(
        "cannot read the networks inside the cluster: the egressd on {path} is of a release that does not report them"
    )]
    Older { path: PathBuf },
    /// It is stopped, or stuck, or the node has too much to do.
    #[error("cannot connect: the egressd on {path} does not answer in time")]
    Late { path: PathBuf },
    #[error("cannot connect to the egressd on {path}")]
    Read {
        path: PathBuf,
        /// What it answers.
        source: io::Error,
    },
    #[error("egressd is {lacking}: {why}")]
    Lacking {
        /// What it is not.
        lacking: &'static str,
        why: String,
    },
}

/// A socket that listens. Its file stays behind, and the next process replaces it.
#[derive(Debug)]
pub struct StatusSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of its file.
    file: Option<(u64, u64)>,
}

/// How a client begins.
enum ClientStart {
    Request,
    Nothing,
}

impl StatusSocket {
    /// Listens at `path`, in the place of a dead process but not of a living one. Needs a tokio runtime.
    ///
    /// # Errors
    /// When a living process answers there, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, Error> {
        make_way(path)?;
        let listener = listener(path).map_err(|source| Error::Serve { path: path.to_owned(), source })?;
        Ok(Self { listener, path: path.to_owned(), file: file(path) })
    }

    /// Serves as long as its file is there: the document, or what `answer` makes of a connection that begins with a request.
    pub async fn serve<D, A>(
        &self,
        bounds: Bounds,
        document: impl Fn() -> D + 'static,
        answer: impl Fn(UnixStream, ConnectionState) -> A + 'static,
    ) where
        D: Future<Output = String> + 'static,
        A: Future<Output = ()> + 'static,
    {
        let (pool, admin_server) = (ConnectionPool::new(bounds), Rc::new((document, answer)));
        while self.is_there() {
            let Ok(accepted) = timeout(SOCKET_CHECK_INTERVAL, self.listener.accept()).await else { continue };
            let Ok((mut stream, _)) = accepted else {
                // Out of descriptors, most likely: that may pass.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let admin_server = Rc::clone(&admin_server);
            let talk = |visit: ConnectionState| async move {
                let (document, answer) = &*admin_server;
                match timeout(REQUEST_TIMEOUT, beginning(&stream)).await {
                    Ok(Ok(ClientStart::Request)) => answer(stream, visit).await,
                    Ok(Ok(ClientStart::Nothing)) | Err(_) => {
                        visit.asked();
                        let text = document().await;
                        visit.answered();
                        // A client that is gone has what it has.
                        let _ = stream.write_all(text.as_bytes()).await;
                    }
                    Ok(Err(_)) => {}
                }
            };
            pool.admit(talk).await;
        }
    }

    /// Whether clients find it: what they open is its path.
    fn is_there(&self) -> bool {
        self.file.is_some() && file(&self.path) == self.file
    }
}

fn file(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Keeps other users out of the directory of a socket, as far as it is egressd's own.
pub fn narrow(socket: &Path) -> Option<Finding> {
    let directory = socket.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ours = |name: &str| name.ends_with(".sock") || name.ends_with(".lock");
    files::narrow(directory, ours).err().map(|open| open.finding(directory, "--socket"))
}

/// Waits until it is there to be read, and leaves it there.
async fn beginning(stream: &UnixStream) -> io::Result<ClientStart> {
    let peek = || Ok(recv(stream, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)?.1);
    let length = stream.async_io(Interest::READABLE, peek).await?;
    Ok(if length == 0 { ClientStart::Nothing } else { ClientStart::Request })
}

/// Removes what a dead process left at `path`.
fn make_way(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Serve { path: path.to_owned(), source };
    let Ok(found) = fs::symlink_metadata(path) else {
        return path.parent().map_or(Ok(()), files::make_directory).map_err(failed);
    };
    if !found.file_type().is_socket() {
        return Err(Error::NoSocket { path: path.to_owned() });
    }
    match client::connect_within(path, clock::now() + CONNECT_TIMEOUT) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(failed(error)),
        Ok(_) | Err(_) => Err(Error::Taken { path: path.to_owned() }),
    }
}

/// Its file has its mode from the beginning: it is that of the socket.
fn listener(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(MODE))?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    UnixListener::from_std(socket.into())
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
