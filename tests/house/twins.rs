//! What stands twice, because neither crate may depend on the other, is the same.

use std::collections::BTreeSet;
use std::fs;

use crate::rust::root;

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect("the file is there")
}

/// A function from its first line to the brace that ends it.
fn function<'a>(text: &'a str, name: &str) -> &'a str {
    let begin = text.find(&format!("fn {name}(")).expect("the function is there");
    let end = text[begin..].find("\n}\n").expect("it ends");
    &text[begin..begin + end]
}

#[test]
fn how_far_names_lie_apart_is_the_same_to_the_host_and_to_the_built_in_policy() {
    let (host, policy) = (text("host/core/src/spelling.rs"), text("policies/annotations/src/spelling.rs"));
    for name in ["edits", "same_words<'a>", "without_egress", "words", "word"] {
        assert_eq!(function(&host, name), function(&policy, name), "{name}");
    }
    let words = |text: &str| {
        text.split_once("const WORDS").and_then(|(_, rest)| rest.split_once("];")).map(|(list, _)| list.to_owned())
    };
    assert_eq!(words(&host).expect("a list"), words(&policy).expect("a list"));
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
