//! Asks the running egressd over its socket. No wait is without an end.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::answer::{self, Outcome};
use super::config::OnFailure;
use super::plugin::Question;
use crate::admin::status_socket;
use crate::clock::{self, Instant};

/// Where it is asked. Programs of other releases ask here, too, so it never changes.
const PATH: &str = "/cni/add";

/// Between two attempts: an update takes seconds.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// How much longer than the wait that egressd was given its answer may take: so that it is egressd that ends the wait.
const GRACE: Duration = Duration::from_millis(500);

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// What the egressd of this node knows, after the question's wait and [`GRACE`] at the latest.
pub(super) fn ask(question: &Question) -> Outcome {
    let until = clock::now() + question.wait;
    loop {
        let outcome = ask_once(question, until);
        let left = until.saturating_duration_since(clock::now());
        if !is_worth_another(&outcome, question.on_failure) || left <= RETRY_INTERVAL {
            return outcome;
        }
        thread::sleep(RETRY_INTERVAL);
    }
}

/// An egressd that starts answers soon. A pod that begins anyway has no use for waiting without one; but where one was
/// there, it may only have had too many questions at once.
fn is_worth_another(outcome: &Outcome, on_failure: OnFailure) -> bool {
    match (outcome, on_failure) {
        (Outcome::Cut, _) | (Outcome::Unavailable(_) | Outcome::Unreachable(_), OnFailure::Closed) => true,
        (Outcome::Unavailable(_) | Outcome::Unreachable(_), OnFailure::Open)
        | (Outcome::InForce | Outcome::Unselected | Outcome::Late(_) | Outcome::Refused(_), _) => false,
    }
}

fn ask_once(question: &Question, until: Instant) -> Outcome {
    match exchange(question, until) {
        Ok(bytes) => answer::read(&bytes),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Outcome::Late("egressd does not answer in time".to_owned())
        }
        Err(error) => Outcome::Unreachable(format!("cannot ask on {}: {error}", question.socket.display())),
    }
}

fn exchange(question: &Question, until: Instant) -> io::Result<Vec<u8>> {
    let late = until + GRACE;
    let mut stream = status_socket::connect_within(&question.socket, late)?;
    stream.set_write_timeout(Some(left(late)?))?;
    let asked = stream.write_all(request(question, until.saturating_duration_since(clock::now())).as_bytes());
    let mut answer = Vec::new();
    if let Err(error) = asked {
        return if error.kind() == io::ErrorKind::BrokenPipe { Ok(answer) } else { Err(error) };
    }
    match read_all(&mut stream, &mut answer, late) {
        // It closes with a part of the question unread; an answer is there all the same.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(answer),
        read => read.map(|()| answer),
    }
}

fn request(question: &Question, wait: Duration) -> String {
    let body = question.body(wait).to_string();
    let length = body.len();
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: egressd\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Until the other end closes.
fn read_all(stream: &mut UnixStream, bytes: &mut Vec<u8>, late: Instant) -> io::Result<()> {
    let mut part = [0; 4 << 10];
    while bytes.len() < MAX_ANSWER {
        stream.set_read_timeout(Some(left(late)?))?;
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

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
