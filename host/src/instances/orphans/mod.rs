//! Tables of egressd's making that no egressd manages any more: what is in them stays in force, for pods of long ago
//! and whoever has their addresses now (P5).

mod standing;
mod watch;

use egressd_core::compile::Instance;
use egressd_core::finding::Finding;

pub use standing::{TableState, UseSign, standing};
pub use watch::OrphanWatch;

use crate::kernel::nft::TableId;

/// A table that no egressd manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    pub table: TableId,
    pub instance: Instance,
    /// How many pods it translates.
    pub pods: usize,
}

impl Orphan {
    /// The table, what it still does, and the command that removes it.
    pub fn finding(&self) -> Finding {
        let Self { table, instance, pods } = self;
        let pods = if *pods == 1 { "1 pod".to_owned() } else { format!("{pods} pods") };
        let setting = instance.setting();
        Finding::warning(
            "orphaned-table",
            format!(
                "{table} is orphaned: no egressd {instance} runs on this node, and the table still translates {pods}, and \
                 drops what pods send that it guards (on-unavailable: drop); start that egressd again, or remove the table with `egressd clean --instance-name={setting}` (all \
                 orphaned tables: `egressd clean --all`)"
            ),
        )
    }
}

/// What tests are made with.
#[cfg(test)]
impl Orphan {
    /// The table of an instance, with three pods.
    pub(crate) fn of(instance: Instance, family: egressd_core::net::Family) -> Self {
        let table = TableId { family: family.into(), name: instance.tables().of(family).clone() };
        Self { table, instance, pods: 3 }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::compile::InstanceName;
    use egressd_core::net::Family;

    use super::*;

    #[test]
    fn a_finding_names_the_table_what_it_does_and_what_removes_it() {
        let message =
            |instance: Instance, pods| Orphan { pods, ..Orphan::of(instance, Family::Ipv6) }.finding().message;
        assert_eq!(
            message(Instance::Named(InstanceName::new("-x").unwrap()), 1),
            "table ip6 kube_vip_-x_v6 is orphaned: no egressd with the instance name -x runs on this node, and the \
             table still translates 1 pod, and drops what pods send that it guards (on-unavailable: drop); start that \
             egressd again, or remove the table with `egressd clean --instance-name=-x` (all orphaned tables: `egressd clean --all`)"
        );
        let default = message(Instance::Default, 0);
        assert!(default.contains("no egressd without an instance name runs on this node"), "{default}");
        assert!(default.contains("with `egressd clean --instance-name=` (all"), "{default}");
    }
}
