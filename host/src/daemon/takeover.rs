//! The start: the tables of an earlier process become ours as they are, or are found to be replaced. What a newer egressd
//! made is neither: it stays as it is, and the process waits, alive and not ready, until it is gone. So an update that is
//! undone stops at its first node, whose pods keep their translation, and `status` and the probe say why.

use std::future::Future;
use std::time::Duration;

use egressd_core::finding::Finding;
use egressd_core::node::Certainty;
use egressd_core::ruleset::{Name, Ruleset, TableFamily, TableNames};
use tokio::time::sleep;
use tracing::{info, warn};

use super::Start;
use crate::clock;
use crate::errors::with_causes;
use crate::kernel::nft::{self, KernelThread, Readback, removal};
use crate::state_channel::StateChannel;

/// How long to wait for an earlier egressd to release the tables: the kernel frees them with its last socket.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to look meanwhile.
const TAKEOVER_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How often to look whether a table of a newer layout is gone: people have to act.
const NEWER_LAYOUT_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How long to wait after a reading that was not certain, where nothing can be done without one.
const UNCERTAIN_INTERVAL: Duration = Duration::from_secs(1);

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

/// What tables hold.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) ruleset: Ruleset,
    pub(super) certainty: Certainty,
}

/// What the tables hold that became ours. What is to be replaced is of no interest, and not read. Of what has another layout
/// a copy is made, which has to be whole: it is read until it is certain.
///
/// # Errors
/// As [`read_back`].
pub(super) async fn held(
    kernel: &KernelThread,
    tables: &TableNames,
    to_replace: &[(TableFamily, Name)],
    state_channel: &StateChannel,
) -> Result<Held, nft::Error> {
    if !to_replace.is_empty() {
        return Ok(Held { ruleset: Ruleset::default(), certainty: Certainty::Settled });
    }
    loop {
        let held = read_back(kernel, tables).await?;
        let has_other_layout = held.ruleset.tables.values().any(|table| table.layout != tables.layout);
        if !has_other_layout || held.certainty != Certainty::Uncertain {
            return Ok(held);
        }
        let found = uncertain();
        warn!(code = %found.code, "{}; retrying", found.message);
        state_channel.tables(vec![found.clone()], Vec::new());
        state_channel.held_back(found.message.to_string(), None);
        sleep(UNCERTAIN_INTERVAL).await;
    }
}

/// What the tables hold, without what another program put there, which is removed.
///
/// # Errors
/// When the kernel cannot be read, or refuses to remove something.
pub(super) async fn read_back(kernel: &KernelThread, tables: &TableNames) -> Result<Held, nft::Error> {
    let readback = read(kernel, tables).await?;
    remove_foreign(kernel, &readback).await?;
    Ok(Held { ruleset: readback.state, certainty: readback.certainty })
}

pub(super) async fn read(kernel: &KernelThread, tables: &TableNames) -> Result<Readback, nft::Error> {
    let names = tables.clone();
    kernel.ask(move |kernel| kernel.read(&names)).await
}

/// Removes what another program put into the tables. Where they were not read with certainty, a rule may look like another
/// program's because something that it names was not seen.
///
/// # Errors
/// When the kernel refuses to remove something.
pub(super) async fn remove_foreign(kernel: &KernelThread, readback: &Readback) -> Result<(), nft::Error> {
    if readback.certainty == Certainty::Uncertain {
        return Ok(());
    }
    for foreign in &readback.foreign {
        warn!(object = foreign.what, "an unexpected object is in a table of egressd; it is removed");
    }
    match removal(readback) {
        Some(removal) => kernel.ask(move |kernel| kernel.commit(&removal)).await,
        None => Ok(()),
    }
}

/// What is reported while other programs commit so often that the tables cannot be read as they were at one moment.
pub fn uncertain() -> Finding {
    let message = "other programs change nftables so often that the tables of egressd could not be read in one state; \
                   the rules in force stay, and they are read again until they can be compared with the configuration";
    Finding::warning("readback-uncertain", message)
}

/// What something comes to; none where this ends before.
pub async fn unless<T>(ended: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = ended => None,
    }
}
