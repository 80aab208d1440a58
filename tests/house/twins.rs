//! Copies that exist because neither crate may depend on the other are equal.

use std::collections::BTreeSet;
use std::fs;

use crate::rust::root;

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect("the file is there")
}

#[test]
fn the_host_knows_the_names_that_the_built_in_policy_reads() {
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let policy = text("policies/annotations/src/annotations.rs");
    let consts = policy.lines().filter(|line| line.contains("const ") && line.contains(": &str = "));
    let read: BTreeSet<String> = consts.filter_map(quoted).filter(|name| name != "egress-nftables-table").collect();
    let host = text("host/core/src/stray.rs");
    let list = host.split_once("const KNOWN").and_then(|(_, rest)| rest.split_once("];")).expect("a list").0;
    let known: BTreeSet<String> = list.lines().filter_map(quoted).collect();
    let of_the_host = ["loadbalancerIPs", "vipHost"].map(str::to_owned);
    assert!(read.len() == 11, "{read:?}");
    assert_eq!(known, read.into_iter().chain(of_the_host).collect());
}
