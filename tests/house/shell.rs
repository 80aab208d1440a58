//! The rooms of the shell, and which others each may enter.

use std::collections::{BTreeMap, BTreeSet};

use crate::rooms::{WINGS, all_entered};
use crate::rust::{code, files, name};

/// Every room of `host/src` with all that it imports, outside of tests, those that import nothing first.
pub(crate) const SHELL: [(&str, &[&str]); 47] = [
    ("errors", &[]),
    ("log", &[]),
    ("metrics", &[]),
    ("pod_wait", &[]),
    ("out", &[]),
    ("rights", &[]),
    ("cli", &[]),
    ("egress_node", &[]),
    ("kernel/bystanders", &[]),
    ("kernel/netlink", &[]),
    ("files", &["errors"]),
    ("state", &["errors", "files"]),
    ("clock", &[]),
    ("probing", &["clock"]),
    ("wasm", &["clock"]),
    ("kernel/lazy", &[]),
    ("kernel/worker", &[]),
    ("kernel/part", &["kernel/lazy", "kernel/worker"]),
    ("kernel/nft", &["clock", "errors", "kernel/netlink", "kernel/worker"]),
    ("kernel/addresses", &["clock", "kernel/netlink"]),
    ("kernel/xfrm", &["kernel/netlink", "kernel/part", "kernel/worker"]),
    ("kernel/tunnel", &["kernel/netlink", "kernel/part", "kernel/worker"]),
    ("kernel/flows", &["clock", "kernel/lazy", "kernel/netlink", "kernel/worker"]),
    ("source", &["clock", "egress_node", "errors", "files", "state"]),
    ("policies", &["clock", "errors", "metrics", "wasm"]),
    ("config", &["cli", "rights", "source"]),
    ("instances/lock", &["clock", "errors", "files"]),
    ("instances/orphans", &["clock", "errors", "instances/lock", "kernel/nft"]),
    ("state_channel", &["clock", "errors", "instances/orphans", "kernel/nft", "policies"]),
    ("neighbours", &["state_channel", "clock", "errors", "kernel/nft"]),
    (
        "daemon",
        &[
            "state_channel",
            "clock",
            "errors",
            "kernel/addresses",
            "kernel/flows",
            "kernel/nft",
            "kernel/tunnel",
            "kernel/xfrm",
            "metrics",
            "pod_wait",
            "policies",
            "source",
            "state",
        ],
    ),
    (
        "publish",
        &["state_channel", "clock", "egress_node", "errors", "files", "instances/orphans", "policies", "rights"],
    ),
    ("admin/explain", &["admin/print", "cli"]),
    ("admin/manual", &["cli"]),
    ("admin/pool", &["clock"]),
    ("admin/http", &["admin/pool"]),
    ("admin/cni", &["pod_wait"]),
    ("admin/status_socket", &["admin/pool", "clock", "files"]),
    ("cni", &["admin/status_socket", "cli", "clock", "errors", "files", "out"]),
    ("admin/document", &["state_channel", "clock", "kernel/nft", "policies", "rights"]),
    ("admin/scrape", &["state_channel", "instances/orphans", "kernel/nft", "metrics"]),
    (
        "admin/admin_server",
        &[
            "admin/pool",
            "admin/cni",
            "admin/document",
            "admin/http",
            "admin/scrape",
            "admin/status_socket",
            "state_channel",
            "clock",
            "instances/orphans",
            "kernel/nft",
            "metrics",
            "pod_wait",
            "rights",
        ],
    ),
    ("admin/oneshot", &["kernel/addresses", "kernel/nft", "policies", "source"]),
    ("admin/output", &["admin/document", "admin/oneshot", "kernel/nft"]),
    ("admin/print", &["admin/document", "admin/oneshot", "admin/output", "cli", "out"]),
    (
        "admin/clean",
        &[
            "admin/pool",
            "admin/http",
            "admin/status_socket",
            "state_channel",
            "errors",
            "instances/lock",
            "instances/orphans",
            "kernel/nft",
            "kernel/tunnel",
            "kernel/xfrm",
            "out",
        ],
    ),
    (
        "authoring",
        &[
            "admin/oneshot",
            "admin/output",
            "cli",
            "clock",
            "config",
            "errors",
            "files",
            "metrics",
            "out",
            "policies",
            "source",
            "wasm",
        ],
    ),
];

/// What wires the rooms, and so may import all of them.
const OPEN: [&str; 1] = ["lib"];

#[test]
fn rooms_of_the_shell_import_what_their_row_says() {
    let mut entered = all_entered("host/src");
    entered.retain(|room, _| !OPEN.contains(&room.as_str()) && !WINGS.contains(&room.as_str()));
    let owned = |rooms: &&[&str]| rooms.iter().map(|room| (*room).to_owned()).collect::<BTreeSet<String>>();
    let table: BTreeMap<String, BTreeSet<String>> =
        SHELL.iter().map(|(room, allowed)| ((*room).to_owned(), owned(allowed))).collect();
    assert_eq!(entered, table, "left: what the rooms of host/src import; right: what SHELL lets them");
}

/// `clippy.toml` forbids to read the clock; one file has an exception.
#[test]
fn one_file_of_the_product_reads_the_clock() {
    let product = ["host/src", "host/core/src", "policy-sdk/src", "policies"];
    let excused = product.iter().flat_map(|folder| files(folder)).filter(|file| code(file).contains("disallowed_"));
    assert_eq!(excused.map(|file| name(&file)).collect::<Vec<_>>(), ["host/src/clock.rs"]);
}
