//! An address and a port, as `--http` takes them.

use std::net::{Ipv4Addr, SocketAddr};

/// Why a text is no address to listen on. The text itself is in clap's sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address and a port, such as 127.0.0.1:9808 (this node alone) or [::]:9808 (all of its addresses)")]
pub(super) struct NotAnAddress;

/// Reads an address and a port. IPv4 may have brackets too: a manifest with `[$(HOST_IP)]:9808` does not know the family.
pub(super) fn address_and_port(text: &str) -> Result<SocketAddr, NotAnAddress> {
    text.parse().ok().or_else(|| bracketed(text)).ok_or(NotAnAddress)
}

fn bracketed(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.strip_prefix('[')?.split_once("]:")?;
    let address: Ipv4Addr = address.parse().ok()?;
    Some(SocketAddr::new(address.into(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_accepted_around_both_families() {
        for (text, same) in [("[192.0.2.1]:9808", "192.0.2.1:9808"), ("[fd00::1]:9808", "[fd00::1]:9808")] {
            assert_eq!(address_and_port(text), Ok(same.parse().unwrap_or_else(|_| panic!("{same} is an address"))));
        }
    }

    #[test]
    fn what_is_no_address_and_port_is_refused() {
        for text in
            ["", ":9808", "localhost:9808", "9808", "192.0.2.1", "fd00::1:9808:x", "[192.0.2.1]", "[192.0.2.1:9808"]
        {
            assert_eq!(address_and_port(text), Err(NotAnAddress), "{text}");
        }
    }

    #[test]
    fn the_sentence_has_examples_that_are_accepted() {
        let sentence = NotAnAddress.to_string();
        let examples: Vec<&str> = sentence.split(' ').filter(|part| part.ends_with(":9808")).collect();
        assert_eq!(examples.len(), 2, "{sentence}");
        assert!(examples.into_iter().all(|example| address_and_port(example).is_ok()), "{sentence}");
    }
}
