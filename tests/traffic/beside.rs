//! Two nodes with another program on them.

use anyhow::Result;
use lab::addresses::{NODE_V4, NODE_V6, OUTSIDE_V4, OUTSIDE_V6};
use lab::manifest::{endpoints, second_node};
use lab::neighbours::Tables;
use lab::{Egressd, Lab, Node, Pod, Program, Protocol};

use crate::fixture::{Fixture, WEB_V4, WEB_V6, web};

/// Two nodes, and `web` with egress in both families in front of pod 1 of the first.
pub(crate) fn two_nodes(lab: Lab) -> Result<Fixture> {
    let fixture = Fixture::in_lab(lab)?;
    fixture.manifests.write(&second_node())?;
    fixture.manifests.write(&web().egress_ipv6())?;
    let pod = fixture.selected();
    fixture.manifests.write(&endpoints("web", [pod.v4()]))?;
    fixture.manifests.write(&endpoints("web", [pod.v6()]))?;
    Ok(fixture)
}

/// A pod of the second node.
pub(crate) fn far_pod(fixture: &Fixture) -> &Pod {
    second(fixture).pod(1)
}

pub(crate) fn second(fixture: &Fixture) -> &Node {
    &fixture.lab.nodes()[1]
}

/// Runs it until pod 1 is translated in both families.
pub(crate) fn run<'fixture>(fixture: &'fixture Fixture, program: &Program) -> Result<Egressd<'fixture>> {
    let mut egressd = program.run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V6, WEB_V6.into())?;
    Ok(egressd)
}

/// P1, P4: outside, the selected pod is seen with the Service's addresses and another one with its node's, as the
/// network's own rules have it; and neither is translated on the way to a pod.
pub(crate) fn expect_both_at_work(fixture: &Fixture, egressd: &Egressd<'_>) -> Result<()> {
    let (selected, other) = (fixture.selected(), fixture.unselected());
    for protocol in Protocol::ALL {
        egressd.expect_seen(selected, OUTSIDE_V4, protocol, WEB_V4)?;
        egressd.expect_seen(selected, OUTSIDE_V6, protocol, WEB_V6)?;
        egressd.expect_seen(other, OUTSIDE_V4, protocol, NODE_V4)?;
        egressd.expect_seen(other, OUTSIDE_V6, protocol, NODE_V6)?;
        for (from, to) in [(selected, other), (selected, far_pod(fixture)), (far_pod(fixture), selected)] {
            egressd.expect_seen(from, to.v4(), protocol, from.v4())?;
            egressd.expect_seen(from, to.v6(), protocol, from.v6())?;
        }
    }
    Ok(())
}

/// P10: egressd ends, its tables are removed, and those of the other program are unchanged.
pub(crate) fn expect_that_it_leaves(
    fixture: &Fixture,
    egressd: Egressd<'_>,
    program: &Program,
    others: &Tables,
) -> Result<()> {
    others.expect_untouched(fixture.lab.node())?;
    egressd.stop()?;
    program.clean(&fixture.lab)?;
    others.expect_untouched(fixture.lab.node())
}
