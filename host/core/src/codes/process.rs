//! Node and process.

use super::entry::{CodeEntry, ERROR, INFO_OR_WARNING, WARNING};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "audit",
        level: WARNING,
        sentence: "An audit of what egressd keeps found a difference, and everything is computed anew. It is in the \
                   log only.",
        cause: "This is a defect of egressd.",
        remedy: "None is needed for the traffic: the difference is corrected. Report it with the line of the log.",
    },
    CodeEntry {
        code: "backstop-missing",
        level: WARNING,
        sentence: "The kernel does not take the IPsec policies that block guarded pods while the tables of egressd are \
                   lost. As long as the tables are there, the guard works.",
        cause: "The kernel has no xfrm (`CONFIG_XFRM_USER`), forbids it, or lacks memory; or another egressd of this node \
                has the same policies.",
        remedy: "Use a kernel with xfrm, or Linux 6.9 or later, where the tables cannot be lost. Give two egressds of one \
                 node different bits (`--mark-mask`, `EGRESSD_MARK_MASK`).",
    },
    CodeEntry {
        code: "cilium-present",
        level: WARNING,
        sentence: "Cilium is on this node, and in one of its modes nothing is translated. It is in the log at the \
                   start only.",
        cause: "In eBPF host-routing mode the packets of pods bypass nftables.",
        remedy: "Set `bpf.hostLegacyRouting=true` in Cilium (docs/beside.md).",
    },
    CodeEntry {
        code: "compiler-not-confined",
        level: INFO_OR_WARNING,
        sentence: "The process that compiles policies could not give up all of its rights; policies are compiled all \
                   the same.",
        cause: "The kernel lacks Landlock (information), or the container's seccomp profile forbids what is needed \
                (warning).",
        remedy: "Use the kernel or the seccomp profile that the message names.",
    },
    CodeEntry {
        code: "connections-not-checked",
        level: WARNING,
        sentence: "Connections that contradict the rules cannot be ended, so they keep their source address.",
        cause: "The kernel has no ctnetlink (`CONFIG_NF_CT_NETLINK`), forbids it, or cannot give its connections. New \
                connections are translated by the rules in force.",
        remedy: "Load the module `nf_conntrack_netlink`, or restart the pods whose connections are to end.",
    },
    CodeEntry {
        code: "directory-not-private",
        level: WARNING,
        sentence: "Other users can write to a directory of egressd, or its mode cannot be changed.",
        cause: "The directory belongs to another user or is shared with other programs, or the system refuses the \
                change.",
        remedy: "Give the directory to the user that egressd runs as, or set the option that the message names to a \
                 directory of its own.",
    },
    CodeEntry {
        code: "family-unknown",
        level: ERROR,
        sentence: "A plan has rules of a family whose networks are unknown, and is not carried out. It is in the log \
                   and in `plan` only.",
        cause: "This is a defect of egressd: a check of its own plan failed.",
        remedy: "Report it with the input. What was in force stays.",
    },
    CodeEntry {
        code: "flowtable-bypass",
        level: WARNING,
        sentence: "Another program's flowtable forwards packets of established connections past all chains.",
        cause: "A rule sends connections to a flowtable. They keep their source, and nothing that drops packets sees \
                them any more (P12 of docs/properties.md).",
        remedy: "Remove the flowtable, or let no rule send connections of selected pods to it (docs/beside.md).",
    },
    CodeEntry {
        code: "http-not-served",
        level: WARNING,
        sentence: "Metrics are not served.",
        cause: "The address of `--http` (`EGRESSD_HTTP`) cannot be used, as where another process has it. It is \
                tried again every two seconds.",
        remedy: "Free the address, or set another one or none.",
    },
    CodeEntry {
        code: "ipsec-in-use",
        level: WARNING,
        sentence: "Another program has IPsec policies on this node, so egressd adds none that block guarded pods while its \
                   tables are lost. As long as the tables are there, the guard works.",
        cause: "The kernel takes the first policy that matches a packet, and egressd's could match packets of tunnels.",
        remedy: "Use Linux 6.9 or later, where no other program can change the tables (docs/fail-closed.md).",
    },
    CodeEntry {
        code: "mixed-families",
        level: ERROR,
        sentence: "A rule of a plan mixes IPv4 and IPv6, and the plan is not carried out. It is in the log and in \
                   `plan` only.",
        cause: "This is a defect of egressd: a check of its own plan failed.",
        remedy: "Report it with the input. What was in force stays.",
    },
    CodeEntry {
        code: "nat-before-ours",
        level: WARNING,
        sentence: "Another program's chain translates sources before egressd's chain, or at the same priority.",
        cause: "The first source NAT of a connection decides. The message names the chain, its priority, and the promises \
                of docs/properties.md that do not hold for the connections that it translates.",
        remedy: "Set `--priority` (`EGRESSD_PRIORITY`) to a smaller number than the chain's, or move or remove the chain \
                 (docs/beside.md).",
    },
    CodeEntry {
        code: "newer-layout",
        level: ERROR,
        sentence: "A newer egressd made the table; it stays as it is, and egressd waits, alive and not ready.",
        cause: "An update was undone, and the older release does not know the layout of the table.",
        remedy: "Run the newer release again, or follow docs/upgrade.md to go back.",
    },
    CodeEntry {
        code: "newer-state",
        level: WARNING,
        sentence: "A state file, or lines of one, are unknown to this egressd; they stay as they are.",
        cause: "A newer egressd wrote the file.",
        remedy: "None is needed if the newer release comes back. Otherwise correct the Services with invalid \
                 annotations (docs/upgrade.md).",
    },
    CodeEntry {
        code: "no-lock",
        level: WARNING,
        sentence: "The lock of this instance could not be taken. It is in the log only.",
        cause: "The directory of `--lock-dir` (`EGRESSD_LOCK_DIR`) cannot be written to, or another process has the \
                lock.",
        remedy: "Correct the directory. Before Linux 6.9 other instances cannot see otherwise that this one runs.",
    },
    CodeEntry {
        code: "no-sources",
        level: ERROR,
        sentence: "A rule of a plan has no sources, and the plan is not carried out. It is in the log and in `plan` \
                   only.",
        cause: "This is a defect of egressd: a check of its own plan failed.",
        remedy: "Report it with the input. What was in force stays.",
    },
    CodeEntry {
        code: "orphaned-table",
        level: WARNING,
        sentence: "A table of an egressd that no longer runs still translates packets of pods.",
        cause: "An instance was removed without `egressd clean`.",
        remedy: "Run the `egressd clean` command in the message.",
    },
    CodeEntry {
        code: "readback-uncertain",
        level: WARNING,
        sentence: "The tables of egressd could not be read in one state; what was read is in use, and they are read \
                   again.",
        cause: "Other programs commit changes of nftables continuously, and this kernel lets them change the tables \
                of egressd (before Linux 6.9), so a part that was read may have changed before the next part was.",
        remedy: "None is needed for the traffic: the rules in force stay, and no table and no base chain is made \
                 anew. If the finding stays, find the program that commits all the time (`nft monitor`).",
    },
    CodeEntry {
        code: "state-lost",
        level: WARNING,
        sentence: "Rules are in force, but the state directory is empty.",
        cause: "The directory was lost, or `--state-dir` (`EGRESSD_STATE_DIR`) is another one than before.",
        remedy: "Restore the directory or the setting. What the kernel has for Services with invalid annotations \
                 stays until they are valid (docs/upgrade.md).",
    },
    CodeEntry {
        code: "state-unreadable",
        level: WARNING,
        sentence: "A state file, or a part of one, cannot be read, so what it had is unknown.",
        cause: "The file is damaged, as after a loss of power or with a full disk, or `plan` or `diff` runs as \
                another user than egressd.",
        remedy: "Once all Services have valid input, stop egressd and remove the file (docs/upgrade.md).",
    },
    CodeEntry {
        code: "state-unwritable",
        level: WARNING,
        sentence: "The state directory cannot be written, and the message names what a restart would do.",
        cause: "The disk is full, read-only or does not respond, or the directory's owner or mode forbid it. It is tried \
                again every 30 seconds and with each change.",
        remedy: "Free space, or make the directory writable. What is in force stays in force while egressd runs; what was \
                 not saved is lost in a restart (docs/operate.md).",
    },
    CodeEntry {
        code: "status-not-served",
        level: WARNING,
        sentence: "`egressd status` and `egressd probe` get no answer.",
        cause: "The socket of `--socket` (`EGRESSD_SOCKET`) cannot be made, was removed, or another egressd answers \
                there. It is tried again every two seconds.",
        remedy: "Free the path, or set another one.",
    },
    CodeEntry {
        code: "table-changed",
        level: WARNING,
        sentence: "Another program changed a table of egressd, which undid it; it is reported until ten minutes after \
                   the last change.",
        cause: "Before Linux 6.9 any program with the right to do so can change the table, as a firewall does whose \
                reload flushes all rules.",
        remedy: "Configure the program that the message names to change its own tables only. Until a change is undone \
                 packets of pods may leave with another source (docs/troubleshooting.md).",
    },
    CodeEntry {
        code: "table-replaced",
        level: ERROR,
        sentence: "A table of egressd was replaced by one of another program, which egressd does not touch; nothing is \
                   translated by it.",
        cause: "While egressd ran, another program deleted the table and made one with the same name.",
        remedy: "Delete that table, and configure the program to use another name; egressd makes its own again at once.",
    },
    CodeEntry {
        code: "tunnel-disturbed",
        level: WARNING,
        sentence: "Another program has something among the rules and routes of the tunnel to other nodes, or a device with \
                   its name.",
        cause: "A rule with a preference among those of the tunnel is passed over by every packet that egressd does not mark. A \
                route in its tables may lead packets of pods elsewhere, where they are dropped. A device with its name keeps the \
                tunnel from being made.",
        remedy: "Give the rule another preference (`ip rule`), and remove or rename what the message names otherwise.",
    },
    CodeEntry {
        code: "tunnel-missing",
        level: WARNING,
        sentence: "The kernel does not take a change of the tunnel to other nodes. What is to leave by another node is refused, \
                   never sent from this one.",
        cause: "The kernel has no VXLAN (`CONFIG_VXLAN`) or no routes with encapsulation (`CONFIG_LWTUNNEL`), forbids it, or lacks \
                memory; or another program or another egressd of this node has a device `egressd0`.",
        remedy: "Act on what the message names; egressd tries again.",
    },
    CodeEntry {
        code: "unmerged-networks",
        level: ERROR,
        sentence: "The networks of a plan overlap or are out of order, and the plan is not carried out. It is in the \
                   log and in `plan` only.",
        cause: "This is a defect of egressd: a check of its own plan failed.",
        remedy: "Report it with the input. What was in force stays.",
    },
];
