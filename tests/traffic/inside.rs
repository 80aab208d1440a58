//! P2 where not all pod networks are known: there is no SNAT to a destination that may be a pod, and no tenant can
//! change that.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use lab::addresses::{NODE_NAME, OUTSIDE_V4, POD_NETWORK_V4};
use lab::manifest::{self, endpoints};
use lab::{Pod, Program, Protocol};

use crate::fixture::{Fixture, WEB_V4, program, web};

/// With `web` in front of pods 1 and 2, on a Node that has these networks for its pods.
fn fixture(pod_networks: &[&str]) -> Result<Fixture> {
    let fixture = Fixture::new()?;
    fixture.manifests.write(&manifest::node().pod_networks(pod_networks))?;
    fixture.manifests.write(&web())?;
    fixture.manifests.write(&endpoints("web", [1, 2].map(|number| fixture.lab.pod(number).v4())))?;
    Ok(fixture)
}

fn seen(fixture: &Fixture, pod: &Pod) -> Result<String> {
    Ok(fixture.lab.seen_from(pod, OUTSIDE_V4, Protocol::Tcp)?.to_string())
}

fn expect(fixture: &Fixture, program: &Program, expected: [IpAddr; 2], code: &str) -> Result<()> {
    let mut egressd = program.run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_log_has("running")?;
    egressd.wait_until_log_has(code)?;
    for (number, expected) in (1..).zip(expected) {
        let seen = seen(fixture, fixture.lab.pod(number))?;
        ensure!(seen == expected.to_string(), "pod {number} is seen as {seen}\n{}", egressd.circumstances());
    }
    egressd.stop()?;
    program.clean(&fixture.lab)
}

/// P2.
pub(crate) fn without_known_pod_networks_there_is_no_snat_to_private_destinations_until_a_setting_names_them()
-> Result<()> {
    let fixture = fixture(&[])?;
    let pods = [1, 2].map(|number| fixture.lab.pod(number).v4());
    expect(&fixture, &program(), pods, "networks-assumed")?;
    let with = |value: &str| program().environment("EGRESSD_INSIDE_NETWORKS", value);
    expect(&fixture, &with("none"), [WEB_V4; 2], "default/web")?;
    expect(&fixture, &with(POD_NETWORK_V4), [WEB_V4; 2], "default/web")?;
    expect(&fixture, &with("172.18.0.0/16,10.0.0.0/16"), pods, "default/web")
}

/// P2.
pub(crate) fn a_pod_outside_of_all_known_networks_is_not_translated_to_private_destinations_and_others_are()
-> Result<()> {
    let fixture = fixture(&["10.0.0.2/31"])?;
    let expected = [fixture.lab.pod(1).v4(), WEB_V4];
    expect(&fixture, &program(), expected, "endpoint-outside-pod-networks")?;
    expect(&fixture, &program().environment("EGRESSD_INSIDE_NETWORKS", "none"), [WEB_V4; 2], "default/web")
}

/// P2 is no tenant's to widen: a slice that lists an address outside, and a Service that leads to it, close it for no
/// other pod.
pub(crate) fn a_tenant_who_lists_an_outside_address_does_not_affect_others() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    fixture.manifests.write(&manifest::service("mine").namespace("evil"))?;
    let forged = endpoints("mine", [OUTSIDE_V4]).namespace("evil").naming(OUTSIDE_V4, "evil", "mine-1");
    fixture.manifests.write(&forged)?;
    // A change of another Service that comes after it is in force, so the slice was taken in.
    fixture.manifests.write(&manifest::service("other").addresses([WEB_V4]).egress())?;
    fixture.manifests.write(&endpoints("other", [fixture.lab.pod(2).v4()]))?;
    egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, WEB_V4.into())?;
    let seen = seen(&fixture, fixture.selected())?;
    ensure!(seen == WEB_V4.to_string(), "seen as {seen}");
    egressd.stop()
}

/// `status --inside` lists a destination that is not translated to, with the reason.
pub(crate) fn status_lists_what_is_inside_and_why() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let (code, text) = program().status(&fixture.lab, &fixture.manifests, &["--inside"])?;
    ensure!(code == Some(0), "{text}");
    for line in [
        format!("10.0.0.0/24  pod network of Node {NODE_NAME}"),
        "10.96.0.0/12  ServiceCIDR kubernetes".to_owned(),
        "192.168.0.200  address of a Node".to_owned(),
        format!("{WEB_V4}  address of an interface of this node"),
        "127.0.0.0/8  has no receiver beyond one link".to_owned(),
    ] {
        let columns = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(text.lines().any(|found| columns(found) == columns(&line)), "{line} is missing in\n{text}");
    }
    let (_, json) = program().status(&fixture.lab, &fixture.manifests, &["--inside", "--output=json"])?;
    ensure!(json.contains("\"destination\": \"10.0.0.0/24\""), "{json}");
    egressd.stop()
}
