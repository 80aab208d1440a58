//! How much memory a compiler may have beside egressd, where both are in one container with a limit. Pure: the
//! numbers come from `cgroup`.
//!
//! On cgroup v2 the kubelet lets the kernel end a whole container that reaches its limit, so a child that goes first
//! is no help there: it must not get that far. On v1 the same is done, so that a policy is compiled on all nodes or on
//! none.

use super::confine::MEMORY;

/// One level of the cgroups that this process is in, with its limit; in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// What all its processes may have together.
    pub(super) limit: u64,
    /// What they have and the kernel cannot take back.
    pub(super) used: u64,
}

/// For what egressd itself takes meanwhile (native code, which it holds twice for a moment, and new Services), and for
/// what a process costs beside its address space.
const RESERVE: u64 = 96 << 20;

/// A policy in Rust of a usual size takes 10 MiB beside the program itself, which has 60.
const MIN_MEMORY: u64 = 96 << 20;

/// What a compiler may have, and the limit that allows no more; none where its own limit is less than what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryBudget {
    /// Bytes of address space.
    pub(super) bytes: u64,
    pub(super) limit: Option<u64>,
}

/// Why nothing can be compiled, or not this. No numbers that change from one try to the next: each new sentence is
/// written into the cluster.
#[derive(Debug, thiserror::Error)]
pub enum InsufficientMemory {
    #[error(
        "the memory limit of egressd's container, {} MiB, leaves less than the {} MiB beside egressd that a compiler needs: \
         raise it (resources.limits.memory)",
        .limit >> 20,
        (MIN_MEMORY + RESERVE) >> 20
    )]
    Nothing {
        /// The limit in bytes.
        limit: u64,
    },
    #[error(
        "compiling it takes more memory than the limit of egressd's container, {} MiB, leaves beside egressd: raise it \
         (resources.limits.memory), or split large functions of the policy, and leave out what it does not need",
        .limit >> 20
    )]
    UsedUp {
        /// The limit in bytes.
        limit: u64,
    },
}

/// What is left for a compiler by the tightest of these levels.
///
/// # Errors
/// When that is too little to begin.
pub(super) fn memory_budget(levels: &[Level]) -> Result<MemoryBudget, InsufficientMemory> {
    let left = |level: &Level| level.limit.saturating_sub(level.used).saturating_sub(RESERVE);
    let Some((bytes, limit)) = levels.iter().map(|level| (left(level), level.limit)).min() else {
        return Ok(MemoryBudget { bytes: MEMORY, limit: None });
    };
    match bytes {
        ..MIN_MEMORY => Err(InsufficientMemory::Nothing { limit }),
        MIN_MEMORY..MEMORY => Ok(MemoryBudget { bytes, limit: Some(limit) }),
        MEMORY.. => Ok(MemoryBudget { bytes: MEMORY, limit: None }),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const MIB: u64 = 1 << 20;

    fn level(limit: u64, used: u64) -> Level {
        Level { limit: limit * MIB, used: used * MIB }
    }

    #[test]
    fn without_a_limit_a_compiler_has_what_it_may_have_at_most() {
        for levels in [vec![], vec![level(1024, 60)], vec![level(100_000, 500)]] {
            assert_eq!(memory_budget(&levels).unwrap(), MemoryBudget { bytes: MEMORY, limit: None });
        }
    }

    #[test]
    fn parent_and_child_together_stay_below_every_limit() {
        for limit in (0..2048).step_by(7) {
            for used in (0..1024).step_by(13) {
                let Ok(room) = memory_budget(&[level(limit, used)]) else { continue };
                assert!(room.bytes + used * MIB + RESERVE <= limit * MIB, "{limit} MiB, {used} MiB used");
                assert!((MIN_MEMORY..=MEMORY).contains(&room.bytes));
            }
        }
    }

    #[test]
    fn the_tightest_level_counts_and_is_named() {
        let levels = [level(900, 100), level(600, 100), level(2000, 1000)];
        assert_eq!(memory_budget(&levels).unwrap(), MemoryBudget { bytes: 404 * MIB, limit: Some(600 * MIB) });
    }

    #[test]
    fn a_limit_that_leaves_too_little_is_named_with_the_remedy() {
        for used in [0, 100, 5000] {
            let sentence = memory_budget(&[level(191, used)]).unwrap_err().to_string();
            assert_eq!(
                sentence,
                "the memory limit of egressd's container, 191 MiB, leaves less than the 192 MiB beside egressd that a \
                 compiler needs: raise it (resources.limits.memory)"
            );
        }
        assert!(memory_budget(&[level(192, 0)]).is_ok());
        assert!(memory_budget(&[level(192, 1)]).is_err());
    }
}
