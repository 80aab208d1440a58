//! What a probe consists of: by what it is known, its number, and zeros up to its size.

use egressd_core::model::SMALLEST_TUNNEL_MTU;
use egressd_core::net::Family;

/// By this a packet is known as a probe, in this version of what is in it.
const MAGIC: [u8; 8] = *b"egressd1";
/// the magic, a number of the process, and one of the probe.
const HEAD: usize = 24;
/// Bytes of the headers of UDP and of a family.
const UDP: u16 = 8;

/// How much fits into a probe, in bytes. The largest packet that the tunnel takes has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeSize(u16);

impl ProbeSize {
    /// Of packets of this MTU in bytes, between ends of this family. Below [`SMALLEST_TUNNEL_MTU`] it is that.
    pub fn of(mtu: u16, family: Family) -> Self {
        let headers = UDP
            + match family {
                Family::Ipv4 => 20,
                Family::Ipv6 => 40,
            };
        Self(mtu.max(SMALLEST_TUNNEL_MTU) - headers)
    }
}

/// One probe of one process. An answer to an earlier process has another `nonce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) nonce: u64,
    pub(super) number: u64,
}

impl Packet {
    pub(super) fn bytes(self, size: ProbeSize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size.0.into());
        bytes.extend(MAGIC);
        bytes.extend(self.nonce.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.resize(size.0.into(), 0);
        bytes
    }

    /// The packet of these bytes; none where they are no probe.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let [nonce, number] = [MAGIC.len(), MAGIC.len() + 8]
            .map(|from| Some(u64::from_be_bytes(bytes.get(from..from + 8)?.try_into().ok()?)));
        bytes.starts_with(&MAGIC).then_some(Self { nonce: nonce?, number: number? })
    }
}

const _: () = assert!(HEAD < SMALLEST_TUNNEL_MTU as usize - 48, "the smallest probe has room for its head");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_fills_the_largest_packet_of_the_tunnel_and_reads_back() {
        let packet = Packet { nonce: 7, number: u64::MAX };
        for (family, size) in [(Family::Ipv4, 1436), (Family::Ipv6, 1416)] {
            let bytes = packet.bytes(ProbeSize::of(1464, family));
            assert_eq!((bytes.len(), Packet::of(&bytes)), (size, Some(packet)));
        }
        assert_eq!(packet.bytes(ProbeSize::of(0, Family::Ipv4)).len(), 548);
    }

    #[test]
    fn what_is_cut_off_or_of_another_version_is_no_probe() {
        let bytes = Packet { nonce: 7, number: 1 }.bytes(ProbeSize::of(1464, Family::Ipv4));
        assert_eq!((0..HEAD).find_map(|end| Packet::of(&bytes[..end])), None);
        let mut other = bytes;
        other[7] = b'2';
        assert_eq!(Packet::of(&other), None);
    }
}
