//! The policies of the guard's backstop, which an egressd leaves with its tables.

use std::collections::BTreeSet;

use egressd_core::compile::Instance;
use egressd_core::node::{Part as _, Xfrm, XfrmMaker};

use super::{Action, Job, Report};
use crate::errors::with_causes;
use crate::instances::lock::{Liveness, MissingFile};
use crate::kernel::xfrm::{Error, XfrmKernel};

impl Job {
    /// Removes the policies of this instance, and of those whose tables are gone. They go last: until then what was
    /// guarded is blocked.
    pub(super) fn remove_policies(&self, kernel: Result<impl XfrmKernel, Error>, report: &mut Report) {
        let mut kernel = match kernel {
            Ok(kernel) => kernel,
            // What it does not have is not left.
            Err(Error::Unsupported) => return,
            Err(error) => return report.policies_stay(&error),
        };
        for instance in self.without_tables(report) {
            match self.remove_policies_of(&instance, &mut kernel) {
                Ok(count) => report.policies += count,
                Err(error) => report.policies_stay(&error),
            }
        }
    }

    /// The instances that have no table any more and do not run.
    pub(super) fn without_tables(&self, report: &Report) -> BTreeSet<Instance> {
        let of = |table: &crate::kernel::nft::TableId| Instance::of_table(table.family, &table.name);
        let left: BTreeSet<Instance> = report.left.iter().filter_map(|left| of(&left.table)).collect();
        let gone = report.removed.iter().filter_map(of).chain([self.own.clone()]);
        let claimed = |instance: &Instance| match self.locks.claim(instance, MissingFile::Leave) {
            Ok(_) => Liveness::Ended,
            Err(error) => Liveness::from(error),
        };
        let runs = |instance: &Instance| matches!(claimed(instance), Liveness::Lives);
        gone.filter(|instance| !left.contains(instance) && !runs(instance)).collect()
    }

    fn remove_policies_of(&self, instance: &Instance, kernel: &mut impl XfrmKernel) -> Result<usize, Error> {
        let left = kernel.read(&XfrmMaker::of(&instance.tables()))?.state;
        match self.action {
            Action::Remove => {
                let changes = Xfrm::diff(&left, &BTreeSet::new());
                changes.iter().try_for_each(|effect| kernel.commit(&effect.change))?;
            }
            Action::Show => {}
        }
        Ok(left.len())
    }
}

impl Report {
    fn policies_stay(&mut self, error: &Error) {
        self.policies_left = Some(with_causes(error));
    }
}
