//! Rules that name networks: allowed, denied, both, and with ports. One list serves both families.

use anyhow::Result;
use lab::Protocol::{Icmp, Tcp, Udp};
use lab::addresses::{NEIGHBOUR_V4, NEIGHBOUR_V6, OUTSIDE_V4, OUTSIDE_V6};
use lab::{Egressd, Protocol};

use crate::calls::{Call, OTHER, expect, to};
use crate::fixture::{Fixture, WEB_V4, WEB_V6, web};

const NEIGHBOUR: [std::net::IpAddr; 2] = [NEIGHBOUR_V4, NEIGHBOUR_V6];

fn run<'a>(fixture: &'a Fixture, annotations: &[(&str, &str)]) -> Result<Egressd<'a>> {
    let service = annotations.iter().fold(web().egress_ipv6(), |web, (name, value)| web.annotation(name, value));
    fixture.run_in_both_families(&service, 80)
}

fn expect_with(annotations: &[(&str, &str)], calls: &[Call]) -> Result<()> {
    let fixture = Fixture::new()?;
    let egressd = run(&fixture, annotations)?;
    expect(&egressd, fixture.selected(), calls)?;
    egressd.stop()
}

fn over_all(call: impl Fn(Protocol) -> Call) -> [Call; 3] {
    Protocol::ALL.map(call)
}

/// P1.
pub(crate) fn only_allowed_networks_are_translated() -> Result<()> {
    let calls = [
        over_all(|protocol| to(80, protocol).translated()),
        over_all(|protocol| to(80, protocol).at(OTHER).untouched()),
        over_all(|protocol| to(80, protocol).at(NEIGHBOUR).untouched()),
    ];
    expect_with(&[("egress-allowed-networks", "172.18.0.0/24, fd00:172:18::/48")], &calls.concat())
}

/// P1.
pub(crate) fn denied_networks_are_not_translated() -> Result<()> {
    let calls = [
        over_all(|protocol| to(80, protocol).translated()),
        over_all(|protocol| to(80, protocol).at(OTHER).untouched()),
        over_all(|protocol| to(80, protocol).at(NEIGHBOUR).untouched()),
    ];
    let denied = "172.19.0.0/16,fd00:172:19::1,fd00:192::/64,192.168.0.250";
    expect_with(&[("egress-denied-networks", denied)], &calls.concat())
}

/// P1: denied wins, wherever and however exactly it is allowed.
pub(crate) fn a_denied_network_inside_an_allowed_one_is_not_translated() -> Result<()> {
    let calls = [
        over_all(|protocol| to(80, protocol).translated()),
        over_all(|protocol| to(80, protocol).at(OTHER).untouched()),
        over_all(|protocol| to(80, protocol).at(NEIGHBOUR).untouched()),
    ];
    let annotations = [
        ("egress-allowed-networks", "172.16.0.0/12,172.19.0.1,fd00:172::/32,fd00:172:19::1"),
        ("egress-denied-networks", "172.19.0.0/16,fd00:172:19::/48"),
    ];
    expect_with(&annotations, &calls.concat())
}

/// P1: where kube-vip gives up with ports and several allowed networks (EBUSY), these are all in force.
pub(crate) fn allowed_and_denied_networks_and_ports_have_to_match_all() -> Result<()> {
    let calls = [
        to(80, Tcp).translated(),
        to(53, Udp).translated(),
        to(80, Tcp).at(NEIGHBOUR).translated(),
        to(53, Udp).at(NEIGHBOUR).translated(),
        to(8080, Tcp).untouched(),
        to(80, Udp).untouched(),
        to(0, Icmp).untouched(),
        to(8080, Tcp).at(NEIGHBOUR).untouched(),
        to(80, Tcp).at(OTHER).untouched(),
        to(53, Udp).at(OTHER).untouched(),
    ];
    let annotations = [
        ("egress-allowed-networks", "172.16.0.0/12,192.168.0.0/24,fd00:172::/32,fd00:192::/64"),
        ("egress-denied-networks", "172.19.0.1,fd00:172:19::1"),
        ("egress-destination-ports", "tcp:80,udp:53"),
    ];
    expect_with(&annotations, &calls)
}

/// P2: no annotation can allow what stays in the cluster.
pub(crate) fn allowing_everything_allows_everything_outside_the_cluster() -> Result<()> {
    let fixture = Fixture::new()?;
    let egressd = run(&fixture, &[("egress-allowed-networks", "0.0.0.0/0,::/0")])?;
    let (pod, other) = (fixture.selected(), fixture.unselected());
    expect(&egressd, pod, &over_all(|protocol| to(80, protocol).at(OTHER).translated()))?;
    for protocol in Protocol::ALL {
        egressd.expect_seen(pod, other.v4(), protocol, pod.v4())?;
        egressd.expect_seen(pod, other.v6(), protocol, pod.v6())?;
    }
    egressd.stop()
}

/// P1: nothing of IPv6 is left, and IPv4 is not meant.
pub(crate) fn denying_everything_translates_nothing() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.manifests.write(&lab::manifest::endpoints("web", [fixture.selected().v6()]))?;
    fixture.manifests.write(&web().egress_ipv6().annotation("egress-denied-networks", "::/0"))?;
    let egressd = fixture.run_until_translated()?;
    let pod = fixture.selected();
    egressd.expect_seen(pod, OUTSIDE_V4, Udp, WEB_V4)?;
    egressd.expect_seen(pod, OUTSIDE_V6, Udp, pod.v6())?;
    egressd.stop()
}

/// P1.
pub(crate) fn overlapping_and_doubled_networks_are_one() -> Result<()> {
    let calls = [
        over_all(|protocol| to(80, protocol).translated()),
        over_all(|protocol| to(80, protocol).at(OTHER).untouched()),
    ];
    let networks =
        "172.18.0.1,172.18.0.0/16,172.18.0.0/24,172.18.0.1/32,fd00:172:18::/48,fd00:172:18::/64,fd00:172:18::/48";
    expect_with(&[("egress-allowed-networks", networks)], &calls.concat())
}

/// P1: neither the policy nor the kernel is at its limits.
pub(crate) fn a_thousand_networks_are_accepted() -> Result<()> {
    let filler = (0..500).map(|n| format!("100.64.{}.{}", n / 100, 2 * (n % 100)));
    let filler_v6 = (0..500).map(|n| format!("2001:db8:{n:x}:1::/64"));
    let mut networks: Vec<String> = filler.chain(filler_v6).collect();
    networks.insert(700, "fd00:172:18::/48".to_owned());
    networks.insert(300, "172.18.0.0/24".to_owned());
    let calls = [
        over_all(|protocol| to(80, protocol).translated()),
        over_all(|protocol| to(80, protocol).at(OTHER).untouched()),
    ];
    expect_with(&[("egress-allowed-networks", &networks.join(","))], &calls.concat())
}

/// P1: a list that names nothing of a family allows nothing of it, instead of everything.
pub(crate) fn a_family_without_an_allowed_network_is_untouched() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.manifests.write(&lab::manifest::endpoints("web", [fixture.selected().v6()]))?;
    fixture.manifests.write(&web().egress_ipv6().annotation("egress-allowed-networks", "fd00:172:18::/48"))?;
    let mut egressd = fixture.run()?;
    let pod = fixture.selected();
    egressd.wait_until_seen(pod, OUTSIDE_V6, WEB_V6.into())?;
    for protocol in Protocol::ALL {
        egressd.expect_seen(pod, OUTSIDE_V4, protocol, pod.v4())?;
    }
    egressd.stop()
}
