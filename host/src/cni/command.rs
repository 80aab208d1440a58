//! What a runtime asks of a plugin.

use std::str::FromStr;

/// `CNI_COMMAND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CniCommand {
    Add,
    Del,
    Check,
    /// Since 1.1.0.
    Gc,
    /// Since 1.1.0.
    Status,
    Version,
}

/// The specification has no such command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownCommand;

impl FromStr for CniCommand {
    type Err = UnknownCommand;

    fn from_str(text: &str) -> Result<Self, UnknownCommand> {
        match text {
            "ADD" => Ok(Self::Add),
            "DEL" => Ok(Self::Del),
            "CHECK" => Ok(Self::Check),
            "GC" => Ok(Self::Gc),
            "STATUS" => Ok(Self::Status),
            "VERSION" => Ok(Self::Version),
            _ => Err(UnknownCommand),
        }
    }
}
