//! rtnetlink messages → the addresses of this node's interfaces.

use std::collections::BTreeSet;

use egressd::kernel::addresses::{NodeInterfaces, interfaces_after};

use super::InputResult;

/// The shortest message about an address: a header, `struct ifaddrmsg`, an IPv4 address.
const MIN_MESSAGE_LENGTH: usize = 16 + 8 + 8;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let Ok(NodeInterfaces { held, connected }) = interfaces_after(bytes) else { return InputResult::Refused };
    assert!(held.len() <= bytes.len() / MIN_MESSAGE_LENGTH, "{} addresses of {} bytes", held.len(), bytes.len());
    for address in held.keys() {
        assert!(!address.is_loopback(), "{address} is on every node");
    }
    assert!(
        connected.len() <= bytes.len() / MIN_MESSAGE_LENGTH,
        "{} networks of {} bytes",
        connected.len(),
        bytes.len()
    );
    assert_eq!(connected.iter().collect::<BTreeSet<_>>().len(), connected.len(), "each once: {connected:?}");
    for network in connected.iter().map(|connected| connected.network) {
        assert_eq!(network, network.trunc());
        assert!(network.prefix_len() < network.max_prefix_len() && network.prefix_len() > 8, "{network} is of no link");
    }
    // News that come twice, as after a gap, change nothing.
    let mut twice = bytes.to_vec();
    twice.resize(bytes.len().next_multiple_of(4), 0);
    twice.extend_from_slice(bytes);
    let answer = if held.is_empty() { InputResult::Refused } else { InputResult::Taken };
    assert_eq!(interfaces_after(&twice).ok(), Some(NodeInterfaces { held, connected }));
    answer
}
