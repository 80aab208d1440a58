//! Connection tracking state of a packet, and the marks of packets and connections.

use std::fmt;

/// The mark of a packet or of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// `meta mark`: the packet's.
    Packet,
    /// `ct mark`: the connection's.
    Connection,
}

impl Mark {
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Packet => "meta mark",
            Self::Connection => "ct mark",
        }
    }
}

/// `ct direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the side that opened the connection.
    Original,
    /// The answers.
    Reply,
}

impl Direction {
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Reply => "reply",
        }
    }
}

/// `ct state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It belongs to no connection, and begins none.
    Invalid,
    /// It belongs to one that was answered.
    Established,
    /// It begins one that belongs to another, or is an error about it.
    Related,
    /// It belongs to one that was not answered yet.
    New,
    /// It has no connection (`notrack`).
    Untracked,
}

impl State {
    /// All, in the order in which `nft` prints them.
    pub const ALL: [Self; 5] = [Self::Invalid, Self::Established, Self::Related, Self::New, Self::Untracked];

    pub fn keyword(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Established => "established",
            Self::Related => "related",
            Self::New => "new",
            Self::Untracked => "untracked",
        }
    }

    pub fn bit(self) -> u32 {
        match self {
            Self::Invalid => 1,
            Self::Established => 2,
            Self::Related => 4,
            Self::New => 8,
            Self::Untracked => 64,
        }
    }
}

/// Several states, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct States(u32);

impl States {
    /// These; none of them is none.
    pub fn of(states: &[State]) -> Option<Self> {
        let bits = states.iter().fold(0, |bits, state| bits | state.bit());
        (bits != 0).then_some(Self(bits))
    }

    /// Those of some bits; none where a bit is no state.
    pub fn of_bits(bits: u32) -> Option<Self> {
        let known: Vec<State> = State::ALL.into_iter().filter(|state| bits & state.bit() != 0).collect();
        Self::of(&known).filter(|states| states.0 == bits)
    }

    pub fn bits(self) -> u32 {
        self.0
    }

    pub fn contains(self, state: State) -> bool {
        self.0 & state.bit() != 0
    }
}

impl fmt::Display for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> =
            State::ALL.into_iter().filter(|state| self.contains(*state)).map(State::keyword).collect();
        f.write_str(&texts.join(","))
    }
}
