//! Tables of another layout become tables of ours without a packet noticing it.
//!
//! The kernel does not change the comment of a table that is there, so another layout comes with another table of the same
//! name, and between the two a packet would find none. So what is in force is copied first, into tables of another name at
//! the same place: they translate what the new ones do not yet. They go when everything is in force. Where a process ends
//! before that, the next one finds them and goes on.

use egressd_core::compile::Instance;
use egressd_core::diff::{Changes, SLICE, SlicedChange, diff};
use egressd_core::ruleset::{Name, Ruleset, TableFamily, TableNames};
use tracing::{info, warn};

use super::takeover;
use crate::errors::with_causes;
use crate::kernel::nft::{self, KernelThread};
use crate::state_channel::StateChannel;

/// The copy of the tables of another layout.
#[derive(Debug)]
pub(super) struct TableCopy {
    names: TableNames,
    /// What was in force before.
    pub(super) held: Ruleset,
}

/// What has to be done about tables of another layout.
pub(super) struct LayoutPlan {
    /// Tables to replace with the first commit.
    pub(super) to_replace: Vec<(TableFamily, Name)>,
    pub(super) copy: Option<TableCopy>,
}

/// Makes the copy where what is `held` has another layout than it is to have, and finds the one that an earlier process left.
///
/// # Errors
/// When the kernel cannot be read, or refuses the copy.
pub(super) async fn begin(
    kernel: &KernelThread,
    tables: &TableNames,
    held: &Ruleset,
    state_channel: &StateChannel,
) -> Result<LayoutPlan, nft::Error> {
    let names = Instance::of_tables(tables).bridge();
    let is_wanted = held.tables.values().all(|table| table.layout == tables.layout);
    let left = match left(kernel, &names, state_channel).await {
        // No copy is needed, and that one is another program's.
        Err(error @ nft::Error::Foreign(_)) if is_wanted => {
            warn!(error = with_causes(&error), "another program's table has the name of egressd's copy; it stays");
            return Ok(LayoutPlan { to_replace: Vec::new(), copy: None });
        }
        left => left?,
    };
    if is_wanted {
        let copy = (!left.tables.is_empty()).then_some(TableCopy { names, held: left });
        return Ok(LayoutPlan { to_replace: Vec::new(), copy });
    }
    let to_replace = held.tables.iter().map(|(family, table)| (*family, table.name.clone())).collect();
    // An earlier process began to replace the tables, by ones of a layout that is not wanted any more. Those are not whole,
    // and its copy is.
    if left.tables.iter().any(|(family, copy)| held.tables.get(family).is_none_or(|table| table.layout != copy.layout))
    {
        return Ok(LayoutPlan { to_replace, copy: Some(TableCopy { names, held: left }) });
    }
    // It may have ended while it made the copy, and the tables are as they were.
    carry_out(kernel, diff(&left, &Ruleset::default())).await?;
    info!("the tables have another layout; their rules are copied and stay in force until the new tables are complete");
    let copy = renamed(held, &names);
    fill(kernel, &copy).await?;
    Ok(LayoutPlan { to_replace, copy: Some(TableCopy { names, held: held.clone() }) })
}

/// The copy that an earlier process left.
async fn left(kernel: &KernelThread, names: &TableNames, state_channel: &StateChannel) -> Result<Ruleset, nft::Error> {
    takeover::adopt(kernel, names, state_channel).await?;
    takeover::read_back(kernel, names).await.map(|held| held.ruleset)
}

/// The same tables under other names.
fn renamed(held: &Ruleset, names: &TableNames) -> Ruleset {
    let mut copy = held.clone();
    for (family, table) in &mut copy.tables {
        if let Some(family) = family.addresses() {
            table.name = names.of(family).clone();
        }
    }
    copy
}

/// Makes tables that are not there, slice by slice.
async fn fill(kernel: &KernelThread, copy: &Ruleset) -> Result<(), nft::Error> {
    let mut made = Ruleset::default();
    let SlicedChange::Slices(mut slices) = egressd_core::diff::cut(&made, copy, SLICE) else {
        return carry_out(kernel, diff(&made, copy)).await;
    };
    while let Some(slice) = slices.next(&made, copy) {
        carry_out(kernel, slice.changes.clone()).await?;
        slice.apply(&mut made);
    }
    Ok(())
}

async fn carry_out(kernel: &KernelThread, changes: Changes) -> Result<(), nft::Error> {
    for effect in changes.effects {
        kernel.ask(move |kernel| kernel.commit(&effect.change)).await?;
    }
    Ok(())
}

impl TableCopy {
    /// Takes the copy away, now that everything is in force. What cannot be taken away is tried again.
    pub(super) async fn remove(self, kernel: &KernelThread) -> Option<Self> {
        let removed = async {
            let left = takeover::read_back(kernel, &self.names).await?;
            carry_out(kernel, diff(&left.ruleset, &Ruleset::default())).await
        };
        match removed.await {
            Ok(()) => {
                info!("the copy of the tables of another layout is removed");
                None
            }
            Err(error) => {
                let error = with_causes(&error);
                warn!(error, "cannot remove the copy of the tables of another layout; retrying");
                Some(self)
            }
        }
    }
}
