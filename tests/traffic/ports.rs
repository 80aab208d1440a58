//! Rules with source and destination ports, in both families.

use anyhow::Result;
use lab::Protocol::{Icmp, Tcp, Udp};
use lab::addresses::OUTSIDE_V4;

use crate::calls::{Call, expect, from, to};
use crate::fixture::{Fixture, web};

/// Runs egressd on `web` with these annotations, waits until a call is translated that is, and expects the rest.
fn expect_with(annotations: &[(&str, &str)], awaited: u16, calls: &[Call]) -> Result<()> {
    let fixture = Fixture::new()?;
    let service = annotations.iter().fold(web().egress_ipv6(), |web, (name, value)| web.annotation(name, value));
    let egressd = fixture.run_in_both_families(&service, awaited)?;
    expect(&egressd, fixture.selected(), calls)?;
    egressd.stop()
}

/// P1: ports belong to one protocol, and packets without ports do not match.
pub(crate) fn named_destination_ports_are_translated_and_no_others() -> Result<()> {
    let calls = [
        to(80, Tcp).translated(),
        to(8080, Tcp).translated(),
        to(53, Udp).translated(),
        to(53, Tcp).untouched(),
        to(5060, Tcp).untouched(),
        to(80, Udp).untouched(),
        to(8080, Udp).untouched(),
        to(0, Icmp).untouched(),
    ];
    expect_with(&[("egress-destination-ports", "tcp:80,udp:53,tcp:8080")], 80, &calls)
}

/// P1.
pub(crate) fn a_range_of_ports_includes_its_ends_and_nothing_beyond() -> Result<()> {
    let calls = [
        to(80, Tcp).translated(),
        to(5060, Tcp).translated(),
        to(53, Tcp).untouched(),
        to(8080, Tcp).untouched(),
        to(80, Udp).untouched(),
        to(0, Icmp).untouched(),
    ];
    expect_with(&[("egress-destination-ports", "tcp:80-5060")], 80, &calls)
}

/// P1.
pub(crate) fn ranges_and_single_ports_of_several_protocols_go_together() -> Result<()> {
    let calls = [
        to(80, Tcp).translated(),
        to(8080, Tcp).translated(),
        to(53, Udp).translated(),
        to(5060, Udp).translated(),
        to(53, Tcp).untouched(),
        to(5060, Tcp).untouched(),
        to(80, Udp).untouched(),
        to(0, Icmp).untouched(),
    ];
    let value = "tcp:80, udp:5000-6000, tcp:8000-8999, udp:53, sctp:36412";
    expect_with(&[("egress-destination-ports", value)], 80, &calls)
}

/// P1.
pub(crate) fn all_ports_of_one_protocol_do_not_include_other_protocols() -> Result<()> {
    let calls =
        [to(53, Tcp).translated(), to(8080, Tcp).translated(), to(53, Udp).untouched(), to(0, Icmp).untouched()];
    expect_with(&[("egress-destination-ports", "tcp:1-65535")], 53, &calls)
}

/// P1: kube-vip accepts this annotation, and its rules do not know it.
pub(crate) fn named_source_ports_are_translated_and_no_others() -> Result<()> {
    let calls = [
        from(6001, 8080, Tcp).translated(),
        from(6010, 80, Tcp).translated(),
        from(7000, 53, Udp).translated(),
        from(5999, 8080, Tcp).untouched(),
        from(6011, 8080, Tcp).untouched(),
        from(7000, 8080, Tcp).untouched(),
        from(6005, 8080, Udp).untouched(),
        from(7001, 53, Udp).untouched(),
        to(0, Icmp).untouched(),
    ];
    let value = "tcp:6000-6010,udp:7000,tcp:20000-59999";
    expect_with(&[("egress-source-ports", value)], 8080, &calls)
}

/// P1.
pub(crate) fn source_and_destination_ports_have_to_match_both() -> Result<()> {
    let calls = [
        from(6001, 80, Tcp).translated(),
        from(6002, 8080, Tcp).translated(),
        from(7000, 53, Udp).translated(),
        from(6003, 53, Tcp).untouched(),
        from(6011, 80, Tcp).untouched(),
        from(7001, 53, Udp).untouched(),
        from(7000, 8080, Udp).untouched(),
        to(0, Icmp).untouched(),
    ];
    let annotations = [
        ("egress-source-ports", "tcp:6000-6010,udp:7000,tcp:20000-59999"),
        ("egress-destination-ports", "tcp:80,tcp:8000-8999,udp:53"),
    ];
    expect_with(&annotations, 80, &calls)
}

/// P11's annotation is accepted, and does nothing to new connections.
pub(crate) fn flush_conntrack_is_accepted() -> Result<()> {
    let calls = [to(80, Tcp).translated(), to(53, Udp).translated(), to(0, Icmp).translated()];
    expect_with(&[("flush-conntrack", "true")], 80, &calls)
}

/// P1: these state what always holds, or choose the only alternative.
pub(crate) fn annotations_without_effect_change_no_packet() -> Result<()> {
    let fixture = Fixture::new()?;
    let service = ["egress-internal", "egress-no-internal-traffic", "egress-detect-api-server"]
        .iter()
        .fold(web().egress_ipv6(), |web, name| web.annotation(name, "true"));
    let egressd = fixture.run_in_both_families(&service, 80)?;
    expect(&egressd, fixture.selected(), &[to(80, Tcp).translated(), to(53, Udp).translated()])?;
    let pod = fixture.selected();
    egressd.expect_seen(pod, fixture.unselected().v4(), Tcp, pod.v4())?;
    egressd.expect_seen(fixture.unselected(), OUTSIDE_V4, Tcp, fixture.unselected().v4())?;
    egressd.stop()
}
