//! A change of any size, executed as the loop does it.

use std::collections::BTreeSet;
use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd_core::diff::{Applied, Changes, Comparison, SLICE, SlicedChange, Slices};
use egressd_core::model::ChangeKey;

use crate::clock::{self, used};
use crate::kernel::commit;
use crate::world::World;

/// The cost of one change.
#[derive(Clone, Copy, Default)]
pub(super) struct Execution {
    pub(super) batches: usize,
    pub(super) slices: usize,
    /// The kernel's share.
    pub(super) kernel: Duration,
    pub(super) whole: Duration,
    /// The longest slice: other changes wait as long.
    pub(super) longest: Duration,
}

impl Execution {
    fn slice(&mut self, netlink: &mut Netlink, changes: &Changes) {
        self.slices += 1;
        self.batches += changes.batches().len();
        self.kernel += commit(netlink, changes).unwrap();
    }
}

/// Handles an update as the loop does.
pub(super) fn change(world: &mut World, netlink: &mut Netlink, key: ChangeKey) -> Execution {
    let (comparison, planning) = used(clock::thread, || world.compare_after(&BTreeSet::from([key])));
    let execution = execute(world, netlink, comparison);
    Execution { whole: execution.whole + planning, ..execution }
}

/// Applies the changes from the kernel's state to the desired one.
pub(super) fn execute(world: &mut World, netlink: &mut Netlink, comparison: Comparison) -> Execution {
    let (cut, cutting) = used(clock::thread, || comparison.cut(&world.applied, SLICE));
    let mut execution = Execution { whole: cutting, ..Execution::default() };
    match cut {
        SlicedChange::Whole => {
            let work = || {
                execution.slice(netlink, &world.changes(&comparison));
                world.apply(comparison);
            };
            let ((), longest) = used(clock::thread, work);
            Execution { longest, whole: execution.whole + longest, ..execution }
        }
        SlicedChange::Slices(slices) => {
            by_slices(&mut world.applied, netlink, comparison, slices, &mut execution);
            world.mark_applied();
            execution
        }
    }
}

fn by_slices(
    applied: &mut Applied,
    netlink: &mut Netlink,
    mut comparison: Comparison,
    mut slices: Slices,
    execution: &mut Execution,
) {
    loop {
        let work = || {
            let slice = slices.next(comparison.before(applied), comparison.after())?;
            execution.slice(netlink, &slice.changes);
            comparison.take(&slice);
            applied.take(slice);
            Some(())
        };
        let (more, took) = used(clock::thread, work);
        execution.whole += took;
        execution.longest = execution.longest.max(took);
        if more.is_none() {
            return;
        }
    }
}
