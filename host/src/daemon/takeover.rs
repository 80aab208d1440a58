//! The start: the tables of an earlier process become ours as they are, or are found to be replaced. What a newer egressd
//! made is neither: it stays as it is, and the process waits, alive and not ready, until it is gone. So an update that is
//! undone stops at its first node, whose pods keep their translation, and `status` and the probe say why.

use std::future::Future;
use std::time::Duration;

use egressd_core::finding::Finding;
use egressd_core::model::PrivateDestinations;
use egressd_core::net::{AddressRange, Family, private_destinations as private_networks};
use egressd_core::ruleset::{Name, Ruleset, Table, TableNames};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::Start;
use crate::board::Board;
use crate::errors::with_causes;
use crate::nft::{self, KernelThread};

/// How long to wait for an earlier egressd to let go of the tables: the kernel frees them with its last socket.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look meanwhile.
const LOOK: Duration = Duration::from_millis(100);
/// How often to look whether a table of a newer layout is gone: people have to act.
const PACE: Duration = Duration::from_secs(2);

/// Makes the tables ours, or finds those that are to be replaced.
///
/// # Errors
/// When the kernel cannot be read, or a table is another program's.
pub(super) async fn begin(
    kernel: &KernelThread,
    tables: &TableNames,
    (start, board): (Start, &Board),
) -> Result<Vec<(Family, Name)>, nft::Error> {
    match start {
        Start::Adopt => patiently(board, || kernel.adopt(tables.clone())).await.map(|()| Vec::new()),
        Start::Replace => {
            let existing = patiently(board, || kernel.existing(tables.clone())).await?;
            for table in &existing {
                warn!(%table, "egress_clean: it is replaced with the first commit");
            }
            Ok(existing.into_iter().map(|table| (table.family, table.name)).collect())
        }
    }
}

/// Waits while another process owns the tables: most likely our predecessor, on its way out. And while they are of a newer
/// layout.
async fn patiently<T, F: Future<Output = Result<T, nft::Error>>>(
    board: &Board,
    mut ask: impl FnMut() -> F,
) -> Result<T, nft::Error> {
    let deadline = Instant::now() + PATIENCE;
    let mut refused = None;
    loop {
        match ask().await {
            Err(nft::Error::Owned { .. }) if Instant::now() < deadline => sleep(LOOK).await,
            Err(error @ nft::Error::NewerLayout { .. }) => {
                let why = with_causes(&error);
                if refused.as_ref() != Some(&why) {
                    warn!(code = "newer-layout", "{why}; it is tried again");
                    board.newer(Some(Finding::error("newer-layout", why.clone())));
                    board.held_back(why.clone(), None);
                    refused = Some(why);
                }
                sleep(PACE).await;
            }
            other => {
                if refused.is_some() {
                    info!("there is no table of a newer layout any more");
                    board.newer(None);
                }
                return other;
            }
        }
    }
}

/// What became of private destinations by rules that are in force, where no release remembered a decision about that:
/// releases that decided nothing translated to them, and sets that have them are of one that does not.
pub(super) fn private_destinations(applied: &Ruleset) -> PrivateDestinations {
    let withholds = |(family, table): (&Family, &Table)| {
        let is_inside = |range: &AddressRange| table.sets.values().any(|set| set.contains(range.first()));
        private_networks(*family).iter().all(is_inside)
    };
    let mut in_force = applied.tables.iter().filter(|(_, table)| has_elements(table)).peekable();
    if in_force.peek().is_some() && !in_force.any(withholds) {
        PrivateDestinations::AsBefore
    } else {
        PrivateDestinations::Withheld
    }
}

/// Whether rules are in force that translate something.
pub(super) fn translates(applied: &Ruleset) -> bool {
    applied.tables.values().any(has_elements)
}

/// What is reported where rules are in force and nothing says what they follow from.
pub(super) fn lost_memory() -> Finding {
    let message = "rules are in force, and the state directory says nothing about what was accepted: it was lost, or is another \
                   one; what the kernel has for Services with invalid annotations stays (docs/upgrade.md)";
    Finding::warning("state-lost", message)
}

fn has_elements(table: &Table) -> bool {
    table.maps.values().any(|map| !map.elements.is_empty())
}
