//! The other end: what `status` and `probe` do. Without tokio, and no wait is without an end.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::Error;
use crate::clock::{self, Instant};

/// How long `status` waits: the other end makes a document of all Services meanwhile.
const STATUS_TIMEOUT: Duration = Duration::from_mins(1);
/// How long `probe` waits: less than the kubelet does, which has the reason then.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// What an answer to a probe has at most; of a longer one this is the beginning.
const MAX_PROBE_ANSWER: u64 = 64 << 10;

/// What can be asked about a running egressd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Whether it works on, or is stuck.
    Live,
    /// Whether its first round is in force.
    Ready,
}

impl Probe {
    /// All that can be asked.
    pub const ALL: [Self; 2] = [Self::Live, Self::Ready];

    /// Where HTTP asks that. Older and newer programs meet on a socket, so it never changes.
    pub fn path(self) -> &'static str {
        match self {
            Self::Live => "/v1/probe/live",
            Self::Ready => "/v1/probe/ready",
        }
    }

    fn lacking(self) -> &'static str {
        match self {
            Self::Live => "not live",
            Self::Ready => "not ready",
        }
    }

    /// What an egressd that knows no probes shows by the document that it sends to everything that connects. Its third
    /// field is null until a first round is in force.
    fn shown_by(self, document: &str) -> Result<(), String> {
        match self {
            Self::Live => Ok(()),
            Self::Ready if document.contains("\"inForceSince\":\"") => Ok(()),
            Self::Ready => Err("nothing is in force yet".to_owned()),
        }
    }
}

/// The document of the egressd that listens at `path`.
///
/// # Errors
/// When none answers in time.
pub fn read(path: &Path) -> Result<String, Error> {
    let failed = |source| failed(path, source);
    let until = clock::now() + STATUS_TIMEOUT;
    let mut stream = connected(path, until)?;
    // Nothing is asked, which is what asks for the document.
    stream.shutdown(Shutdown::Write).map_err(failed)?;
    let mut bytes = Vec::new();
    read_all(&mut stream, &mut bytes, u64::MAX, until).map_err(failed)?;
    if bytes.is_empty() {
        return Err(Error::Empty { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// Asks the egressd that listens at `path`.
///
/// # Errors
/// When none answers in time, or the answer is no: why.
pub fn probe(path: &Path, probe: Probe) -> Result<(), Error> {
    let until = clock::now() + PROBE_TIMEOUT;
    let mut stream = connected(path, until)?;
    let mut answer = Vec::new();
    // One that knows no probes may have answered already, and reads nothing, which looks like a connection that was cut.
    let cut = |error: &io::Error| matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
    let asked = stream
        .write_all(request(probe.path()).as_bytes())
        .or_else(|error| if cut(&error) { Ok(()) } else { Err(error) });
    let heard = asked.and_then(|()| read_all(&mut stream, &mut answer, MAX_PROBE_ANSWER, until));
    if let Some(source) = heard.err().filter(|error| !cut(error)) {
        return Err(failed(path, source));
    }
    let verdict = verdict(probe, &String::from_utf8_lossy(&answer));
    verdict.map_err(|why| Error::Lacking { lacking: probe.lacking(), why })
}

/// Where HTTP asks what is inside the cluster; it never changes, as those of probes.
pub const INSIDE: &str = "/v1/inside";

/// What is inside the cluster for the egressd that listens at `path`: a document.
///
/// # Errors
/// When none answers in time, or it has no such document.
pub fn inside(path: &Path) -> Result<String, Error> {
    let until = clock::now() + STATUS_TIMEOUT;
    let mut stream = connected(path, until)?;
    let mut answer = Vec::new();
    let asked = stream.write_all(request(INSIDE).as_bytes());
    asked.and_then(|()| read_all(&mut stream, &mut answer, u64::MAX, until)).map_err(|source| failed(path, source))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") if head.starts_with("HTTP/1.1") => Ok(body.to_owned()),
        Some("503") => Err(Error::Lacking { lacking: "not ready", why: body.trim().to_owned() }),
        Some(_) | None => Err(Error::Older { path: path.to_owned() }),
    }
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: egressd\r\nConnection: close\r\n\r\n")
}

/// Whether the answer is yes; else the reason.
fn verdict(probe: Probe, answer: &str) -> Result<(), String> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let mut status = head.lines().next().unwrap_or_default().split(' ');
    match (status.next(), status.next()) {
        (Some("HTTP/1.1"), Some("200")) => Ok(()),
        (Some("HTTP/1.1"), Some("503")) => Err(body.trim().to_owned()),
        (Some("HTTP/1.1"), Some(code)) => Err(format!("it answers {code}, so it knows no such probe")),
        _ if answer.starts_with('{') => probe.shown_by(answer),
        _ => Err("it ends the connection without an answer".to_owned()),
    }
}

/// Connects before this time. A queue that is full counts as one that does not answer.
fn connected(path: &Path, until: Instant) -> Result<UnixStream, Error> {
    connect_within(path, until).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    // What the kernel answers when a time is over.
    let late = matches!(source.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
        Error::NoAnswer { path }
    } else if late {
        Error::Late { path }
    } else {
        Error::Read { path, source }
    }
}

pub fn connect_within(path: &Path, until: Instant) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(left(until)?))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

/// Until the other end closes, so many bytes at most.
fn read_all(stream: &mut UnixStream, bytes: &mut Vec<u8>, most: u64, until: Instant) -> io::Result<()> {
    let mut part = [0; 16 << 10];
    while u64::try_from(bytes.len()).is_ok_and(|length| length < most) {
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut part) {
            Ok(0) => return Ok(()),
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(clock::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
