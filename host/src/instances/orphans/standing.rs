//! Whether an egressd manages a table.

use std::fmt;

use crate::instances::lock::{self, Liveness};
use crate::kernel::nft::{ListedTable, Owner};

/// How a table stands.
#[derive(Debug)]
pub enum TableState<'a> {
    /// An egressd manages it.
    InUse(UseSign),
    /// None does.
    Orphaned,
    /// Nothing shows it, and that is not the same as none.
    Unclear(&'a lock::Error),
}

/// What shows that an egressd manages a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseSign {
    /// This process owns it.
    Ours,
    /// The process with this netlink port owns it.
    Owner(u32),
    /// The lock of its instance is held.
    Lock,
}

/// How a table of egressd's making stands, when its instance is known to live or not. A table that could have an owner
/// (Linux 6.9) and has none is orphaned, unless its egressd is just beginning; for others the lock decides.
pub fn standing<'a>(table: &ListedTable, life: &'a Liveness) -> TableState<'a> {
    match (table.owner, life) {
        (Owner::Us, _) => TableState::InUse(UseSign::Ours),
        (Owner::Other(port), _) => TableState::InUse(UseSign::Owner(port)),
        (Owner::None, Liveness::Lives) => TableState::InUse(UseSign::Lock),
        (Owner::None, Liveness::Ended) => TableState::Orphaned,
        (Owner::None, Liveness::Unknown(_)) if table.persists => TableState::Orphaned,
        (Owner::None, Liveness::Unknown(error)) => TableState::Unclear(error),
    }
}

impl fmt::Display for UseSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("this process owns it"),
            Self::Owner(port) => write!(f, "a running egressd (or other process) owns it (netlink port {port})"),
            Self::Lock => f.write_str("an egressd of its instance name runs and holds the lock"),
        }
    }
}

#[cfg(test)]
mod tests {
    use egressd_core::compile::Instance;
    use egressd_core::net::Family;

    use super::*;
    use crate::kernel::nft::{Maker, TableId};

    /// Every table that there can be, and everything that a lock can show.
    fn all() -> impl Iterator<Item = (ListedTable, Liveness)> {
        let owners = [Owner::Us, Owner::Other(7), Owner::None];
        owners.into_iter().flat_map(|owner| [true, false].map(|persists| (owner, persists))).flat_map(
            |(owner, persists)| {
                let absent = lock::Error::Absent { path: "/x".into() };
                [Liveness::Lives, Liveness::Ended, Liveness::Unknown(absent)].map(|life| {
                    let id = TableId { family: Family::Ipv4.into(), name: Instance::Default.tables().ipv4 };
                    (ListedTable { id, maker: Maker::Egressd, owner, persists }, life)
                })
            },
        )
    }

    #[test]
    fn an_owner_or_a_held_lock_protects_a_table() {
        for (table, life) in all() {
            let lives = table.owner != Owner::None || matches!(life, Liveness::Lives);
            let in_use = matches!(standing(&table, &life), TableState::InUse(_));
            assert_eq!(in_use, lives, "{table:?} {life:?}");
        }
    }

    #[test]
    fn without_owners_unknown_is_not_free() {
        for (table, life) in all().filter(|(table, _)| !table.persists && table.owner == Owner::None) {
            let orphaned = matches!(standing(&table, &life), TableState::Orphaned);
            assert_eq!(orphaned, matches!(life, Liveness::Ended), "{life:?}");
        }
    }
}
