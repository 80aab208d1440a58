//! Manifests as people have them, of sixteen kinds of programs, all together.

use std::path::Path;

use crate::app::plan_of;

/// The Services that request egress and have a pod on the node, and the address of each.
const EXPECTED: [(&str, &str); 15] = [
    ("aaa/radius", "11.0.0.4"),
    ("ci/ci-jobs-egress", "11.0.0.8"),
    ("data/orders-db-rw-lb", "11.0.0.6"),
    ("default/caller", "11.0.0.2"),
    ("dns/sinkhole-dns-tcp", "11.0.0.4"),
    ("edge/edge-ingress", "11.0.0.5"),
    ("files/ftp", "11.0.0.2"),
    ("games/world", "11.0.0.3"),
    ("identity/directory-egress", "11.0.0.3"),
    ("logs/syslog", "11.0.0.5"),
    ("netops/poller", "11.0.0.9"),
    ("search/crawler", "11.0.0.6"),
    ("shop/billing", "11.0.0.4"),
    ("vms/vm-uplink", "11.0.0.8"),
    ("voice/turn", "11.0.0.2"),
];

#[test]
fn manifests_of_charts_operators_and_hands_are_planned_as_they_are() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/input");
    let planned = plan_of(&[&dir.join("manifests"), &dir.join("cluster.yaml")]);
    for (service, address) in EXPECTED {
        planned.expect(service, address);
    }
    let rows = planned.text.lines().skip(1).take_while(|line| !line.contains(": "));
    assert_eq!(rows.count(), EXPECTED.len(), "{}", planned.text);
    assert!(!planned.text.contains("manifest-refused"), "{}", planned.text);
}
