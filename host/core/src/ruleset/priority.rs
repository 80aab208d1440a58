//! The priority of the chain that translates, among the chains of other programs at the same hook.

use std::fmt;

use super::Name;

/// The priority of our chain for source NAT: chains with smaller ones run first, and the first that sets a source wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i32);

/// Why a number is no priority of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{number} is not from {} to {}: connection tracking is at -200, and NAT works after it; masquerade rules of kube-proxy \
     and flannel are at 100, and would win",
    Priority::FIRST,
    Priority::LAST
)]
pub struct PriorityError {
    number: i32,
}

impl Priority {
    /// Ten below `srcnat` (100), where flannel and kube-proxy are, and below Calico's 110.
    pub const DEFAULT: Self = Self(90);
    /// The smallest: the kernel refuses a chain for NAT at -200 and below.
    pub const FIRST: Self = Self(-199);
    /// The largest.
    pub const LAST: Self = Self(99);

    /// A priority from -199 to 99.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn new(number: i32) -> Result<Self, PriorityError> {
        let range = Self::FIRST.0..=Self::LAST.0;
        if range.contains(&number) { Ok(Self(number)) } else { Err(PriorityError { number }) }
    }

    pub fn number(self) -> i32 {
        self.0
    }

    /// What the chain is called. The kernel moves no chain to another hook, so one at another priority is another chain,
    /// and both exist while one replaces the other.
    pub fn chain(self) -> Name {
        const DEFAULT: Name = Name::literal("egress_postrouting");
        match self {
            Self::DEFAULT => DEFAULT,
            Self(number) if number < 0 => Name::composed(format!("{DEFAULT}_m{}", number.unsigned_abs())),
            Self(number) => Name::composed(format!("{DEFAULT}_p{number}")),
        }
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_priority_between_connection_tracking_and_masquerading_has_a_chain_of_its_own() {
        let all: Vec<Priority> = (-300..300).filter_map(|number| Priority::new(number).ok()).collect();
        assert_eq!((all.first(), all.last()), (Some(&Priority::FIRST), Some(&Priority::LAST)));
        let names: BTreeSet<Name> = all.iter().map(|priority| priority.chain()).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(Priority::DEFAULT.chain().as_str(), "egress_postrouting");
        assert_eq!(
            [-10, 0, 10].map(|number| Priority(number).chain().to_string()),
            ["egress_postrouting_m10", "egress_postrouting_p0", "egress_postrouting_p10"]
        );
    }

    #[test]
    fn a_number_outside_is_refused_with_both_reasons() {
        let error = Priority::new(100).map_err(|error| error.to_string());
        assert!(
            error.is_err_and(|error| error.starts_with("100 is not from -199 to 99: connection tracking is at -200"))
        );
    }
}
