//! Whether other nodes can be reached through the tunnel: packets are sent to each that is in use, and their answers
//! counted. Nothing is diverted to a node before it has answered, so that a firewall between two nodes costs no packet of
//! a pod; and one that stops answering is reported, and no longer relied on.
//!
//! This is the pure part. Its caller sends what is due, hands in what comes back, and asks again at [`Probes::next`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// How often a node is asked.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// After so many probes without an answer, one after the other, a node counts as unreachable: one may be lost on any network,
/// and two while routes change.
pub const MOST_UNANSWERED: u32 = 3;

/// What is known about the way to a node and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reachability {
    /// It has not answered yet.
    #[default]
    Unproven,
    /// It answers.
    Reachable,
    /// It has answered, and does not any more.
    Unreachable,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The probe itself, whole: packets of this size pass both ways.
    Echo,
    /// Its kernel has the packet, and no egressd that answers. So egressd is being replaced there; the kernel goes on
    /// without it.
    NoListener,
}

/// A packet that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    /// The end of the tunnel on the node that is asked.
    pub end: IpAddr,
    /// Which of its probes this is, from 1.
    pub number: u64,
}

/// The nodes that are asked, and what they answered. Times are of one clock that never goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    peers: BTreeMap<IpAddr, Peer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Peer {
    /// Of the last probe that was sent; 0 before the first.
    sent: u64,
    /// Of the newest probe that was answered; 0 for none.
    answered: u64,
    reachability: Reachability,
    next: Duration,
}

impl Probes {
    /// Asks these nodes from now on, and no others. What is known about one that stays is kept; one that comes is asked at
    /// once.
    pub fn follow(&mut self, ends: &BTreeSet<IpAddr>, now: Duration) {
        self.peers.retain(|end, _| ends.contains(end));
        for end in ends {
            self.peers.entry(*end).or_insert_with(|| Peer::new(now));
        }
    }

    /// What is to be sent now. The caller takes in all answers that are there before it asks: a process that was stopped for a
    /// while would count answers as missing that wait for it.
    pub fn due(&mut self, now: Duration) -> Vec<Probe> {
        let due = self.peers.iter_mut().filter(|(_, peer)| peer.next <= now);
        due.map(|(end, peer)| Probe { end: *end, number: peer.send(now) }).collect()
    }

    /// Takes in what came back for a probe. What was never sent counts for nothing, and neither does what an earlier answer has
    /// overtaken.
    pub fn answered(&mut self, probe: Probe, answer: Answer) {
        if let Some(peer) = self.peers.get_mut(&probe.end) {
            peer.take(probe.number, answer);
        }
    }

    /// What is known about a node; nothing of one that is not asked.
    pub fn reachability(&self, end: IpAddr) -> Option<Reachability> {
        self.peers.get(&end).map(|peer| peer.reachability)
    }

    /// The ends of the nodes that answer.
    pub fn reachable(&self) -> impl Iterator<Item = IpAddr> {
        let reachable = self.peers.iter().filter(|(_, peer)| peer.reachability == Reachability::Reachable);
        reachable.map(|(end, _)| *end)
    }

    /// When the next probe is due; none while no node is asked.
    pub fn next(&self) -> Option<Duration> {
        self.peers.values().map(|peer| peer.next).min()
    }
}

impl Peer {
    fn new(now: Duration) -> Self {
        Self { sent: 0, answered: 0, reachability: Reachability::Unproven, next: now }
    }

    /// Sends one more, and counts those that were not answered until now. One for each time, however late it is: what was not
    /// sent cannot have been answered.
    fn send(&mut self, now: Duration) -> u64 {
        if self.unanswered() >= u64::from(MOST_UNANSWERED) && self.reachability == Reachability::Reachable {
            self.reachability = Reachability::Unreachable;
        }
        self.sent += 1;
        self.next = now + PROBE_INTERVAL;
        self.sent
    }

    fn unanswered(&self) -> u64 {
        self.sent - self.answered
    }

    fn take(&mut self, number: u64, answer: Answer) {
        // An answer that is older than all that are waited for says how it was, and not how it is.
        let waited_for = self.sent.saturating_sub(u64::from(MOST_UNANSWERED))..=self.sent;
        if number <= self.answered || !waited_for.contains(&number) {
            return;
        }
        match (answer, self.reachability) {
            (Answer::Echo, _) => self.reachability = Reachability::Reachable,
            (Answer::NoListener, Reachability::Reachable) => {}
            // It says nothing about the size of packets, and nothing about the way back.
            (Answer::NoListener, Reachability::Unproven | Reachability::Unreachable) => return,
        }
        self.answered = number;
    }
}
