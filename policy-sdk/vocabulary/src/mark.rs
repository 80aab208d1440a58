//! What a rule may write into a packet beside its source address.

use std::fmt;

/// A differentiated services code point (RFC 2474): 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(u8);

/// A number that is no code point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DscpError(u8);

impl Dscp {
    /// A code point.
    ///
    /// # Errors
    /// When it is greater than 63.
    pub fn new(value: u8) -> Result<Self, DscpError> {
        if value > 63 { Err(DscpError(value)) } else { Ok(Self(value)) }
    }

    /// The number, 0 to 63.
    pub fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DscpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DSCP {} is not a code point; write 0 to 63", self.0)
    }
}

impl std::error::Error for DscpError {}

/// Bits of a packet mark: those of `mask` are set to those of `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    value: u32,
    mask: u32,
}

/// Why two numbers are no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkError {
    /// The mask has no bit.
    EmptyMask,
    /// The value has bits that the mask has not.
    OutsideMask {
        /// The value.
        value: u32,
        /// The mask.
        mask: u32,
    },
}

impl Mark {
    /// These bits of these.
    ///
    /// # Errors
    /// When the mask is 0, or the value has bits outside of it.
    pub fn new(value: u32, mask: u32) -> Result<Self, MarkError> {
        if mask == 0 {
            return Err(MarkError::EmptyMask);
        }
        if value & !mask != 0 {
            return Err(MarkError::OutsideMask { value, mask });
        }
        Ok(Self { value, mask })
    }

    /// What the bits are set to.
    pub fn value(self) -> u32 {
        self.value
    }

    /// Which bits are set; never 0.
    pub fn mask(self) -> u32 {
        self.mask
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}/{:#x}", self.value, self.mask)
    }
}

impl fmt::Display for MarkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyMask => f.write_str("a mark with mask 0 sets nothing; write a mask, or leave the mark out"),
            Self::OutsideMask { value, mask } => {
                let right = value & mask;
                write!(f, "mark {value:#x} has bits outside of its mask {mask:#x}; write {right:#x}, or a wider mask")
            }
        }
    }
}

impl std::error::Error for MarkError {}

#[cfg(test)]
mod tests {
    use super::{Dscp, Mark};

    #[test]
    fn a_code_point_has_six_bits() {
        assert_eq!(Dscp::new(63).map(Dscp::value), Ok(63));
        let message = Dscp::new(64).map_or_else(|error| error.to_string(), |dscp| dscp.to_string());
        assert_eq!(message, "DSCP 64 is not a code point; write 0 to 63");
    }

    #[test]
    fn a_mark_has_bits_of_its_mask_alone() {
        let shown =
            |value, mask| Mark::new(value, mask).map_or_else(|error| error.to_string(), |mark| mark.to_string());
        assert_eq!(shown(0x10, 0xf0), "0x10/0xf0");
        assert_eq!(shown(0, 1), "0x0/0x1");
        assert!(shown(0, 0).contains("mask 0"));
        assert_eq!(shown(0x11, 0xf0), "mark 0x11 has bits outside of its mask 0xf0; write 0x10, or a wider mask");
    }
}
