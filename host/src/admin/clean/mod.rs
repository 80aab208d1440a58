//! `egressd clean`: away with the tables of this instance, or of all that have ended, and with their locks. What an
//! egressd manages stays, and is named.

mod backstop;
mod report;
mod stay;
mod tunnel;

use std::collections::BTreeSet;

use egressd_core::compile::Instance;

pub use report::{Action, CleanOutcome, KeepReason, KeptTable, Report};
pub use stay::{Listeners, stay};

use crate::errors::with_causes;
use crate::instances::lock::{Liveness, LockDir, MissingFile};
use crate::instances::orphans::{TableState, standing};
use crate::kernel::nft::{self, ListedTable, Maker, Tables};
use crate::kernel::tunnel::{self as kernel_tunnel, KernelTunnel, TunnelKernel};
use crate::kernel::xfrm::{self, Policies, XfrmKernel};

/// Whose tables to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This instance's.
    Own,
    /// Those of every instance that has ended, too.
    All,
}

/// How tables are treated that a newer egressd made in a layout that this one does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewerLayout {
    /// They stay, and are named.
    Stays,
    /// They are removed like others.
    Goes,
}

/// What to remove.
#[derive(Clone, Debug)]
pub struct Job {
    pub own: Instance,
    pub scope: Scope,
    /// Whether those of a newer layout, too.
    pub newer: NewerLayout,
    pub locks: LockDir,
    /// Whether to remove anything.
    pub action: Action,
}

/// The parts of a node beside its tables, where they can be opened.
#[derive(Debug)]
pub struct Parts<X, T> {
    pub policies: Result<X, xfrm::Error>,
    pub tunnel: Result<T, kernel_tunnel::Error>,
}

impl Parts<Policies, KernelTunnel> {
    /// Those of the calling thread's network namespace.
    pub fn open() -> Self {
        Self { policies: Policies::open(), tunnel: KernelTunnel::open() }
    }
}

impl Job {
    /// All of it: tables, and then the tunnel and the policies of those that have none any more.
    ///
    /// # Errors
    /// As [`Self::carry_out`].
    pub fn clean(
        &self,
        mut tables: impl Tables,
        parts: Parts<impl XfrmKernel, impl TunnelKernel>,
        spared: &BTreeSet<Instance>,
    ) -> Result<Report, nft::Error> {
        let mut report = self.carry_out(&mut tables, spared)?;
        self.remove_tunnel(parts.tunnel, &mut report);
        self.remove_policies(parts.policies, &mut report);
        Ok(report)
    }

    /// Removes what no egressd manages. One table that has to stay keeps no other from being removed. Other instances
    /// that are `spared` are not looked at: they were seen to live, and one that begins anew has no owner for a moment.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    pub fn carry_out(&self, tables: &mut impl Tables, spared: &BTreeSet<Instance>) -> Result<Report, nft::Error> {
        let listed = tables.list()?;
        let mut report = Report { action: self.action, ..Report::default() };
        let instances = self.instances(&listed, &mut report);
        for instance in instances.into_iter().filter(|instance| *instance == self.own || !spared.contains(instance)) {
            let (ours, others): (Vec<_>, Vec<_>) = of_instance(&listed, &instance).partition(|table| is_ours(table));
            self.remove(&instance, &ours, tables, &mut report);
            if instance == self.own {
                let note = |table: &ListedTable| format!("{} stays: egressd did not make it", table.id);
                report.notes.extend(others.into_iter().map(note));
            }
        }
        Ok(report)
    }

    /// Those that have a table or a lock.
    fn instances(&self, listed: &[ListedTable], report: &mut Report) -> BTreeSet<Instance> {
        let own = [self.own.clone()];
        match self.scope {
            Scope::Own => own.into(),
            Scope::All => {
                let locks = self.locks.instances().unwrap_or_else(|error| {
                    report.notes.push(with_causes(&error));
                    Vec::new()
                });
                let ours = listed.iter().filter(|table| is_ours(table));
                let named = ours.filter_map(|table| Instance::of_table(table.id.family, &table.id.name));
                named.chain(locks).chain(own).collect()
            }
        }
    }

    /// The tables of one instance, and its lock once none is left.
    fn remove(&self, instance: &Instance, ours: &[&ListedTable], tables: &mut impl Tables, report: &mut Report) {
        // Without a lock nothing shows whether another instance lives. That of our own is made, so that none begins.
        let missing = match self.action {
            Action::Remove if *instance == self.own && !ours.is_empty() => MissingFile::Create,
            Action::Remove | Action::Show => MissingFile::Leave,
        };
        let (lock, life) = match self.locks.claim(instance, missing) {
            Ok(lock) => (Some(lock), Liveness::Ended),
            Err(error) => (None, Liveness::from(error)),
        };
        let before = (report.left.len(), report.living.len());
        for table in ours {
            match self.removable(instance, table, &life).and_then(|()| self.delete(table, tables)) {
                Ok(()) => report.removed.push(table.id.clone()),
                Err(KeepReason::InUse(sign)) if *instance != self.own => report.lives(instance, &table.id, sign),
                Err(why) => report.left.push(KeptTable { table: table.id.clone(), why }),
            }
        }
        let all_gone = self.action == Action::Remove && (report.left.len(), report.living.len()) == before;
        if let Some(Err(error)) = lock.filter(|_| all_gone).map(crate::instances::lock::Lock::remove) {
            report.notes.push(with_causes(&error));
        }
    }

    fn delete(&self, table: &ListedTable, tables: &mut impl Tables) -> Result<(), KeepReason> {
        match self.action {
            Action::Remove => tables.delete(&table.id).map_err(|error| KeepReason::Refused(with_causes(&error))),
            Action::Show => Ok(()),
        }
    }

    /// Whoever names an instance knows whether it runs; about others, unknown is not free.
    fn removable(&self, instance: &Instance, table: &ListedTable, life: &Liveness) -> Result<(), KeepReason> {
        match standing(table, life) {
            TableState::InUse(sign) => return Err(KeepReason::InUse(sign)),
            TableState::Unclear(error) if *instance != self.own => {
                return Err(KeepReason::Unclear { instance: instance.clone(), cause: with_causes(error) });
            }
            TableState::Orphaned | TableState::Unclear(_) => {}
        }
        match (table.maker, self.newer) {
            (Maker::Newer(layout), NewerLayout::Stays) => Err(KeepReason::Newer(layout)),
            (Maker::Newer(_), NewerLayout::Goes) | (Maker::Egressd | Maker::Another, _) => Ok(()),
        }
    }
}

/// Whether an egressd made it, an older or a newer one.
fn is_ours(table: &ListedTable) -> bool {
    match table.maker {
        Maker::Egressd | Maker::Newer(_) => true,
        Maker::Another => false,
    }
}

fn of_instance<'a>(listed: &'a [ListedTable], instance: &'a Instance) -> impl Iterator<Item = &'a ListedTable> {
    listed.iter().filter(|table| Instance::of_table(table.id.family, &table.id.name).as_ref() == Some(instance))
}

#[cfg(test)]
#[path = "clean_tests.rs"]
mod tests;
