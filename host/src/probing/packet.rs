//! What probes and answers consist of: by what they are known, a number, and zeros up to their size.

use egressd_core::model::SMALLEST_TUNNEL_MTU;
use egressd_core::net::Family;

/// Bytes by which a packet of a kind is known, in this version of what is in it. Probes and answers have others, so that no
/// answer is answered: one forged packet between two nodes would go back and forth for ever.
const MAGIC: usize = 8;
/// The magic, a number of the process, and one of the probe.
const HEAD: usize = 24;
/// More bytes than any packet of the tunnel has.
pub(super) const MAX_BYTES: usize = 65_536;
/// Bytes of the header of UDP.
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

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketKind {
    Probe,
    /// The same number, and as large.
    Answer,
}

/// One probe of one process, or the answer to it. An answer to an earlier process has another `nonce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) nonce: u64,
    pub(super) number: u64,
}

impl PacketKind {
    fn magic(self) -> [u8; MAGIC] {
        match self {
            Self::Probe => *b"egressd1",
            Self::Answer => *b"egressdA",
        }
    }
}

impl Packet {
    /// As a probe.
    pub(super) fn bytes(self, size: ProbeSize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size.0.into());
        bytes.extend(PacketKind::Probe.magic());
        bytes.extend(self.nonce.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.resize(size.0.into(), 0);
        bytes
    }

    /// The packet of these bytes; none where they are not one of this kind.
    pub(super) fn of(kind: PacketKind, bytes: &[u8]) -> Option<Self> {
        let [nonce, number] =
            [MAGIC, MAGIC + 8].map(|from| Some(u64::from_be_bytes(bytes.get(from..from + 8)?.try_into().ok()?)));
        bytes.starts_with(&kind.magic()).then_some(Self { nonce: nonce?, number: number? })
    }

    /// Makes the answer of a probe; whether it was one.
    pub(super) fn answer(bytes: &mut [u8]) -> bool {
        let is_probe = Self::of(PacketKind::Probe, bytes).is_some();
        if let Some(head) = bytes.get_mut(..MAGIC).filter(|_| is_probe) {
            head.copy_from_slice(&PacketKind::Answer.magic());
        }
        is_probe
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
            assert_eq!((bytes.len(), Packet::of(PacketKind::Probe, &bytes)), (size, Some(packet)));
        }
        assert_eq!(packet.bytes(ProbeSize::of(0, Family::Ipv4)).len(), 548);
    }

    #[test]
    fn what_is_cut_off_or_of_another_version_is_no_probe() {
        let bytes = Packet { nonce: 7, number: 1 }.bytes(ProbeSize::of(1464, Family::Ipv4));
        assert_eq!((0..HEAD).find_map(|end| Packet::of(PacketKind::Probe, &bytes[..end])), None);
        let mut other = bytes;
        other[7] = b'2';
        assert_eq!(Packet::of(PacketKind::Probe, &other), None);
    }

    /// Catches: two nodes that answer each other's answers for ever.
    #[test]
    fn an_answer_is_as_large_as_the_probe_and_is_not_answered() {
        let packet = Packet { nonce: 7, number: 1 };
        let probe = packet.bytes(ProbeSize::of(1464, Family::Ipv4));
        let mut answer = probe.clone();
        assert!(Packet::answer(&mut answer));
        assert_eq!((answer.len(), Packet::of(PacketKind::Answer, &answer)), (probe.len(), Some(packet)));
        assert_eq!((Packet::of(PacketKind::Answer, &probe), Packet::answer(&mut answer)), (None, false));
    }
}
