//! The names of Service settings.

/// The names of kube-vip for what a Service can ask for (`pkg/kubevip/annotations.go`), without the prefix.
const OF_KUBE_VIP: [&str; 12] = [
    "egress",
    "egress-allowed-networks",
    "egress-denied-networks",
    "egress-destination-ports",
    "egress-detect-api-server",
    "egress-internal",
    "egress-ipv6",
    "egress-nftables-table",
    "egress-no-internal-traffic",
    "egress-source-ports",
    "flush-conntrack",
    "ignore",
];

/// The prefix is kube-vip's by default, where a name of ours would be taken for one of its own, now or in a later
/// release. A setting that kube-vip does not have is `egressd.io/<name>`.
#[test]
fn the_annotations_under_the_prefix_of_kube_vip_are_those_that_kube_vip_has() {
    let source = include_str!("../src/annotations.rs");
    let values = source.lines().filter(|line| line.contains("const ") && line.contains(": &str = "));
    let mut names: Vec<&str> = values.filter_map(|line| line.split('"').nth(1)).collect();
    names.sort_unstable();
    assert_eq!(names, OF_KUBE_VIP);
}
