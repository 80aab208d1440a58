//! Calls in the lab, and the source address that the receiver sees.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{panic, thread};

use anyhow::{Context, Result, ensure};

use crate::probe::{self, Connection, Destination, Flow, Protocol, Seen};
use crate::topology::{Lab, Pod};

/// Keeps [`Lab::seen_during`] from using a whole core.
const BETWEEN_CALLS: Duration = Duration::from_millis(2);

#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Before the first packet.
    pub begun: Instant,
    /// After the last packet.
    pub ended: Instant,
    /// The source address that the receiver saw.
    pub seen: Seen,
}

impl Lab {
    /// Lets a pod call a host of this lab; returns the source address that arrived there. Every call is a new
    /// connection.
    ///
    /// # Errors
    /// When the call cannot be made, or arrives but its answer does not.
    pub fn seen_from(&self, pod: &Pod, destination: impl Into<Destination>, protocol: Protocol) -> Result<Seen> {
        let destination = destination.into();
        probe::call(&pod.host.namespace, destination, protocol, &self.record)
            .with_context(|| format!("pod {} calls {destination} over {protocol}", pod.number))
    }

    /// Lets a pod call, and expects a source address.
    ///
    /// # Errors
    /// When it is seen as something else.
    pub fn expect_seen(
        &self,
        pod: &Pod,
        destination: impl Into<Destination>,
        protocol: Protocol,
        expected: impl Into<Seen>,
    ) -> Result<()> {
        let (destination, expected) = (destination.into(), expected.into());
        let seen = self.seen_from(pod, destination, protocol)?;
        ensure!(
            seen == expected,
            "pod {} calls {destination} over {protocol}: expected to be seen as {expected}, seen as {seen}",
            pod.number
        );
        Ok(())
    }

    /// Lets a pod call again and again, each time over a new connection, while something else is done; returns how
    /// often each source address was seen. There are a few hundred calls per second.
    ///
    /// # Errors
    /// When what is done fails, or a call cannot be made.
    pub fn seen_during(
        &self,
        pod: &Pod,
        destination: impl Into<Destination>,
        protocol: Protocol,
        during: impl FnOnce() -> Result<()>,
    ) -> Result<BTreeMap<Seen, usize>> {
        let ((), calls) = self.calls_during(pod, destination, protocol, during)?;
        let mut tally = BTreeMap::new();
        for call in calls {
            *tally.entry(call.seen).or_default() += 1;
        }
        Ok(tally)
    }

    /// As [`Self::seen_during`], with the result of the work, and every call with its time.
    ///
    /// # Errors
    /// As [`Self::seen_during`].
    pub fn calls_during<T>(
        &self,
        pod: &Pod,
        destination: impl Into<Destination>,
        protocol: Protocol,
        during: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Vec<Call>)> {
        let destination = destination.into();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let calls = scope.spawn(|| {
                let mut calls = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let seen = self.seen_from(pod, destination, protocol)?;
                    calls.push(Call { begun, ended: Instant::now(), seen });
                    thread::sleep(BETWEEN_CALLS);
                }
                Ok::<_, anyhow::Error>(calls)
            });
            let done = during();
            over.store(true, Ordering::Relaxed);
            let calls = calls.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
            Ok((done?, calls?))
        })
    }

    /// A TCP connection that stays open for later requests.
    ///
    /// # Errors
    /// When the peer does not answer.
    pub fn connect(&self, pod: &Pod, destination: impl Into<Destination>) -> Result<Connection> {
        let destination = destination.into();
        Connection::open(&pod.host.namespace, destination, &self.record)
            .with_context(|| format!("pod {} connects to {destination}", pod.number))
    }

    /// A UDP socket whose datagrams are one connection.
    ///
    /// # Errors
    /// When there can be no socket.
    pub fn talk(&self, pod: &Pod, destination: impl Into<Destination>) -> Result<Flow> {
        let destination = destination.into();
        Flow::open(&pod.host.namespace, destination, &self.record)
            .with_context(|| format!("pod {} talks to {destination}", pod.number))
    }
}
