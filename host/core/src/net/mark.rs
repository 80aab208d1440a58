//! The bit of packet marks that is egressd's.

use std::fmt;

/// One bit of the 32 of a packet's mark. Other programs use other bits of the same mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkBit(u32);

/// Why a number is no such bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:#x} has {count} bits; it must have exactly one of the 32 bits of a mark, as 0x1000 has", count = .0.count_ones())]
pub struct MarkBitError(u32);

impl MarkBit {
    /// The default, bit 12: kube-proxy, portmap, Calico, Cilium and Tailscale use others.
    pub const DEFAULT: Self = Self(0x1000);

    /// The bit that is set in this number.
    ///
    /// # Errors
    /// When none is, or more than one.
    pub fn new(mask: u32) -> Result<Self, MarkBitError> {
        if mask.is_power_of_two() { Ok(Self(mask)) } else { Err(MarkBitError(mask)) }
    }

    /// A mark that has this bit alone.
    pub fn mask(self) -> u32 {
        self.0
    }

    pub fn is_in(self, mark: u32) -> bool {
        mark & self.0 != 0
    }
}

impl fmt::Display for MarkBit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_bit_is_exactly_one_bit() {
        assert_eq!(MarkBit::new(0x8000_0000).map(MarkBit::mask), Ok(0x8000_0000));
        assert_eq!(MarkBit::new(MarkBit::DEFAULT.mask()), Ok(MarkBit::DEFAULT));
        for wrong in [0, 3, 0x1001, u32::MAX] {
            assert_eq!(MarkBit::new(wrong), Err(MarkBitError(wrong)));
        }
    }
}
