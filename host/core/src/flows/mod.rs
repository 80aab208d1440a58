//! Connections that contradict the rules (P11). The kernel translates a connection as it did its first packet, whatever
//! rules say since, so a change of rules leaves entries of connection tracking that no rule would make any more. Which of
//! them are deleted, so that the next packet is translated by the rules in force, is decided here: where a subject asks
//! for `sever` those that contradict what it says of its pods, and unasked only those that a rule came too late for.
//!
//! It is no part of the node's desired state ([`crate::node`]): connections are made by pods, and nothing but their
//! deletion can be wanted. So whether an entry goes is decided when it is seen, by the rules that are in force then.

mod adopted;
mod check;
mod kept;
mod translated;
mod verdict;

use std::net::IpAddr;

pub use adopted::AdoptedPromises;
pub use check::{Check, Checks, Filter, Reason};
pub use kept::{KeptFlows, MOST_KEPT};
pub use translated::{is_translated, translated};
pub use verdict::{Known, Verdict, verdict};

use crate::net::Protocol;
use crate::ruleset::Ruleset;
use crate::trace::{Packet, Seen, trace};

/// An entry of connection tracking, as far as rules look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who began it.
    pub source: IpAddr,
    /// Whom it called.
    pub called: IpAddr,
    /// Who answers: another than was called where the destination is translated.
    pub destination: IpAddr,
    /// As whom the other side sees who began it.
    pub seen_as: IpAddr,
    /// Protocol, source port and destination port; none for protocols without them.
    pub transport: Option<(Protocol, u16, u16)>,
    pub id: FlowId,
    pub zone: Zone,
}

/// Which part of connection tracking an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The one that all packets are in unless another program says otherwise.
    Default,
    /// One that another program has packets in, perhaps beside the default one.
    Other,
}

/// The kernel's number of an entry, for as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

impl Flow {
    /// The address that these rules would translate its first packet to.
    pub fn promised(&self, ruleset: &Ruleset) -> Option<IpAddr> {
        let packet = Packet {
            source: self.source,
            destination: self.destination,
            original_destination: self.called,
            transport: self.transport,
        };
        match trace(ruleset, &packet) {
            Seen::As(address) => Some(address),
            Seen::Untranslated => None,
        }
    }
}
