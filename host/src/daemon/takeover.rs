//! The start: the tables of an earlier process become ours as they are, or are found to be replaced. What a newer egressd
//! made is neither: it stays as it is, and the process waits, alive and not ready, until it is gone. So an update that is
//! undone stops at its first node, whose pods keep their translation, and `status` and the probe say why.

use std::future::Future;
use std::time::Duration;

use egressd_core::diff::Applied;
use egressd_core::finding::Finding;
use egressd_core::ruleset::{Name, Ruleset, TableFamily, TableNames};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{AppliedState, Start};
use crate::clock;
use crate::errors::with_causes;
use crate::kernel::nft::{self, KernelThread, removal};
use crate::state_channel::StateChannel;

/// How long to wait for an earlier egressd to release the tables: the kernel frees them with its last socket.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to look meanwhile.
const TAKEOVER_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How often to look whether a table of a newer layout is gone: people have to act.
const NEWER_LAYOUT_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Makes the tables ours, or finds those that are to be replaced.
///
/// # Errors
/// When the kernel cannot be read, or a table is another program's.
pub(super) async fn begin(
    kernel: &KernelThread,
    tables: &TableNames,
    start: Start,
    state_channel: &StateChannel,
) -> Result<Vec<(TableFamily, Name)>, nft::Error> {
    match start {
        Start::Adopt => adopt(kernel, tables, state_channel).await.map(|()| Vec::new()),
        Start::Replace => {
            let existing = |tables: TableNames| kernel.ask(move |kernel| kernel.existing(&tables));
            let existing = patiently(state_channel, || existing(tables.clone())).await?;
            for table in &existing {
                warn!(%table, "egress_clean: the table is replaced with the first commit");
            }
            Ok(existing.into_iter().map(|table| (table.family, table.name)).collect())
        }
    }
}

/// Makes tables ours that an earlier process left, as they are.
///
/// # Errors
/// When the kernel cannot be read, or a table is another program's.
pub(super) async fn adopt(
    kernel: &KernelThread,
    tables: &TableNames,
    state_channel: &StateChannel,
) -> Result<(), nft::Error> {
    let adopt = |tables: TableNames| kernel.ask(move |kernel| kernel.adopt(&tables));
    patiently(state_channel, || adopt(tables.clone())).await
}

/// Waits while another process owns the tables: most likely our predecessor, on its way out. And while they are of a newer
/// layout.
async fn patiently<T, F: Future<Output = Result<T, nft::Error>>>(
    state_channel: &StateChannel,
    mut ask: impl FnMut() -> F,
) -> Result<T, nft::Error> {
    let deadline = clock::now() + TAKEOVER_TIMEOUT;
    let mut refused = None;
    loop {
        match ask().await {
            Err(nft::Error::Owned { .. }) if clock::now() < deadline => sleep(TAKEOVER_POLL_INTERVAL).await,
            Err(error @ nft::Error::NewerLayout { .. }) => {
                let why = with_causes(&error);
                if refused.as_ref() != Some(&why) {
                    let found = newer_layout(&error);
                    warn!(code = %found.code, "{}; retrying", found.message);
                    state_channel.newer(Some(found));
                    state_channel.held_back(why.clone(), None);
                    refused = Some(why);
                }
                sleep(NEWER_LAYOUT_POLL_INTERVAL).await;
            }
            other => {
                if refused.is_some() {
                    info!("the tables of a newer layout are gone");
                    state_channel.newer(None);
                }
                return other;
            }
        }
    }
}

/// What is reported while a table has a layout that this egressd does not know.
pub fn newer_layout(error: &nft::Error) -> Finding {
    Finding::error("newer-layout", with_causes(error))
}

/// What the tables hold that became ours. What is to be replaced is of no interest, and not read.
///
/// # Errors
/// As [`read_back`].
pub(super) async fn held(
    kernel: &KernelThread,
    tables: &TableNames,
    to_replace: &[(TableFamily, Name)],
) -> Result<(Applied, AppliedState), nft::Error> {
    if !to_replace.is_empty() {
        return Ok((Applied::default(), AppliedState::Unknown));
    }
    let held = read_back(kernel, tables).await?;
    Ok((Applied::of(held), AppliedState::Current))
}

/// What the tables hold, without what another program put there, which is removed.
///
/// # Errors
/// When the kernel cannot be read, or refuses to remove something.
pub(super) async fn read_back(kernel: &KernelThread, tables: &TableNames) -> Result<Ruleset, nft::Error> {
    let names = tables.clone();
    let readback = kernel.ask(move |kernel| kernel.read(&names)).await?;
    for foreign in &readback.foreign {
        warn!(object = foreign.what, "an unexpected object is in a table of egressd; it is removed");
    }
    if let Some(removal) = removal(&readback) {
        kernel.ask(move |kernel| kernel.commit(&removal)).await?;
    }
    Ok(readback.state)
}
