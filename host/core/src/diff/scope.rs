//! The part of a ruleset to compare with the kernel: what a change touches, or everything.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// A part of a ruleset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it: at the start, and where it is unknown what the kernel holds.
    Everything,
    /// What belongs to these pods, and perhaps what all pods have in common.
    Pods(BTreeSet<IpAddr>, Common),
}

/// What all pods have in common: sets and base chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Common {
    /// Unchanged.
    Same,
    /// Possibly changed.
    Changed,
}

impl Default for Scope {
    fn default() -> Self {
        Self::Pods(BTreeSet::new(), Common::Same)
    }
}

impl Scope {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (Self::Pods(mut pods, common), Self::Pods(more, other)) => {
                pods.extend(more);
                Self::Pods(pods, common.max(other))
            }
        }
    }

    /// With these pods, of which something stays that no plan says: what all pods have in common depends on it, and so it
    /// is looked at wherever that may change.
    #[must_use]
    pub fn with_kept(self, kept: impl IntoIterator<Item = IpAddr>) -> Self {
        match self {
            Self::Pods(mut pods, Common::Changed) => {
                pods.extend(kept);
                Self::Pods(pods, Common::Changed)
            }
            Self::Everything | Self::Pods(_, Common::Same) => self,
        }
    }

    /// Whether it is no part at all.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Everything | Self::Pods(_, Common::Changed) => false,
            Self::Pods(pods, Common::Same) => pods.is_empty(),
        }
    }
}
