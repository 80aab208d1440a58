//! rtnetlink messages → what this node's interfaces have.

use egressd::addresses::held_after;

use super::Answer;

/// The shortest message about an address: a header, `struct ifaddrmsg`, an IPv4 address.
const SHORTEST: usize = 16 + 8 + 8;

pub(crate) fn laws(bytes: &[u8]) -> Answer {
    let Ok(held) = held_after(bytes) else { return Answer::Refused };
    assert!(held.len() <= bytes.len() / SHORTEST, "{} addresses of {} bytes", held.len(), bytes.len());
    for address in held.keys() {
        assert!(!address.is_loopback(), "{address} is on every node");
    }
    // News that come twice, as after a gap, change nothing.
    let mut twice = bytes.to_vec();
    twice.resize(bytes.len().next_multiple_of(4), 0);
    twice.extend_from_slice(bytes);
    let answer = if held.is_empty() { Answer::Refused } else { Answer::Taken };
    assert_eq!(held_after(&twice).ok(), Some(held));
    answer
}
