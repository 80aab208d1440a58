//! The outside host: it records calls, and makes calls.
//!
//! A line on the wire is what `tests/node/probe` writes: the role, the caller's name, how often it has done so, and for
//! how many microseconds it has existed. The receiver answers with the source address that it sees, and its own name.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::addresses::PORT;
use crate::namespace::Namespace;

const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The kind of traffic that a caller sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A new connection each time.
    Call,
    /// A line over a connection that stays open.
    Hold,
    /// A datagram from a port that stays the same.
    Send,
}

/// A call, a line or a datagram that has arrived at the outside host.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Instant,
    /// The source address that was seen.
    pub source: IpAddr,
    pub role: Role,
    /// The caller's host name: that of its pod, or of its node.
    pub name: String,
    /// The number of earlier attempts of the caller.
    pub count: u32,
    /// The age of the caller's process.
    pub age: Duration,
}

/// The host that answered a call, and the source address that it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The source address that was seen.
    pub source: IpAddr,
    /// The name of the host that answered.
    pub name: String,
}

/// The hosts outside the cluster.
#[derive(Debug)]
pub struct Outside {
    pub(super) namespace: Namespace,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl Outside {
    /// Starts to answer, until the process ends.
    pub(super) fn new(namespace: Namespace) -> Result<Self> {
        let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT);
        let (listener, socket) =
            namespace.run(|| io::Result::Ok((TcpListener::bind(any)?, UdpSocket::bind(any)?)))??;
        let arrivals = Arc::new(Mutex::default());
        let (of_lines, of_datagrams) = (Arc::clone(&arrivals), Arc::clone(&arrivals));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let arrivals = Arc::clone(&of_lines);
                thread::spawn(move || answer_lines(&stream, &arrivals));
            }
        });
        thread::spawn(move || note_datagrams(&socket, &of_datagrams));
        Ok(Self { namespace, arrivals })
    }

    /// The number of arrivals so far, for [`Self::since`].
    pub fn mark(&self) -> usize {
        locked(&self.arrivals).len()
    }

    /// The arrivals since a mark, in order.
    pub fn since(&self, mark: usize) -> Vec<Arrival> {
        locked(&self.arrivals).get(mark..).unwrap_or_default().to_vec()
    }

    /// The source address of the newest call of a caller since a mark, in this family.
    pub fn newest(&self, mark: usize, name: &str, like: IpAddr) -> Option<IpAddr> {
        let arrivals = locked(&self.arrivals);
        let mut calls = arrivals.get(mark..)?.iter().rev().filter(|arrival| arrival.role == Role::Call);
        calls.find(|call| call.name == name && call.source.is_ipv4() == like.is_ipv4()).map(|call| call.source)
    }

    /// GET of something that a program on a node serves: the status line, and the body.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn http(&self, address: SocketAddr, path: &str) -> Result<(String, String)> {
        self.namespace.http(address, path)
    }

    /// Calls once.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn ask(&self, to: SocketAddr) -> Result<Answer> {
        let answer = self.namespace.run(|| ask(to))?.with_context(|| format!("the outside host calls {to}"))?;
        let (source, name) = answer.trim().split_once(' ').with_context(|| format!("{to} answers {answer:?}"))?;
        Ok(Answer { source: source.parse::<IpAddr>()?.to_canonical(), name: name.to_owned() })
    }
}

fn ask(to: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to, CALL_TIMEOUT)?;
    stream.set_read_timeout(Some(CALL_TIMEOUT))?;
    stream.write_all(b"ask outside 0 0\n")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}

fn answer_lines(stream: &TcpStream, arrivals: &Mutex<Vec<Arrival>>) -> io::Result<()> {
    let source = stream.peer_addr()?.ip().to_canonical();
    let (mut lines, mut answers) = (BufReader::new(stream), stream);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        note(arrivals, source, &line);
        writeln!(answers, "{source} outside")?;
        line.clear();
    }
    Ok(())
}

fn note_datagrams(socket: &UdpSocket, arrivals: &Mutex<Vec<Arrival>>) -> io::Result<()> {
    let mut buffer = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        note(arrivals, from.ip().to_canonical(), &String::from_utf8_lossy(&buffer[..length]));
    }
}

/// Other datagrams are requests of a neighbour, and are not recorded.
fn note(arrivals: &Mutex<Vec<Arrival>>, source: IpAddr, line: &str) {
    let at = Instant::now();
    let mut fields = line.split_whitespace();
    let role = match fields.next() {
        Some("call") => Role::Call,
        Some("hold") => Role::Hold,
        Some("send") => Role::Send,
        Some(_) | None => return,
    };
    let parsed = fields.next().zip(fields.next().and_then(|count| count.parse().ok())).zip(fields.next());
    let Some(((name, count), age)) = parsed else { return };
    let age = Duration::from_micros(age.parse().unwrap_or_default());
    locked(arrivals).push(Arrival { at, source, role, name: name.to_owned(), count, age });
}

/// What a thread that ended left is whole: each only adds.
fn locked(arrivals: &Mutex<Vec<Arrival>>) -> MutexGuard<'_, Vec<Arrival>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}
