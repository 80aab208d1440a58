//! The bits of packet marks that lead into the tunnel between nodes.

use std::fmt;

use super::MarkBit;

/// How many bits of a mark number the gateways.
const INDEX_BITS: u32 = 7;

/// Eight bits of a packet's mark: one says that the mark is egressd's, and seven adjacent ones below it are a number.
/// The bit alone, with the number 0, is that of the guard's backstop: such a packet goes its ordinary way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelMarks {
    bit: MarkBit,
    /// How far the number is from the lowest bit of a mark.
    shift: u32,
}

/// Which gateway of a node, from 1 on. Each node numbers its own; no number leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayIndex(u8);

/// Why a number is no such mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:#x} is no mask for the tunnel; it must have 8 of the 32 bits of a mark, the lower seven side by side, as 0x107f has"
)]
pub struct TunnelMarksError(u32);

impl GatewayIndex {
    /// How many gateways a node can use at once in one family.
    pub const COUNT: u8 = 124;

    /// The gateway of this number; none when it is 0 or greater than [`Self::COUNT`].
    pub fn new(number: u8) -> Option<Self> {
        (1..=Self::COUNT).contains(&number).then_some(Self(number))
    }

    pub fn number(self) -> u8 {
        self.0
    }

    /// From the lowest on.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::COUNT).map(Self)
    }
}

impl TunnelMarks {
    /// The default, whose bit is that of [`MarkBit::DEFAULT`]: kube-proxy, portmap, Calico and Tailscale use other bits.
    pub const DEFAULT: Self = Self { bit: MarkBit::DEFAULT, shift: 0 };

    /// The number of packets that have no gateway now: no rule leads it anywhere.
    const NOWHERE: u32 = 0x7d;
    /// The number of answers to pods of other nodes.
    const HOME: u32 = 0x7e;
    /// The number of packets that came out of the tunnel.
    const ARRIVED: u32 = 0x7f;

    /// The bits that are set in this number.
    ///
    /// # Errors
    /// When they are not eight, or the lower seven are not side by side.
    pub fn new(mask: u32) -> Result<Self, TunnelMarksError> {
        let refused = TunnelMarksError(mask);
        let highest = mask.checked_ilog2().map_or(0, |at| 1 << at);
        let numbers = mask ^ highest;
        let shift = numbers.trailing_zeros();
        let are_adjacent = shift < u32::BITS && numbers >> shift == (1 << INDEX_BITS) - 1;
        let bit = MarkBit::new(highest).map_err(|_| refused)?;
        if are_adjacent { Ok(Self { bit, shift }) } else { Err(refused) }
    }

    /// The bit that all marks of egressd have.
    pub fn bit(self) -> MarkBit {
        self.bit
    }

    /// All eight bits.
    pub fn mask(self) -> u32 {
        self.numbered((1 << INDEX_BITS) - 1)
    }

    /// The seven that are a number.
    pub fn number(self) -> u32 {
        self.mask() & !self.bit.mask()
    }

    /// The mark of packets to this gateway.
    pub fn to(self, gateway: GatewayIndex) -> u32 {
        self.numbered(u32::from(gateway.0))
    }

    /// The gateway that a mark leads to; none for a mark of another kind.
    pub fn gateway_of(self, mark: u32) -> Option<GatewayIndex> {
        let number = u8::try_from((mark ^ self.bit.mask()) >> self.shift).ok()?;
        GatewayIndex::new(number).filter(|gateway| self.to(*gateway) == mark)
    }

    /// The mark of packets that have no gateway now.
    pub fn nowhere(self) -> u32 {
        self.numbered(Self::NOWHERE)
    }

    /// The mark of answers to pods of other nodes.
    pub fn home(self) -> u32 {
        self.numbered(Self::HOME)
    }

    /// The mark of packets that came out of the tunnel.
    pub fn arrived(self) -> u32 {
        self.numbered(Self::ARRIVED)
    }

    fn numbered(self, number: u32) -> u32 {
        self.bit.mask() | number << self.shift
    }
}

impl fmt::Display for TunnelMarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.mask())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_bits_of_the_tunnel_are_seven_side_by_side_and_one_above() {
        assert_eq!(TunnelMarks::new(0x107f), Ok(TunnelMarks::DEFAULT));
        for mask in [0xff, 0x8000_007f, 0xff00_0000, 0x1_0fe0] {
            assert_eq!(TunnelMarks::new(mask).map(TunnelMarks::mask), Ok(mask));
        }
        for wrong in [0, 1, 0x7f, 0x1ff, 0x10ff, 0x107d, 0x10fd, 0x117e, u32::MAX] {
            assert_eq!(TunnelMarks::new(wrong), Err(TunnelMarksError(wrong)), "{wrong:#x}");
        }
    }

    #[test]
    fn all_marks_differ_and_none_is_the_bit_alone() {
        for marks in [TunnelMarks::DEFAULT, TunnelMarks { bit: MarkBit::DEFAULT, shift: 3 }] {
            let gateways = (0..=u8::MAX).filter_map(GatewayIndex::new).map(|gateway| marks.to(gateway));
            let all: Vec<u32> = gateways.chain([marks.nowhere(), marks.home(), marks.arrived()]).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 127);
            let is_sound =
                |mark: &u32| marks.bit().is_in(*mark) && mark & !marks.mask() == 0 && *mark != marks.bit().mask();
            assert!(all.iter().all(is_sound));
            let known = all.iter().filter_map(|mark| marks.gateway_of(*mark));
            assert!(known.eq(GatewayIndex::all()));
            assert_eq!(marks.gateway_of(marks.bit().mask()), None);
        }
    }
}
