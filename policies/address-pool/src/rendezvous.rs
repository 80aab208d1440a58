//! Rendezvous hashing: every address gets a score for a key, and the highest wins.
//!
//! A score depends on no other address and no other key, which is why no subject moves without a reason. The hash is
//! the same on every machine and must never change: a change would move the pods of all clusters.

use std::net::IpAddr;

/// The address with the highest score for a key, whose parts are read one after the other.
pub(crate) fn choose(key: &[&[u8]], pool: &[IpAddr]) -> Option<IpAddr> {
    let key = key.iter().fold(OFFSET, |hash, part| fold(hash, part));
    // Two equal scores are decided by the addresses themselves, not by their order in the pool.
    pool.iter().copied().max_by_key(|address| (score(key, *address), *address))
}

/// An address as its octets.
pub(crate) fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// FNV-1a's beginning and factor, for 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

fn fold(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// FNV alone spreads badly what differs in its last bytes only, so its bits are mixed once more (as in splitmix64).
fn score(key: u64, address: IpAddr) -> u64 {
    let hash = fold(mixed(key), &bytes(address));
    mixed(hash)
}

fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::choose;

    fn pool(size: u8) -> Vec<IpAddr> {
        (0..size).map(|last| Ipv4Addr::new(192, 0, 2, last).into()).collect()
    }

    #[test]
    fn the_choice_is_written_in_stone() {
        let choices: Vec<String> = ["web-0", "web-1", "web-2", "web-3"]
            .iter()
            .filter_map(|name| choose(&[b"shop", b"/", name.as_bytes()], &pool(4)))
            .map(|address| address.to_string())
            .collect();
        assert_eq!(choices, ["192.0.2.0", "192.0.2.1", "192.0.2.1", "192.0.2.2"]);
    }

    #[test]
    fn every_address_gets_its_share() {
        let pool = pool(4);
        for address in &pool {
            let is_assigned = |pod: &u32| choose(&[format!("shop/web-{pod}").as_bytes()], &pool) == Some(*address);
            let share = (0..1000).filter(is_assigned).count();
            assert!((200..300).contains(&share), "{address} has {share} of 1000 pods");
        }
    }
}
