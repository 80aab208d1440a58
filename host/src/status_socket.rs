//! The unix socket over which a running egressd tells its state: whoever connects gets one JSON document, and the
//! connection is closed. Nothing that a client sends is read.

use std::fs;
use std::future::Future;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How many clients are served at the same time; others wait in the kernel's queue.
const CLIENTS: usize = 16;

/// How long a client may take to read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kernel's queue of clients that wait.
const BACKLOG: i32 = 64;

/// Only the owner, root as a rule, may ask: the document names every Service of the node.
const MODE: u32 = 0o600;

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process answers there.
    #[error("cannot serve the status on {path}: another egressd answers there; give this one another --socket")]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// Something else than a socket is there.
    #[error("cannot serve the status on {path}: a file is there that is no socket")]
    NoSocket {
        /// Where.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot serve the status on {path}")]
    Serve {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Nobody answers.
    #[error("cannot read the status: no egressd answers on {path}; is `egressd run` running, with this --socket?")]
    NobodyAnswers {
        /// Where.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot read the status from {path}")]
    Read {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// A socket that listens. Its file stays behind, and the next process replaces it.
#[derive(Debug)]
pub struct StatusSocket {
    listener: UnixListener,
}

impl StatusSocket {
    /// Listens at `path`, in the place of a dead process but not of a living one. Needs a tokio runtime.
    ///
    /// # Errors
    /// When a living process answers there, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, Error> {
        make_way(path)?;
        let listener = listener(path).map_err(|source| Error::Serve { path: path.to_owned(), source })?;
        Ok(Self { listener })
    }

    /// Serves until it is dropped. Every client costs a task of its own, so a slow one delays nobody.
    pub async fn serve<F: Future<Output = String> + 'static>(self, document: impl Fn() -> F + 'static) {
        let clients = Arc::new(Semaphore::new(CLIENTS));
        let document = std::rc::Rc::new(document);
        loop {
            let Ok(permit) = Arc::clone(&clients).acquire_owned().await else { return };
            let Ok((mut stream, _)) = self.listener.accept().await else {
                // Out of descriptors, most likely: that may pass.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let document = std::rc::Rc::clone(&document);
            tokio::task::spawn_local(async move {
                let text = document().await;
                // A client that is gone, or too slow, has what it has.
                let _ = timeout(PATIENCE, async { stream.write_all(text.as_bytes()).await }).await;
                drop(permit);
            });
        }
    }
}

/// Reads the document of the egressd that listens at `path`.
///
/// # Errors
/// When nobody answers.
pub fn read(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let nobody = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
    let mut stream = UnixStream::connect(path)
        .map_err(|error| if nobody(&error) { Error::NobodyAnswers { path: path.to_owned() } } else { failed(error) })?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Removes what a dead process left at `path`.
fn make_way(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Serve { path: path.to_owned(), source };
    let Ok(found) = fs::symlink_metadata(path) else {
        return path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed);
    };
    if !found.file_type().is_socket() {
        return Err(Error::NoSocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Error::Taken { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Nobody can connect before `listen`, and then the mode is set.
fn listener(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::fs::chmod(path, Mode::from_raw_mode(MODE))?;
    listen(&socket, BACKLOG)?;
    UnixListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Serves a text on a thread of its own until the test ends.
    fn serve(path: &Path, text: &'static str) -> std::sync::mpsc::Receiver<Result<(), Error>> {
        let (told, opened) = std::sync::mpsc::channel();
        let path = path.to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                match StatusSocket::open(&path) {
                    Ok(socket) => {
                        told.send(Ok(())).unwrap();
                        socket.serve(move || async move { text.to_owned() }).await;
                    }
                    Err(error) => told.send(Err(error)).unwrap(),
                }
            });
        });
        opened
    }

    #[test]
    fn whoever_connects_gets_the_document_and_only_the_owner_may() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/when/needed.sock");
        serve(&path, "{}").recv().unwrap().unwrap();
        assert_eq!(read(&path).unwrap(), "{}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }

    #[test]
    fn a_client_that_reads_nothing_delays_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let long: &'static str = Box::leak("x".repeat(8 << 20).into_boxed_str());
        serve(&path, long).recv().unwrap().unwrap();
        let _slow: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(&path).unwrap()).collect();
        assert_eq!(read(&path).unwrap().len(), long.len());
    }

    #[test]
    fn a_dead_process_is_replaced_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(matches!(read(&path), Err(Error::NobodyAnswers { .. })));
        serve(&path, "first").recv().unwrap().unwrap();
        assert!(matches!(serve(&path, "second").recv().unwrap(), Err(Error::Taken { .. })));
        assert_eq!(read(&path).unwrap(), "first");
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(make_way(&path), Err(Error::NoSocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
