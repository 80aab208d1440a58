//! What can go wrong between us and the kernel.

use std::{fmt, io};

use egressd_core::ruleset::Layout;

use super::describe::TableId;
pub use crate::kernel::netlink::Refusal;

/// Why the kernel was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system failed us: no socket, no thread.
    #[error("cannot {doing}")]
    Io {
        /// What was being done, as in "open a netlink socket".
        doing: &'static str,
        /// The kernel's refusal.
        source: io::Error,
    },
    #[error("cannot talk to nf_tables: it needs CAP_NET_ADMIN in this network namespace")]
    NotPermitted,
    /// A table of ours belongs to another living process (`NFT_TABLE_F_OWNER`).
    #[error("cannot change {table}: another egressd (or other process) owns the table{}", Port(*.owner))]
    Owned {
        table: TableId,
        /// The netlink port of the owner, often its process id; none when the kernel does not say.
        owner: Option<u32>,
    },
    /// A table has our name and not our marker (P10). As the reason of a container that does not start it has to be short
    /// and complete: people meet it in `kubectl describe pod`, without a log around it.
    #[error(
        "cannot use {0}: a table of this name exists and egressd did not make it; kube-vip's own egress makes such \
         tables: give egressd an `instance_name` and another annotation prefix, or turn kube-vip's egress off and let \
         `egress_clean` replace the table (docs/beside.md)"
    )]
    Foreign(TableId),
    /// A newer egressd made a table. What it translates goes on as it is.
    #[error(
        "cannot use {table} (newer-layout): a newer egressd created it in layout {layout}, and this one knows layouts \
         up to {}; its rules stay in force and are not updated; run the newer egressd again, or remove the table with \
         `egressd clean --newer-layout`, which ends its translation (docs/upgrade.md)",
        Layout::OURS
    )]
    NewerLayout { table: TableId, layout: Layout },
    #[error("cannot {action}: this kernel's nf_tables does not support it; egressd needs Linux 5.15 with NAT")]
    Unsupported {
        /// What was being done, as in "add map egress_addrs to table ip kube_vip_v4".
        action: String,
        /// The kernel's refusal.
        source: Refusal,
    },
    /// The kernel refused one change, and so the whole batch.
    #[error("cannot {action}")]
    Refused {
        /// What was being done, as in "add element 10.0.0.1 to map egress_addrs of table ip kube_vip_v4".
        action: String,
        /// The kernel's refusal.
        source: Refusal,
    },
    /// The batch is longer than the socket may send.
    #[error("cannot send a batch of {bytes} bytes: it does not fit the socket's send buffer (net.core.wmem_max)")]
    BatchTooLarge {
        /// How long it is.
        bytes: usize,
    },
    #[error("cannot encode a change: it is longer than a netlink attribute may be (64 KiB)")]
    TooLong,
    /// Another process kept changing the ruleset while it was read.
    #[error("cannot read the ruleset: other programs kept changing it while it was read")]
    Unsettled,
    #[error("cannot read the kernel's answer to {0}")]
    Garbled(&'static str),
    #[error("cannot reach the kernel thread: it has ended")]
    ThreadGone,
}

/// " (netlink port 4711)" or nothing.
struct Port(Option<u32>);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |port| write!(f, " (netlink port {port})"))
    }
}
